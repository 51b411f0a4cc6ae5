"""The chat function and its callers, and what they say to the Responses API."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from parley.ids import UserId, parse_response_id
from tests.doubles.engine import MODEL
from tests.integration.chat.conftest import Caller, ChatFunction, chat, events, http, stand_in

__all__ = ["chat", "http", "stand_in"]


@dataclass(frozen=True, slots=True)
class Responder:
    """A user of the Responses API."""

    caller: Caller

    @property
    def conversation(self) -> str:
        return self.caller.conversation

    def post(self, body: Any, path: str = "/v1/responses", **options: Any) -> Any:
        headers = {**self.caller.headers, **options.pop("headers", {})}
        data = body if isinstance(body, bytes) else json.dumps(body)
        return self.caller.http.post(self.caller.chat.url + path, data=data, headers=headers, **options)

    async def create(self, said: Any, /, **fields: Any) -> tuple[int, Any]:
        """Status and document of a response that is not streamed."""
        async with self.post({"model": MODEL, "input": said, **fields}) as response:
            return response.status, json.loads(await response.read())

    async def create_with(self, headers: dict[str, str], said: str) -> tuple[int, Any]:
        async with self.post({"model": MODEL, "input": said}, headers=headers) as response:
            return response.status, json.loads(await response.read())

    async def created(self, said: Any, /, **fields: Any) -> Any:
        status, document = await self.create(said, **fields)
        assert status == 200, document
        return document

    def streaming(self, said: Any, /, **fields: Any) -> Any:
        return self.post({"model": MODEL, "input": said, "stream": True, **fields})

    async def stream(self, said: Any, /, **fields: Any) -> list[Any]:
        async with self.streaming(said, **fields) as response:
            assert response.status == 200, await response.text()
            return [event async for event in events(response)]

    async def ask(self, method: str, path: str) -> tuple[int, Any]:
        url = f"{self.caller.chat.url}/v1/responses/{path}"
        async with self.caller.http.request(method, url, headers=self.caller.headers) as response:
            return response.status, json.loads(await response.read())

    async def get(self, path: str) -> tuple[int, Any]:
        return await self.ask("GET", path)

    def following(self, path: str) -> Any:
        return self.caller.http.get(f"{self.caller.chat.url}/v1/responses/{path}", headers=self.caller.headers)

    async def replay(self, path: str) -> list[Any]:
        async with self.following(path) as response:
            assert response.status == 200, await response.text()
            return [event async for event in events(response)]

    async def settled(self, response_id: str) -> Any:
        """The kept response once it is over."""
        async with asyncio.timeout(15):
            while (document := (await self.get(response_id))[1])["status"] in {"queued", "in_progress"}:
                await asyncio.sleep(0.02)
        return document

    async def run_job(self, response_id: str) -> None:
        """What the jobs function does with the job of a background response."""
        turns = self.caller.chat.app.state.chat.turns
        await turns.run_queued(UserId(self.caller.user_id), parse_response_id(response_id))


@pytest.fixture
def alice(chat: ChatFunction, http: aiohttp.ClientSession) -> Responder:
    return Responder(Caller(chat, http))


@pytest.fixture
def bob(chat: ChatFunction, http: aiohttp.ClientSession) -> Responder:
    return Responder(Caller(chat, http))


async def until(stream: AsyncIterator[Any], kind: str) -> Any:
    """The next event of a type."""
    async for event in stream:
        if event["type"] == kind:
            return event
    raise AssertionError(f"the stream ended before {kind}")


def text_of(document: Any) -> str:
    return "".join(part["text"] for item in document["output"] if item["type"] == "message" for part in item["content"])
