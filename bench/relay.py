"""The least a relay in Python can do, to compare with: Starlette and aiohttp pass the bytes on and look at none of them.

ENGINE_URL=http://127.0.0.1:9000/v1 python -m uvicorn --factory bench.relay:app
"""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route


def app() -> Starlette:
    engine_url = os.environ["ENGINE_URL"]  # noqa: TID251 -- not of the product: the benchmark hands it over so

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            app.state.session = session
            yield

    async def relay(request: Request) -> StreamingResponse:
        session: aiohttp.ClientSession = request.app.state.session
        return StreamingResponse(_bytes(session, await request.body()), media_type="text/event-stream")

    async def _bytes(session: aiohttp.ClientSession, body: bytes) -> AsyncGenerator[bytes]:
        headers = {"content-type": "application/json"}
        async with session.post(f"{engine_url}/chat/completions", data=body, headers=headers) as response:
            async for data in response.content.iter_any():
                yield data

    return Starlette(routes=[Route("/v1/chat/completions", relay, methods=["POST"])], lifespan=lifespan)
