"""The entrypoint as a process, with the stand-in as its `vllm`."""

import asyncio
import json
import os
import signal
import stat
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from local.parts.ports import free_port

ROOT = Path(__file__).parents[3]


@dataclass(slots=True)
class Replica:
    """`tmp` holds the stand-in, whether it has loaded its model, and the entrypoint's log."""

    tmp: Path
    http: aiohttp.ClientSession
    changes: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    ready_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        program = self.tmp / "vllm"
        program.write_text(f"#!{sys.executable}\n" + (Path(__file__).parent / "stand_in.py").read_text())
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gpu_workers.vllm", cwd=ROOT, env=self._environment(), stdout=log, stderr=log
            )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.tmp}:{os.environ['PATH']}",
            "LOADED": str(self.tmp / "loaded"),
            "WORKER_PID": str(self.tmp / "worker.pid"),
            "PROFILE": "fast",
            "MODEL_NAME": "m",
            "MODEL_URI": "s3://store/models/m/1",
            "PORT": str(self.port),
            "READY_PORT": str(self.ready_port),
            "DRAIN_DELAY_S": "0.2",
            **self.changes,
        }

    @property
    def log(self) -> Path:
        return self.tmp / "log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def load(self) -> None:
        """The model is in memory now."""
        (self.tmp / "loaded").touch()

    async def readiness(self) -> tuple[int, dict[str, Any]] | None:
        """What `/ready` says; None while nobody listens there."""
        try:
            async with self.http.get(f"http://127.0.0.1:{self.ready_port}/ready") as response:
                return response.status, await response.json()
        except aiohttp.ClientConnectionError:
            return None

    async def until(self, status: int, reason: str | None = None) -> None:
        """`/ready` says this."""
        wanted = {"ready": True} if reason is None else {"ready": False, "reason": reason}
        async with asyncio.timeout(20):
            while await self.readiness() != (status, wanted):
                assert self.running.returncode is None, self.log.read_text()
                await asyncio.sleep(0.02)

    async def is_ready(self) -> None:
        self.load()
        await self.until(200)

    def terminate(self) -> None:
        self.running.terminate()

    async def exit_code(self) -> int:
        async with asyncio.timeout(20):
            return await self.running.wait()

    @property
    def running(self) -> asyncio.subprocess.Process:
        assert self.process is not None
        return self.process

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith('{"event"')]

    def worker_lives(self) -> bool:
        """Whether vLLM's own child does; one that was killed may still be a zombie of a process that nobody reaps."""
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(int((self.tmp / "worker.pid").read_text())).status() != psutil.STATUS_ZOMBIE
        return False

    async def close(self) -> None:
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGTERM)
                self.process.send_signal(signal.SIGTERM)
            await self.process.wait()


@pytest.fixture
async def start_replica(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Call it with changes of the environment."""
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(aiohttp.ClientSession())

        async def start(**changes: str) -> Replica:
            replica = Replica(tmp_path, http, changes)
            stack.push_async_callback(replica.close)
            await replica.start()
            return replica

        yield start
