"""vLLM as a child process, and what its HTTP server says."""

import asyncio
import os
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import aiohttp

# Read at vLLM 0.32.0, v1/metrics/loggers.py; a line for each engine of the process.
_UNFINISHED = ("vllm:num_requests_running{", "vllm:num_requests_waiting{")
# An idle vLLM leaves within 2 s of SIGTERM. One with requests ends its engine, says no more on their streams and waits without
# end for their clients to hang up (0.32.0, seen): it is killed, which closes the connections and so tells the clients.
_LEAVES_WITHIN_S = 5
_ANSWERS_WITHIN_S = 2


@dataclass(slots=True)
class Engine:
    """The process is the leader of a group of its own, so that no worker of it outlives `stop`."""

    process: asyncio.subprocess.Process
    port: int
    http: aiohttp.ClientSession = field(repr=False)

    @classmethod
    async def start(cls, command: Sequence[str], port: int, http: aiohttp.ClientSession) -> Self:
        """Raises: FileNotFoundError if there is no such program."""
        process = await asyncio.create_subprocess_exec(*command, start_new_session=True)
        return cls(process, port, http)

    @property
    def exit_code(self) -> int | None:
        """As a shell says it, 128 and the signal's number for one that was killed; None while it runs."""
        code = self.process.returncode
        return code if code is None or code >= 0 else 128 - code

    async def is_listening(self) -> bool:
        """Whether it takes requests: it does not before its model is loaded."""
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        return True

    async def is_healthy(self) -> bool:
        """Whether it has loaded its model and its engine lives."""
        return await self._get("/health") is not None

    async def count_unfinished(self) -> int | None:
        """Requests that run or wait; None if it does not say."""
        text = await self._get("/metrics")
        if text is None:
            return None
        lines = [line for line in text.splitlines() if line.startswith(_UNFINISHED)]
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in lines)

    async def stop(self) -> None:
        """End one that is idle, and all its workers."""
        with suppress(ProcessLookupError):
            self.process.terminate()
        with suppress(TimeoutError):
            async with asyncio.timeout(_LEAVES_WITHIN_S):
                await self.process.wait()
        await self.kill()

    async def kill(self) -> None:
        """Whatever is left of its group ends at once, and its connections with it."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        await self.process.wait()

    async def _get(self, path: str) -> str | None:
        """The body of a 200; None for anything else."""
        url = f"http://127.0.0.1:{self.port}{path}"
        timeout = aiohttp.ClientTimeout(total=_ANSWERS_WITHIN_S)
        try:
            async with self.http.get(url, timeout=timeout) as response:
                return await response.text() if response.status == 200 else None
        except (aiohttp.ClientError, TimeoutError):
            return None
