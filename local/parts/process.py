"""Start one part as a child process, wait until it is healthy, stop it."""

import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from local.parts.home import Account

_POLL_S = 0.05


class PartError(Exception):
    """A part did not start, or died; the message says why, for the user."""


class NotReadyError(Exception):
    """A part is still starting."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How to start a part. Nothing secret in it: other users of the machine can read command lines."""

    argv: tuple[str, ...]
    cwd: Path
    log: Path
    env: Mapping[str, str] | None = None  # None: the caller's
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 5.0
    # How long a part that dies at once is started again: Postgres refuses until the last orphan of a killed one is gone.
    retry_for_s: float = 0.0


class Part(Protocol):
    """One process of the stack. Every method may be called again for a restart."""

    @property
    def name(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def healthy_within_s(self) -> float: ...

    def doing(self) -> str:
        """What its next start does, for the user who waits: "loading the model"."""
        ...

    def prepare(self) -> None:
        """Make what the process needs before it starts: folders, files."""
        ...

    def launch(self) -> Launch: ...

    def probe(self) -> None:
        """Raises: NotReadyError while it does not answer."""
        ...

    def finish(self) -> None:
        """What is to be done once it answers: migrations, cluster slots."""
        ...


@dataclass(slots=True)
class PartProcess:
    """The running process of a part."""

    part: Part
    popen: subprocess.Popen[bytes] | None = None
    _launch: Launch | None = None
    _aborted: threading.Event = field(default_factory=threading.Event)

    def bring_up(self) -> None:
        """Start the part and return when it is healthy. Raises: PartError."""
        self._aborted.clear()
        self.part.prepare()
        launch = self._launch = self.part.launch()
        started = time.monotonic()
        try:
            while not self._start_and_wait(launch, started):
                if time.monotonic() - started > launch.retry_for_s:
                    raise PartError(f"{self.part.name} stopped at once.\n{last_lines(launch.log)}")
                if self._aborted.wait(6 * _POLL_S):
                    raise PartError(f"{self.name} was told to stop while it started.")
            self.part.finish()
        except BaseException:
            self.kill()
            raise

    @property
    def name(self) -> str:
        return self.part.name

    @property
    def port(self) -> int:
        return self.part.port

    @property
    def pid(self) -> int | None:
        return self.popen.pid if self.popen else None

    def doing(self) -> str:
        return self.part.doing()

    def last_words(self) -> str:
        return last_lines(self._launch.log) if self._launch else ""

    def has_died(self) -> bool:
        return self.popen is not None and self.popen.poll() is not None

    def stop(self) -> None:
        """Ask the process to end, and end it if it does not in time. Ends a `bring_up` in another thread, too."""
        self._aborted.set()
        if self.popen is None or self._launch is None or self.popen.poll() is not None:
            return
        self.popen.send_signal(self._launch.stop_signal)
        try:
            self.popen.wait(self._launch.stop_within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the process at once."""
        self._aborted.set()
        if self.popen is not None and self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait()

    def _start_and_wait(self, launch: Launch, started: float) -> bool:
        """True once healthy, False if it died before. Raises: PartError when it takes too long."""
        rotate(launch.log)
        self.popen = spawn(launch)
        reason = "no answer"
        while self.popen.poll() is None:
            if self._aborted.is_set():
                raise PartError(f"{self.name} was told to stop while it started.")
            try:
                self.part.probe()
            except NotReadyError as error:
                reason = str(error) or reason
            else:
                return True
            if time.monotonic() - started > self.part.healthy_within_s:
                limit = f"{self.part.healthy_within_s:.0f} s"
                raise PartError(f"{self.part.name} is not healthy after {limit} ({reason}).\n{last_lines(launch.log)}")
            time.sleep(_POLL_S)
        return False


def spawn(launch: Launch) -> subprocess.Popen[bytes]:
    """Start the process in a session of its own, so that a Ctrl-C in the terminal reaches the supervisor only."""
    account = launch.account
    with launch.log.open("ab") as log:
        return subprocess.Popen(
            launch.argv,
            cwd=launch.cwd,
            env=launch.env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )


def rotate(log: Path, limit_bytes: int = 10_000_000) -> None:
    """Move what a log holds to `<log>.1` once it is too long. Its writer may go on: parts open their logs for appending."""
    if not log.exists() or log.stat().st_size <= limit_bytes:
        return
    shutil.copyfile(log, log.with_name(log.name + ".1"))
    os.truncate(log, 0)


def last_lines(log: Path, count: int = 12, within_bytes: int = 16_384) -> str:
    """The end of a log, indented, under a line that names the file."""
    if not log.exists():
        return f"It wrote no log ({log})."
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - within_bytes))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join([f"The end of {log}:", *(f"  {line}" for line in lines[-count:])])
