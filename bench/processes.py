"""The processes of a benchmark: started with nothing of the caller's environment, stopped with their children, measured."""

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

REPOSITORY = Path(__file__).parent.parent
_STOP_WITHIN_S = 15


class NotUpError(Exception):
    """A process ended, or listened to nobody, before its time was up; the message ends with its last words."""


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU of a process and its children since they started, and the memory they hold now."""

    cpu_s: float
    rss_bytes: int


@contextmanager
def started(
    argv: Sequence[str], *, port: int, log: Path, env: Mapping[str, str] | None = None, within_s: float = 60
) -> Iterator[psutil.Process]:
    """A server that listens on `port`, and its log. Raises: NotUpError."""
    with log.open("wb") as output:
        popen = subprocess.Popen(
            argv,
            cwd=REPOSITORY,
            env={"PATH": "/usr/bin:/bin", "HOME": str(log.parent), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_for(popen, port, log, within_s)
        yield psutil.Process(popen.pid)
    finally:
        _stop(popen)


def usage_of(process: psutil.Process) -> Usage:
    """Raises: psutil.NoSuchProcess when it has died."""
    cpu_s, rss_bytes = 0.0, 0
    for each in (process, *process.children(recursive=True)):
        with each.oneshot():
            times = each.cpu_times()
            cpu_s += times.user + times.system
            rss_bytes += each.memory_info().rss
    return Usage(cpu_s, rss_bytes)


def _wait_for(popen: subprocess.Popen[bytes], port: int, log: Path, within_s: float) -> None:
    until = time.monotonic() + within_s
    while time.monotonic() < until and popen.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise NotUpError(f"{popen.args} is not up:\n{log.read_text(errors='replace')[-2000:]}")


def _stop(popen: subprocess.Popen[bytes]) -> None:
    popen.terminate()
    try:
        popen.wait(_STOP_WITHIN_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
