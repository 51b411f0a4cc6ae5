"""Faults of processes that a test started itself, and how long things took."""

import asyncio
import time
import traceback
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from parley.errors import StorageUnavailable
from parley.kit import breaker

# A second or two is what it takes; how much of that is for the benchmarks. Unbounded it would be a minute and more.
GIVEN_UP_WITHIN_S = 10


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
    """How long it took to say that the storage is away: a second or so, and on a machine that stands still for a while not for
    ever, as the drivers would take.
    """
    started = time.perf_counter()
    async with asyncio.timeout(GIVEN_UP_WITHIN_S):
        with pytest.raises(StorageUnavailable) as caught:
            await attempt()
    assert caught.value.retry_after_s
    return time.perf_counter() - started


async def refused_unasked_after_s(attempt: Callable[[], Awaitable[Any]]) -> float:
    """How long it took the breaker to say so, without asking anybody. Every second or so it lets somebody ask."""
    for _ in range(20):
        started = time.perf_counter()
        with pytest.raises(StorageUnavailable) as caught:
            await attempt()
        if _is_of_breaker(caught.value):
            return time.perf_counter() - started
    raise AssertionError("each of 20 attempts has asked: no breaker is open")


def _is_of_breaker(error: BaseException | None) -> bool:
    while error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        if frames and Path(frames[-1].filename) == Path(breaker.__file__):
            return True
        error = error.__cause__
    return False


async def works_again_after_s(attempt: Callable[[], Awaitable[Any]], within_s: float = 30) -> float:
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
