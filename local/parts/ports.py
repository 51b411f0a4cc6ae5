"""TCP ports on loopback: find a free one, or say who holds one."""

import random
import socket

import psutil

LOOPBACK = "127.0.0.1"
# Below the ephemeral range of Linux (32768..) and macOS (49152..): no outgoing connection can take a part's port while the
# part restarts, and polling a closed port cannot connect to itself.
_CANDIDATES = range(20_000, 30_000)


def free_port() -> int:
    """A loopback port that nobody listens on now. Raises: OSError when a thousand tries find none."""
    for port in random.sample(_CANDIDATES, 1000):
        if is_free(port):
            return port
    raise OSError("no free port between 20000 and 30000 on 127.0.0.1")


def is_free(port: int) -> bool:
    """Whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def holder_of(port: int) -> str:
    """Who listens on a port, as words for an error message: `nginx (pid 12, user www-data)`."""
    pid = _listener(port)
    if pid is None:
        return "a process of another user (its name is hidden from this one)"
    try:
        process = psutil.Process(pid)
        words = " ".join(process.cmdline()) or process.name()
        return f"`{_shorten(words)}` (pid {pid}, user {process.username()})"
    except psutil.Error:
        return f"process {pid}"


def _listener(port: int) -> int | None:
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS shows other processes' sockets to root only
        return _own_listener(port)
    return next(
        (c.pid for c in connections if c.status == psutil.CONN_LISTEN and c.laddr and c.laddr.port == port), None
    )


def _own_listener(port: int) -> int | None:
    for process in psutil.process_iter():
        try:
            sockets = process.net_connections("tcp")
        except psutil.Error:
            continue
        if any(s.status == psutil.CONN_LISTEN and s.laddr and s.laddr.port == port for s in sockets):
            return process.pid
    return None


def _shorten(words: str, limit: int = 100) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"
