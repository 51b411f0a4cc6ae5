"""The chat function on real Postgres and Valkey, listening on loopback, before an engine that can be told what to do."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import aiohttp
import psycopg
import pytest
import uvicorn

from lambdas.chat.app import create_app
from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port
from parley.moderation.classifier import Classifier
from parley.settings import ChatSettings
from tests.doubles.engine import MODEL, StandInEngine, running_stand_in


@dataclass(slots=True)
class ChatFunction:
    """The running function, and the database behind it seen as the owner."""

    url: str
    app: Any
    settings: ChatSettings
    owner_url: str

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.owner_url) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@dataclass(slots=True)
class Caller:
    """One user, with one conversation, as API Gateway's authorizer lets him through."""

    chat: ChatFunction
    http: aiohttp.ClientSession
    user_id: UUID = field(default_factory=uuid4)
    conversation_id: UUID = field(default_factory=uuid4)
    tier: str = "free"

    def __post_init__(self) -> None:
        with psycopg.connect(self.chat.owner_url) as connection:
            connection.execute("INSERT INTO users (user_id) VALUES (%s)", (self.user_id,))
            connection.execute(
                "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)",
                (self.user_id, self.conversation_id),
            )

    @property
    def conversation(self) -> str:
        return f"conv_{self.conversation_id.hex}"

    @property
    def headers(self) -> dict[str, str]:
        authorizer = {"principalId": str(self.user_id), "user_id": str(self.user_id), "tier": self.tier, "roles": ""}
        return {"x-amzn-request-context": json.dumps({"requestId": "test-request", "authorizer": authorizer})}

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.http.post(self.chat.url + path, data=data, headers=self.headers, **options)

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.http.get(self.chat.url + path, headers=self.headers) as response:
            return response.status, await response.json()

    async def whole(self, body: Any) -> tuple[int, Any]:
        """Status and document of a completion that is not streamed."""
        async with self.post("/v1/chat/completions", body) as response:
            return response.status, json.loads(await response.read())

    async def stream(self, body: Any) -> list[Any]:
        """All events of a completion: documents, and "[DONE]"."""
        async with self.post("/v1/chat/completions", {**body, "stream": True}) as response:
            assert response.status == 200, await response.text()
            return [event async for event in events(response)]

    async def say(self, text: str, **fields: Any) -> list[Any]:
        """Stream a message in the conversation."""
        return await self.stream({"conversation_id": self.conversation, "message": text, **fields})

    async def cancel(self, response_id: str) -> tuple[int, Any]:
        async with self.post(f"/v1/responses/{response_id}/cancel") as response:
            return response.status, await response.json()

    def items(self) -> list[tuple[Any, ...]]:
        """role (or type), status and text of what is stored, in order."""
        return [
            (
                role or kind,
                status,
                "\n".join(content.get("texts", ())) or content.get("arguments") or content.get("output"),
            )
            for kind, role, status, content in self.chat.rows(
                "SELECT type, role, status, content FROM items WHERE user_id = %s ORDER BY sequence", self.user_id
            )
        ]

    def responses(self) -> list[tuple[Any, ...]]:
        """status, finish_reason, error_code, prompt and completion tokens, oldest first."""
        return self.chat.rows(
            "SELECT status, finish_reason, error_code, prompt_tokens, completion_tokens FROM responses "
            "WHERE user_id = %s ORDER BY created_at",
            self.user_id,
        )

    async def settled(self) -> tuple[Any, ...]:
        """The newest response once it is not in progress any more."""
        async with asyncio.timeout(15):
            while (newest := self.responses()[-1])[0] == "in_progress":
                await asyncio.sleep(0.02)
        return newest


async def events(response: aiohttp.ClientResponse) -> AsyncIterator[Any]:
    async for line in response.content:
        if line.startswith(b"data: "):
            payload = line[6:].strip()
            yield payload.decode() if payload == b"[DONE]" else json.loads(payload)


def text_of(stream: list[Any]) -> str:
    return "".join(
        event["choices"][0]["delta"].get("content") or ""
        for event in stream
        if isinstance(event, dict) and event.get("choices")
    )


def plain(text: str, **fields: Any) -> dict[str, Any]:
    """A stateless request."""
    return {"model": MODEL, "messages": [{"role": "user", "content": text}], **fields}


@asynccontextmanager
async def running_chat(
    settings: ChatSettings, owner_url: str, classifier: Classifier | None = None
) -> AsyncIterator[ChatFunction]:
    app = create_app(settings, classifier)
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield ChatFunction(f"http://127.0.0.1:{port}", app, settings, owner_url)
    finally:
        server.should_exit = True
        await serving


@pytest.fixture(scope="session")
async def stand_in() -> AsyncIterator[StandInEngine]:
    async with running_stand_in() as engine:
        yield engine


def settings_for(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_url: str, **changes: Any) -> ChatSettings:
    return ChatSettings(
        database_url=postgres.url_for("parley_app"),
        valkey_url=valkey.url,
        valkey_password_file=valkey.password_file,
        engine_url=engine_url,
        message_limit_bytes=10_000,
        **changes,
    )


@pytest.fixture(scope="session")
async def chat(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine
) -> AsyncIterator[ChatFunction]:
    settings = settings_for(postgres, valkey, stand_in.url, engine_read_timeout_s=2)
    async with running_chat(settings, postgres.owner_url) as function:
        yield function


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def alice(chat: ChatFunction, http: aiohttp.ClientSession) -> Caller:
    return Caller(chat, http)


@pytest.fixture
def bob(chat: ChatFunction, http: aiohttp.ClientSession) -> Caller:
    return Caller(chat, http)
