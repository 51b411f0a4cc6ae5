"""The life of a replica: it starts, is ready, drains, and ends."""

import asyncio
import signal
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import aiohttp
from aiohttp import web

from gpu_workers.vllm.command import build_command
from gpu_workers.vllm.engine import Engine
from gpu_workers.vllm.errors import StartError
from gpu_workers.vllm.settings import Settings

_ASKS_EVERY_S = 0.5


class Say(Protocol):
    """Writes an event with its fields to the log."""

    def __call__(self, event: str, **fields: object) -> None: ...


@dataclass(frozen=True, slots=True)
class Stops:
    """That we were told to end. Once: when what runs is finished. Twice: now."""

    told: asyncio.Event = field(default_factory=asyncio.Event)
    told_again: asyncio.Event = field(default_factory=asyncio.Event)

    def count(self) -> None:
        """A signal came."""
        (self.told_again if self.told.is_set() else self.told).set()


async def run_replica(settings: Settings, adapters: Mapping[str, Path], say: Say) -> int:
    """The exit code: 0 when we were told to end, never 0 when vLLM ended by itself. Raises: StartError."""
    stops = Stops()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stops.count)
    async with aiohttp.ClientSession() as http:
        try:
            engine = await Engine.start(build_command(settings, adapters), settings.port, http)
        except FileNotFoundError as error:
            raise StartError(
                "There is no program `vllm` here: run this in the image that the Dockerfile makes"
            ) from error
        try:
            async with _serving_readiness(settings.ready_port, engine, stops):
                return await _see_it_through(engine, settings, stops, say)
        finally:
            await engine.kill()


async def _see_it_through(engine: Engine, settings: Settings, stops: Stops, say: Say) -> int:
    await _first_of(engine.process.wait(), stops.told.wait())
    if stops.told.is_set():
        say("draining", timeout_s=settings.drain_timeout_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(settings.drain_timeout_s):
                await _first_of(
                    _until_idle(engine, settings.drain_delay_s), stops.told_again.wait(), engine.process.wait()
                )
    if engine.exit_code is not None:
        say("vllm_ended", exit_code=engine.exit_code)
        return engine.exit_code or 1
    unfinished = await engine.count_unfinished()
    say("stopping", unfinished=unfinished)
    if unfinished:
        await engine.kill()
    else:
        await engine.stop()
    return 0


async def _until_idle(engine: Engine, delay_s: float) -> None:
    """Returns when nothing is left of what was sent here; at once if nothing can have been."""
    if not await engine.is_listening():
        return
    await asyncio.sleep(delay_s)
    # Twice in a row: what was just accepted is in no gauge before the engine's next step.
    quiet = 0
    while quiet < 2:
        await asyncio.sleep(_ASKS_EVERY_S)
        quiet = quiet + 1 if await engine.count_unfinished() == 0 else 0


async def _first_of(*coroutines: Coroutine[Any, Any, object]) -> None:
    """Returns when one of them is done, after the others were cancelled."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def _serving_readiness(port: int, engine: Engine, stops: Stops) -> AsyncGenerator[None]:
    """`GET /ready`, for the registrar. vLLM is asked when we are: nothing is polled."""

    async def ready(_: web.Request) -> web.Response:
        if stops.told.is_set():
            return web.json_response({"ready": False, "reason": "draining"}, status=503)
        if not await engine.is_healthy():
            return web.json_response({"ready": False, "reason": "starting"}, status=503)
        return web.json_response({"ready": True})

    app = web.Application()
    app.router.add_get("/ready", ready)
    runner = web.AppRunner(app, access_log=None, handle_signals=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "0.0.0.0", port, shutdown_timeout=1).start()
        yield
    finally:
        await runner.cleanup()
