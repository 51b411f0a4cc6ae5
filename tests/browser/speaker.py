"""An engine for the page: what the stand-in does, thinking aloud, and an answer to whatever a reader may say."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from local.parts import temporary_home
from local.parts.ports import free_port
from tests.conftest import PARLEY, ROOT, Stack
from tests.doubles.engine import StandInEngine, _data

# What it says to what it does not understand, such as to be asked for a title.
TITLE = "w0 w1 w2"
THOUGHTS = ("The reader ", "wants words. ", "I count them ", "one by one, ", "and say them.")


class Speaker(StandInEngine):
    """`think 5 every 0.1` thinks before it says its words; what is no order of the stand-in's gets three words."""

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        verb, *rest = str(body["messages"][-1]["content"]).split()
        if verb == "deltas" or (rest and rest[0].isdecimal() and verb != "think"):
            return await super()._chat(request)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        if verb == "think":
            await self._think(response, rest, body)
        else:
            await self._stream(response, "words", 3, [], body)
        return response

    async def _think(self, response: web.StreamResponse, rest: list[str], body: Any) -> None:
        for thought in THOUGHTS:
            await response.write(_data({"choices": [{"index": 0, "delta": {"reasoning_content": thought}}]}))
            await asyncio.sleep(float(rest[2]) if "every" in rest else 0)
        await self._stream(response, "words", int(rest[0]), rest, body)


@asynccontextmanager
async def running_speaker() -> AsyncIterator[str]:
    """Its base URL."""
    runner = web.AppRunner(Speaker().app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def stack_with_speaker() -> AsyncIterator[Stack]:
    """A stack of its own with the speaking engine."""
    port = str(free_port())
    with temporary_home() as folder:
        async with running_speaker() as engine_url:
            environment = {**os.environ, "PARLEY_HOME": str(folder), "PORT": port, "ENGINE_URL": engine_url}
            await asyncio.to_thread(_parley, environment, "up", "--detach")
            try:
                yield Stack(f"http://127.0.0.1:{port}", folder)
            finally:
                await asyncio.to_thread(_parley, environment, "down")


def _parley(environment: dict[str, str], *arguments: str) -> None:
    # In a thread: the stack asks the engine, which runs in this process.
    subprocess.run([PARLEY, *arguments], env=environment, cwd=ROOT, timeout=100, check=True, capture_output=True)
