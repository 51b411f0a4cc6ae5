"""The parts of the chat function, opened in order and closed in reverse."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from parley.models.pools import PoolStates
from parley.models.service import Catalogue
from parley.moderation.classifier import Classifier
from parley.settings import ChatSettings
from parley.turns.checkpoints import checkpoints_in
from parley.turns.log import open_response_log
from parley.turns.service import TurnParts, Turns, open_turns
from parley.wiring.cache import open_cache
from parley.wiring.database import open_database
from parley.wiring.judging import open_judging
from parley.wiring.models import open_models
from parley.wiring.queue import open_queue


@dataclass(frozen=True, slots=True)
class Chat:
    """The chat function's parts."""

    catalogue: Catalogue
    turns: Turns
    message_limit_bytes: int


@asynccontextmanager
async def open_chat(
    settings: ChatSettings, logger: Logger, classifier: Classifier | None = None
) -> AsyncGenerator[Chat]:
    """Opens without asking any of them: a part that is away is found, and named, by the request that needs it."""
    async with (
        open_database(settings) as pool,
        open_cache(settings) as valkey,
        open_response_log(valkey, logger, settings.response_log_kept_s, checkpoints_in(pool)) as log,
        open_queue(settings) as queue,
        open_models(settings) as models,
        open_judging(settings, logger, classifier) as moderation,
    ):
        parts = TurnParts(
            pool,
            models.catalogue,
            models.engines,
            PoolStates(valkey, settings.pool_state_timeout_s),
            log,
            queue,
            logger,
            deadline_s=settings.turn_deadline_s,
            makes_titles=settings.titles == "engine",
            moderation=moderation,
        )
        async with open_turns(parts) as turns:
            yield Chat(models.catalogue, turns, settings.message_limit_bytes)
