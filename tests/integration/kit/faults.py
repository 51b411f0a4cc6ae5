"""Faults of processes that a test started itself, and how long things took."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import psutil
import pytest

from parley.errors import StorageUnavailable


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """The process and its children stand still: their sockets connect and take bytes, and nobody answers."""
    process = psutil.Process(pid)
    process.suspend()  # first, so that it starts no more children
    children = process.children(recursive=True)
    for each in children:
        with suppress(psutil.NoSuchProcess):  # it ended with the last test's connection
            each.suspend()
    try:
        yield
    finally:
        for each in (*children, process):
            with suppress(psutil.NoSuchProcess):
                each.resume()


async def refused_after_s(attempt: Callable[[], Awaitable[Any]]) -> float:
    """How long it took to say that the storage is away."""
    started = time.perf_counter()
    with pytest.raises(StorageUnavailable) as caught:
        await attempt()
    took_s = time.perf_counter() - started
    assert caught.value.retry_after_s
    return took_s


async def works_again_after_s(attempt: Callable[[], Awaitable[Any]], within_s: float = 15) -> float:
    """How long a client that tries ten times a second has to wait."""
    started = time.perf_counter()
    while True:
        try:
            await attempt()
        except StorageUnavailable:
            if time.perf_counter() - started > within_s:
                raise
            await asyncio.sleep(0.1)
        else:
            return time.perf_counter() - started


def report(what: str, took_s: float) -> None:
    """Shown by `pytest -s`, and with a failure."""
    print(f"{what}: {took_s * 1000:.0f} ms")  # noqa: T201
