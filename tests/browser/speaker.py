"""An engine for the page: what the stand-in does, thinking aloud, and an answer to whatever a reader may say."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from tests.doubles.engine import StandInEngine, _data

# What it says to what it does not understand, such as to be asked for a title.
TITLE = "w0 w1 w2"
THOUGHTS = ("The reader ", "wants words. ", "I count them ", "one by one, ", "and say them.")


class Speaker(StandInEngine):
    """`think 5 every 0.1` thinks before it says its words; what is no order of the stand-in's gets three words."""

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        verb, *rest = str(body["messages"][-1]["content"]).split()
        if rest and rest[0].isdecimal() and verb != "think":
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
