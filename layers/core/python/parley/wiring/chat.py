"""The parts of the chat function, opened in order and closed in reverse."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from parley.kit.postgres import open_pool
from parley.kit.valkey import open_valkey
from parley.models.client import open_engine
from parley.models.service import Catalogue
from parley.settings import ChatSettings
from parley.turns.log import open_response_log
from parley.turns.service import Turns, open_turns


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat function's parts."""

    catalogue: Catalogue
    turns: Turns
    message_limit_bytes: int


@asynccontextmanager
async def open_chat(settings: ChatSettings, logger: Logger) -> AsyncGenerator[Chat]:
    """Opens without asking any of them: a part that is away is found, and named, by the request that needs it."""
    async with (
        open_pool(settings.database_url, size=settings.database_pool_size) as pool,
        open_valkey(settings.valkey_url, settings.valkey_password_file) as valkey,
        open_response_log(valkey, logger) as log,
        open_engine(settings) as engine,
        open_turns(pool, engine, log, logger, settings.turn_deadline_s) as turns,
    ):
        yield Chat(Catalogue(engine), turns, settings.message_limit_bytes)
