"""The stand-in engine with a few more faults: `flood 1000 of 50` sends pieces of 50 characters as fast as they are taken,
`nul 3` sends a character that Postgres cannot store.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.doubles.engine import StandInEngine, _event


class FaultyEngine(StandInEngine):
    """`tokenizing` is cleared to let the tokenizer hang."""

    def __init__(self) -> None:
        super().__init__()
        self.tokenizing = asyncio.Event()
        self.tokenizing.set()

    async def _tokenize(self, request: web.Request) -> web.Response:
        await self.tokenizing.wait()
        return await super()._tokenize(request)

    async def _stream(self, response: web.StreamResponse, verb: str, count: int, rest: list[str], body: Any) -> None:
        match verb:
            case "flood":
                await response.write(_event({"role": "assistant", "content": None}))
                piece = _event({"content": "x" * int(rest[2])})
                for _ in range(count):
                    await response.write(piece)
                await self._finish(response, "stop", count, body)
            case "nul":
                await response.write(_event({"role": "assistant", "content": None}))
                for _ in range(count):
                    await response.write(_event({"content": "a\0b "}))
                await self._finish(response, "stop", count, body)
            case _:
                await super()._stream(response, verb, count, rest, body)


@asynccontextmanager
async def running_engine() -> AsyncIterator[FaultyEngine]:
    """On a free loopback port."""
    engine = FaultyEngine()
    runner = web.AppRunner(engine.app(), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield engine
    finally:
        engine.tokenizing.set()
        await runner.cleanup()
