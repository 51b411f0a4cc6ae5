"""Processes of a stack whose supervisor was killed: found only when they are ours beyond doubt, then stopped."""

import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from local.parts.postgres_files import PostgresFiles
from local.state import read_state


def find_orphans(home: Path) -> list[psutil.Process]:
    """The parts of `home` that run now. Call it while holding the home's lock, or they may not be orphans."""
    found = {process.pid: process for process in (*_recorded(home), *_recognised(home))}
    return list(found.values())


def stop_orphans(processes: Sequence[psutil.Process], within_s: float = 8.0) -> None:
    """Ask them to end, then end them."""
    for process in processes:
        with suppress(psutil.Error):
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    for process in await_end(processes, within_s):
        with suppress(psutil.Error):
            process.kill()
    await_end(processes, within_s)


def await_end(processes: Iterable[psutil.Process], within_s: float) -> list[psutil.Process]:
    """Wait until they have ended; those that have not in time.

    Not psutil's `wait_procs`: it takes the dead who wait for a slow init (a container's) for alive.
    """
    deadline = time.monotonic() + within_s
    alive = [process for process in processes if _is_alive(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.05)
        alive = [process for process in alive if _is_alive(process)]
    return alive


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _recorded(home: Path) -> Iterator[psutil.Process]:
    """Those the last supervisor wrote down: same pid and same start time."""
    state = read_state(home)
    for part in state.parts if state else ():
        process = part.mark.process() if part.mark else None
        if process:
            yield process


def _recognised(home: Path) -> Iterator[psutil.Process]:
    """Those it had no time to write down: our program, working on our folder."""
    data = str(PostgresFiles(home).data)
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if _is_ours(process, home, data):
                yield process


def _is_ours(process: psutil.Process, home: Path, data: str) -> bool:
    words = process.cmdline()
    if process.name() == "postgres":
        # By its command line: root in a container may not read the working folder of another user's process.
        return data in words
    if process.name() == "valkey-server":
        return process.cwd() == str(home / "valkey" / "data")
    # A Python module run in the part's own folder, where a user's shell might be, but runs none.
    return "-m" in words and process.cwd() in {str(home / "engine"), str(home / "gateway")}
