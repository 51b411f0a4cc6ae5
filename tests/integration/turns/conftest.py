"""Turns without an HTTP edge, on real Postgres and Valkey: several processes are several `Turns` here."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from aws_lambda_powertools import Logger

from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.conversations.model import Message, Role
from parley.ids import ConversationId, UserId
from parley.kit.postgres import open_pool
from parley.kit.valkey import open_valkey, ping
from parley.models.pools import PoolStates
from parley.moderation.service import Moderation
from parley.settings import EngineSettings
from parley.turns.checkpoints import checkpoints_in
from parley.turns.log import ResponseLog, open_response_log
from parley.turns.model import ChatTurn, TurnInput
from parley.turns.service import TurnParts, Turns, open_turns
from parley.turns.turn import Turn
from parley.wiring.models import open_models
from tests.doubles.engine import StandInEngine, running_stand_in
from tests.doubles.turns import A_MODEL, ForgetfulQueue
from tests.integration.kit.faults import works_again_after_s

LOGGER = Logger(service="tests", level="CRITICAL")


@dataclass(slots=True)
class Process:
    """What one process holds."""

    turns: Turns
    log: ResponseLog
    queue: ForgetfulQueue


@dataclass(slots=True)
class Asker:
    """A user with a conversation."""

    owner_url: str
    user_id: UserId = field(default_factory=lambda: UserId(uuid4()))
    conversation_id: ConversationId = field(default_factory=lambda: ConversationId(uuid4()))

    def __post_init__(self) -> None:
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("INSERT INTO users (user_id) VALUES (%s)", (self.user_id,))
            connection.execute(
                "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)",
                (self.user_id, self.conversation_id),
            )

    def says(self, text: str, **fields: Any) -> ChatTurn:
        """A message in the conversation, or in what `fields` of the input say."""
        names = ("conversation_id", "previous_response_id", "is_stored", "may_truncate")
        places = {name: fields.pop(name) for name in names if name in fields} or {
            "conversation_id": self.conversation_id
        }
        contents = (Message(Role.USER, (text,)),)
        return ChatTurn(self.user_id, A_MODEL, {}, input=TurnInput(contents, **places), **fields)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the query of the owner finds; it names the user as `%s`."""
        with psycopg.connect(self.owner_url) as connection:
            return connection.execute(query.encode(), (self.user_id,)).fetchall()


@pytest.fixture(scope="session")
async def engine_double() -> AsyncGenerator[StandInEngine]:
    async with running_stand_in() as engine:
        yield engine


@pytest.fixture
def asker(postgres: EmbeddedPostgres) -> Asker:
    return Asker(postgres.owner_url)


@asynccontextmanager
async def running_process(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    engine_url: str,
    *,
    valkey_url: str | None = None,
    moderation: Moderation | None = None,
) -> AsyncGenerator[Process]:
    queue = ForgetfulQueue()
    async with (
        open_pool(postgres.url_for("parley_app"), size=4) as pool,
        open_valkey(valkey_url or valkey.url, valkey.password_file) as client,
        open_response_log(client, LOGGER, 60, checkpoints_in(pool)) as log,
        open_models(EngineSettings(engine_url=engine_url)) as models,
        open_turns(
            TurnParts(
                pool,
                models.catalogue,
                models.engines,
                PoolStates(client),
                log,
                queue,
                LOGGER,
                60,
                makes_titles=True,
                moderation=moderation,
            )
        ) as turns,
    ):
        # A machine that stands still while it first connects fails no test: connecting has half a second.
        await pool.wait(30)
        if valkey_url is None:
            await works_again_after_s(lambda: ping(client))
        yield Process(turns, log, queue)


@pytest.fixture
async def here(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_double: StandInEngine
) -> AsyncGenerator[Process]:
    async with running_process(postgres, valkey, engine_double.url) as process:
        yield process


@pytest.fixture
async def elsewhere(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_double: StandInEngine
) -> AsyncGenerator[Process]:
    async with running_process(postgres, valkey, engine_double.url) as process:
        yield process


async def texts(turn: Turn) -> list[str]:
    """The texts of all deltas, to the end."""
    async with turn.reader(60) as reader:
        return [delta.text async for batch in reader for delta in batch]
