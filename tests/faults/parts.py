"""The parts that a fault befalls, as processes of their own: killed, frozen, thawed and started again by their pid."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg

from local.parts import EmbeddedEngine, EmbeddedPostgres, EmbeddedValkey, temporary_home
from local.parts.ports import free_port

Part = EmbeddedEngine | EmbeddedPostgres | EmbeddedValkey

REPOSITORY = Path(__file__).parent.parent.parent
_UP_WITHIN_S = 30


@dataclass(frozen=True, slots=True)
class Parts:
    """A database and a Valkey of one test module."""

    home: Path
    postgres: EmbeddedPostgres
    valkey: EmbeddedValkey

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the owner of the schema sees."""
        with psycopg.connect(self.postgres.owner_url) as connection:
            return connection.execute(query.encode(), parameters).fetchall()

    def environment(self, engine_url: str, **changes: str) -> dict[str, str]:
        """What the chat function finds in its environment."""
        return {
            "DATABASE_URL": self.postgres.url_for("parley_app"),
            "VALKEY_URL": self.valkey.url,
            "VALKEY_PASSWORD_FILE": str(self.valkey.password_file),
            "ENGINE_URL": engine_url,
            "ENGINE_REUSE_CONNECTIONS": "false",
            "ENGINE_READ_TIMEOUT_S": "2",
            "TITLES": "first_line",
            **changes,
        }


@contextmanager
def running_parts() -> Iterator[Parts]:
    """With data of their own."""
    with (
        temporary_home() as home,
        EmbeddedPostgres(home, durable=False) as postgres,
        EmbeddedValkey(home) as valkey,
    ):
        yield Parts(home, postgres, valkey)


def processes_of(part: Part) -> list[psutil.Process]:
    """The part's process and its children: Postgres has one for each connection."""
    pid = part._process.pid
    assert pid is not None
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def kill(part: Part) -> None:
    """As the kernel's out-of-memory killer does it."""
    for process in processes_of(part):
        with suppress(psutil.NoSuchProcess):
            process.kill()
    part._process.kill()


async def restart(part: Part) -> None:
    """On its old port, with the data it had. In a thread, for the clients and the stand-in engine live in this one."""
    await asyncio.to_thread(part._process.bring_up)


def empty(valkey: EmbeddedValkey) -> None:
    """What a new node would hold; only while it does not run."""
    shutil.rmtree(valkey.folder / "data")


@asynccontextmanager
async def killed(part: Part) -> AsyncGenerator[None]:
    """The part is gone within the block, and back after it."""
    kill(part)
    try:
        yield
    finally:
        await restart(part)


@contextmanager
def frozen(part: Part) -> Iterator[None]:
    """The part has its connections within the block and says nothing."""
    stopped = processes_of(part)
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@dataclass(slots=True)
class ChatProcess:
    """The chat function, started by its `run.sh`."""

    environment: Mapping[str, str]
    log: Path
    port: int = field(default_factory=free_port)
    popen: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        fixed = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "AWS_LWA_PORT": str(self.port)}
        if "PYTHONPATH" in os.environ:  # the code under test may be another checkout's
            fixed["PYTHONPATH"] = os.environ["PYTHONPATH"]
        with self.log.open("ab") as log:
            self.popen = subprocess.Popen(
                ["/bin/sh", "lambdas/chat/run.sh"],
                cwd=REPOSITORY,
                env={**fixed, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + _UP_WITHIN_S
        while not self._answers():
            if self.popen.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the chat function did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self._process.wait()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def terminate(self) -> None:
        """As a deployment ends it; it may still be at work when this returns."""
        self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """In whatever state it is."""
        if self._process.poll() is None:
            self.thaw()
            self.terminate()
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()

    @property
    def rss_bytes(self) -> int:
        return psutil.Process(self._process.pid).memory_info().rss

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self.popen is not None
        return self.popen

    def _signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=1):  # noqa: S310 - a loopback address
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextmanager
def chat_process(parts: Parts, engine_url: str, **changes: str) -> Iterator[ChatProcess]:
    """One that serves, and is gone after the block."""
    process = ChatProcess(parts.environment(engine_url, **changes), parts.home / "logs" / "chat.log")
    try:
        process.start()
        yield process
    finally:
        process.stop()
