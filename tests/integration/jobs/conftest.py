"""What the tests of jobs share."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from redis.cluster import RedisCluster as SyncCluster

from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.conversations.model import Message, Role
from parley.ids import ConversationId, UserId
from parley.kit.telemetry import open_logger
from parley.kit.valkey import RedisCluster, open_valkey, ping
from parley.kit.valkey_queue import DEAD_LETTERS, FIELD, STREAM
from parley.settings import ChatSettings
from parley.turns.model import ChatTurn, TurnInput
from parley.turns.service import Turns
from parley.wiring.chat import open_chat
from tests.doubles.engine import StandInEngine, running_stand_in
from tests.doubles.turns import A_MODEL
from tests.integration.kit.faults import works_again_after_s


def jobs_environment(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_url: str = "http://127.0.0.1:9/v1"
) -> dict[str, str]:
    """What the function finds in its environment; no engine listens at the usual one."""
    return {
        "DATABASE_URL": postgres.url_for("parley_jobs"),
        "APP_DATABASE_URL": postgres.url_for("parley_app"),
        "VALKEY_URL": valkey.url,
        "VALKEY_PASSWORD_FILE": str(valkey.password_file),
        "ENGINE_URL": engine_url,
    }


def sqs_event(*bodies: str) -> dict[str, Any]:
    """https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html; the messages are called 0, 1, 2 …"""
    records = [
        {
            "messageId": str(number),
            "receiptHandle": "handle",
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:jobs",
            "awsRegion": "eu-west-1",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


def failed(*numbers: int) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": str(number)} for number in numbers]}


@pytest.fixture
def stream(valkey: EmbeddedValkey) -> Iterator[Any]:
    """A client of the tests' own, which finds the queue empty and leaves it so."""
    with closing(SyncCluster.from_url(valkey.url, password=valkey.password_file.read_text())) as client:
        client.delete(STREAM, DEAD_LETTERS)
        yield client
        client.delete(STREAM, DEAD_LETTERS)


@pytest.fixture
async def cluster(valkey: EmbeddedValkey) -> AsyncIterator[RedisCluster]:
    async with open_valkey(valkey.url, valkey.password_file) as client:
        await works_again_after_s(lambda: ping(client))
        yield client


@pytest.fixture(scope="module")
async def stand_in() -> AsyncIterator[StandInEngine]:
    async with running_stand_in() as engine:
        yield engine


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with one conversation, before the turns of the chat function, whose jobs wait in the stream."""

    turns: Turns
    stream: Any
    owner_url: str
    user_id: UserId
    conversation_id: ConversationId

    def say(self, text: str, *, is_background: bool = False) -> ChatTurn:
        said = TurnInput((Message(Role.USER, (text,)),), self.conversation_id)
        return ChatTurn(self.user_id, A_MODEL, {}, input=said, is_background=is_background)

    def taken_jobs(self) -> list[dict[str, str]]:
        """What waits in the queue, which is empty afterwards."""
        entries = self.stream.xrange(STREAM)
        self.stream.delete(STREAM)
        return [json.loads(fields[FIELD]) for _, fields in entries]

    @property
    def title(self) -> str | None:
        with psycopg.connect(self.owner_url) as connection:
            row = connection.execute(
                "SELECT title FROM conversations WHERE conversation_id = %s", (self.conversation_id,)
            ).fetchone()
        assert row
        return row[0]

    def rename(self, title: str | None) -> None:
        with psycopg.connect(self.owner_url) as connection:
            connection.execute(
                "UPDATE conversations SET title = %s WHERE conversation_id = %s", (title, self.conversation_id)
            )

    def queue_again(self, lease_epoch: int) -> None:
        """As the sweeper would, once its process is silent for long enough."""
        with psycopg.connect(self.owner_url) as connection:
            connection.execute(
                "UPDATE responses SET status = 'queued', lease_epoch = %s WHERE user_id = %s",
                (lease_epoch, self.user_id),
            )

    def forget_conversation(self) -> None:
        with psycopg.connect(self.owner_url) as connection:
            connection.execute("DELETE FROM conversations WHERE conversation_id = %s", (self.conversation_id,))


@pytest.fixture
async def user(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine, stream: Any
) -> AsyncIterator[User]:
    settings = ChatSettings(
        database_url=postgres.url_for("parley_app"),
        valkey_url=valkey.url,
        valkey_password_file=valkey.password_file,
        engine_url=stand_in.url,
    )
    user_id, conversation_id = UserId(uuid4()), ConversationId(uuid4())
    with psycopg.connect(postgres.owner_url) as connection:
        connection.execute("INSERT INTO users (user_id) VALUES (%s)", (user_id,))
        connection.execute(
            "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)", (user_id, conversation_id)
        )
    async with open_chat(settings, open_logger("tests")) as chat:
        yield User(chat.turns, stream, postgres.owner_url, user_id, conversation_id)
