"""`GET /health` on loopback, for the check of the container that the registrar runs in."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from math import isfinite

from aiohttp import web

STALE_AFTER_S = 15


@asynccontextmanager
async def serve_health(port: int, round_age_s: Callable[[], float]) -> AsyncGenerator[None]:
    """Answers 200 while a round was completed in the last 15 s, else 503. The age is infinite before the first: were a new
    registrar healthy until then, ECS would put a router without workers in a good one's place.
    """

    async def answer(_: web.Request) -> web.Response:
        age_s = round_age_s()
        said = round(age_s, 1) if isfinite(age_s) else None
        return web.json_response({"round_age_s": said}, status=200 if age_s < STALE_AFTER_S else 503)

    app = web.Application()
    app.router.add_get("/health", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield
    finally:
        await runner.cleanup()
