"""What a running stack writes down about itself, and the lock that keeps it alone on its home."""

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import psutil

from local.parts.home import write_private

Phase = Literal["starting", "ready", "stopping"]


class HomeInUseError(Exception):
    """Another supervisor runs on this home."""


@dataclass(frozen=True, slots=True)
class ProcessMark:
    """A process beyond doubt: a pid is given out again, a pid with its start time is not."""

    pid: int
    started_at: float

    def process(self) -> psutil.Process | None:
        """The live process, or None when it is gone."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_at) < 1.0
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None


@dataclass(frozen=True, slots=True)
class PartState:
    """One part as its supervisor sees it. Without `mark` it is the user's own server or has not started yet."""

    name: str
    port: int | None
    mark: ProcessMark | None
    healthy: bool
    restarts: int


@dataclass(frozen=True, slots=True)
class StackState:
    """One run of the supervisor. `started_at` is Unix seconds."""

    supervisor: ProcessMark
    url: str
    phase: Phase
    started_at: float
    parts: tuple[PartState, ...]


def mark_of(pid: int) -> ProcessMark | None:
    """The mark of a live process, None when it is gone already."""
    try:
        return ProcessMark(pid, psutil.Process(pid).create_time())
    except psutil.Error:
        return None


def write_state(home: Path, state: StackState) -> None:
    write_private(home / "state.json", json.dumps(asdict(state), indent=1))


def read_state(home: Path) -> StackState | None:
    """What the last supervisor wrote, running or not; None when there is nothing legible."""
    try:
        raw = json.loads((home / "state.json").read_text())
        return StackState(
            supervisor=ProcessMark(**raw["supervisor"]),
            url=raw["url"],
            phase=raw["phase"],
            started_at=raw["started_at"],
            parts=tuple(_part(each) for each in raw["parts"]),
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def running_state(home: Path) -> StackState | None:
    """The state of the supervisor that runs now, None when none does."""
    state = read_state(home)
    return state if state and state.supervisor.process() else None


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home alone; the kernel lets go when the process dies, however it does. Raises: HomeInUseError."""
    descriptor = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise HomeInUseError(str(home)) from error
        yield
    finally:
        os.close(descriptor)


def _part(raw: dict[str, object]) -> PartState:
    mark = raw.pop("mark")
    return PartState(**raw, mark=ProcessMark(**mark) if isinstance(mark, dict) else None)  # pyright: ignore[reportArgumentType]
