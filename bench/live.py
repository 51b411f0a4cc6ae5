"""Stored responses that are being written, each streamed to the client that asked for it."""

import asyncio
import time
from collections.abc import Sequence
from itertools import pairwise
from uuid import uuid4

import orjson

from bench import script
from bench.client import Connection, http_request
from bench.events import EventCheck
from bench.targets import headers_of

_WITHIN_S = 300


class LiveTurn:
    """A user's question to the chat function on `port`, and when each event of its answer came, in `time.monotonic()`."""

    def __init__(self, port: int, nonce: str, tokens: int) -> None:
        self.headers = headers_of(uuid4())
        self.question = script.question(nonce, tokens)
        self.check = EventCheck()
        self.arrived_s: list[float] = []
        self._port = port
        self._tokens = tokens
        self._has_begun = asyncio.Event()

    @property
    def path(self) -> str:
        return f"/v1/responses/{self.check.response_id}"

    @property
    def answer(self) -> str:
        return script.answer(self.question)

    async def ask(self) -> None:
        """Ask, and read the answer to its end. Raises: RuntimeError unless it is the right one, or was cancelled."""
        document = {
            "model": script.MODEL,
            "input": self.question,
            "max_output_tokens": self._tokens,
            "stream": True,
        }
        status = await self._send(http_request("POST", "/v1/responses", self.headers, orjson.dumps(document)))
        problem = self.check.problem(self.answer)
        if status != 200 or problem or self.check.status not in {"completed", "cancelled"}:
            raise RuntimeError(f"a response broke: status {status}, {self.check.status}; {problem}")

    async def wait_for_begin(self) -> None:
        await self._has_begun.wait()

    async def cancel(self) -> None:
        connection = await Connection.open(self._port)
        await connection.ask(http_request("POST", f"{self.path}/cancel", self.headers), lambda _: None, _WITHIN_S)
        connection.leave()

    async def _send(self, request: bytes) -> int:
        connection = await Connection.open(self._port)
        try:
            return await connection.ask(request, self._receive, _WITHIN_S)
        finally:
            connection.leave()

    def _receive(self, body: bytes) -> None:
        self.arrived_s += [time.monotonic()] * self.check.feed(body)
        if self.check.response_id is not None:
            self._has_begun.set()


def events_between(turn: LiveTurn, from_s: float, until_s: float) -> list[float]:
    return [at for at in turn.arrived_s if from_s <= at < until_s]


def gaps_ms(arrived_s: Sequence[float]) -> list[float]:
    """Between each two that followed each other."""
    return [(later - earlier) * 1000 for earlier, later in pairwise(arrived_s)]
