"""Clients: a user at one chat process, and the streams it reads, each event with the moment at which it came."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from time import monotonic
from typing import Any, Self
from uuid import UUID, uuid4

import aiohttp
import psycopg

from tests.doubles.engine import MODEL
from tests.faults.parts import ChatProcess, Parts


@dataclass(slots=True)
class User:
    """One with a conversation, and what the database holds of it."""

    parts: Parts
    user_id: UUID = field(default_factory=uuid4)
    conversation_id: UUID = field(default_factory=uuid4)

    def __post_init__(self) -> None:
        with psycopg.connect(self.parts.postgres.owner_url) as connection:
            connection.execute("INSERT INTO users (user_id) VALUES (%s)", (self.user_id,))
            connection.execute(
                "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)",
                (self.user_id, self.conversation_id),
            )

    @property
    def conversation(self) -> str:
        return f"conv_{self.conversation_id.hex}"

    def responses(self) -> list[tuple[Any, ...]]:
        """status, finish_reason, error_code and completion tokens, oldest first."""
        return self.parts.rows(
            "SELECT status, finish_reason, error_code, completion_tokens FROM responses WHERE user_id = %s "
            "ORDER BY created_at",
            self.user_id,
        )

    def items(self) -> list[tuple[str, str, str]]:
        """role, status and text of what is stored, in order."""
        rows = self.parts.rows(
            "SELECT role, status, content FROM items WHERE user_id = %s ORDER BY sequence", self.user_id
        )
        return [(role, status, "\n".join(content["texts"])) for role, status, content in rows]

    def everything(self) -> list[list[tuple[Any, ...]]]:
        """All rows of the user, as they are."""
        return [
            self.parts.rows("SELECT * FROM responses WHERE user_id = %s ORDER BY response_id", self.user_id),
            self.parts.rows("SELECT * FROM items WHERE user_id = %s ORDER BY item_id", self.user_id),
            self.parts.rows("SELECT * FROM conversations WHERE user_id = %s", self.user_id),
        ]

    async def settled(self, within_s: float = 20) -> tuple[Any, ...]:
        """The newest response, once it is over."""
        await eventually(lambda: self.responses()[-1][0] not in {"in_progress", "queued"}, within_s)
        return self.responses()[-1]


async def eventually(holds: Callable[[], Any], within_s: float = 10, every_s: float = 0.05) -> None:
    """To ask the database takes a moment in which nothing else here runs: not the engine, nor a sweeper."""
    async with asyncio.timeout(within_s):
        while not holds():
            await asyncio.sleep(every_s)


class Reading:
    """A stream that is being read. `is_broken`: the connection ended before the stream did."""

    def __init__(self, request: Any) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.events: list[tuple[float, Any]] = []
        self.document: Any = None
        self.is_broken = False
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(self._read(request))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()
        await asyncio.wait([self._task])

    def leave(self) -> None:
        """As a browser does whose tab is closed."""
        self._task.cancel()

    async def until(self, holds: Callable[[], Any], within_s: float = 10) -> None:
        async with asyncio.timeout(within_s):
            while not holds():
                assert not self._task.done(), f"the stream is over: {self.status} {self.events[-1:]} {self.document}"
                self._changed.clear()
                await self._changed.wait()

    async def has(self, pieces: int, within_s: float = 10) -> None:
        """Returns once so many pieces of text have come."""
        await self.until(lambda: len(self.pieces) >= pieces, within_s)

    async def end(self, within_s: float = 25) -> None:
        async with asyncio.timeout(within_s):
            await asyncio.shield(self._task)

    @property
    def is_over(self) -> bool:
        return self._task.done()

    @property
    def pieces(self) -> list[tuple[float, str]]:
        return [(at_s, text) for at_s, event in self.events if (text := _text_in(event))]

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.pieces)

    def text_until(self, at_s: float) -> str:
        """What had come by then."""
        return "".join(text for came_s, text in self.pieces if came_s <= at_s)

    @property
    def numbers(self) -> list[int]:
        return [event["sequence_number"] for _, event in self.events]

    @property
    def last(self) -> Any:
        return self.events[-1][1]

    @property
    def longest_gap_s(self) -> float:
        times = [at_s for at_s, _ in self.pieces]
        return max(later - earlier for earlier, later in pairwise(times))

    @property
    def response_id(self) -> str:
        """Of a stored turn."""
        _, first = self.events[0]
        return first["response"]["id"] if "response" in first else first["response_id"]

    async def _read(self, request: Any) -> None:
        try:
            async with request as response:
                self.status, self.headers = response.status, response.headers
                if response.content_type != "text/event-stream":
                    self.document = json.loads(await response.read())
                    return
                async for line in response.content:
                    if line.startswith(b"data: "):
                        payload = line[6:].strip()
                        self.events.append((monotonic(), "[DONE]" if payload == b"[DONE]" else json.loads(payload)))
                        self._changed.set()
        except aiohttp.ClientError:
            self.is_broken = True
        finally:
            self._changed.set()


def _text_in(event: Any) -> str:
    if not isinstance(event, dict):
        return ""
    if event.get("type") == "response.output_text.delta":
        return event["delta"]
    choices = event.get("choices") or [{}]
    return choices[0].get("delta", {}).get("content") or ""


@dataclass(slots=True)
class Device:
    """The user at one chat process."""

    http: aiohttp.ClientSession
    process: ChatProcess
    user: User
    model: str = MODEL

    @property
    def headers(self) -> dict[str, str]:
        user_id = str(self.user.user_id)
        authorizer = {"principalId": user_id, "user_id": user_id, "tier": "free", "roles": ""}
        return {"x-amzn-request-context": json.dumps({"requestId": "test-request", "authorizer": authorizer})}

    def says(self, text: str, **fields: Any) -> Reading:
        """A turn of the conversation, by the Responses API."""
        body = {"model": self.model, "input": text, "conversation": self.user.conversation, "stream": True, **fields}
        return Reading(self._request("POST", "/v1/responses", body))

    def chats(self, text: str, **fields: Any) -> Reading:
        """The same by chat completions."""
        body = {"conversation_id": self.user.conversation, "message": text, "stream": True, **fields}
        return Reading(self._request("POST", "/v1/chat/completions", body))

    def chats_unstored(self, text: str, **fields: Any) -> Reading:
        body = {"model": self.model, "messages": [{"role": "user", "content": text}], "stream": True, **fields}
        return Reading(self._request("POST", "/v1/chat/completions", body))

    def follows(self, response_id: str, starting_after: int | None = None) -> Reading:
        query = "" if starting_after is None else f"&starting_after={starting_after}"
        return Reading(self._request("GET", f"/v1/responses/{response_id}?stream=true{query}"))

    async def get(self, response_id: str) -> tuple[int, Any]:
        return await self._ask("GET", f"/v1/responses/{response_id}")

    async def cancel(self, response_id: str) -> tuple[int, Any]:
        return await self._ask("POST", f"/v1/responses/{response_id}/cancel")

    async def goes_on(self) -> None:
        """The conversation takes another turn and answers it."""
        before = len(self.user.items())
        async with self.says("words 2") as reading:
            await reading.end()
        assert (reading.status, reading.text) == (200, "w0 w1 "), reading.document
        assert [role for role, _, _ in self.user.items()[before:]] == ["user", "assistant"]

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body)
        return self.http.request(method, self.process.url + path, data=data, headers=self.headers)

    async def _ask(self, method: str, path: str) -> tuple[int, Any]:
        async with self._request(method, path) as response:
            return response.status, json.loads(await response.read())


def words(count: int) -> str:
    """What the stand-in engine says to `words COUNT`."""
    return "".join(f"w{index} " for index in range(count))


def output_text(document: Any) -> str:
    """The text of a response's document."""
    return "".join(part["text"] for item in document["output"] for part in item.get("content") or ())
