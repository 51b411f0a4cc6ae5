"""Many readers of one response, a process of its own: a `ReadersPlan` on standard input, what was `Delivered` on standard output.

python -m bench.readers < plan.json > delivered.json
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

import orjson
import uvloop

from bench.client import Connection, http_request
from bench.events import EventCheck


@dataclass(frozen=True, slots=True)
class ReadersPlan:
    """Who reads what, and when to count, in `time.monotonic()`. `answer`: what the response says at its end."""

    port: int
    path: str
    headers: Mapping[str, str]
    answer: str
    readers: int
    starting_after: int
    measure_from: float
    measure_until: float

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        return cls(**orjson.loads(text))

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Delivered:
    """Events that all readers together got within the window; what was wrong with whose stream from start to end."""

    events: int
    problems: Mapping[str, int]

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        return cls(**orjson.loads(text))

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))


async def run(plan: ReadersPlan) -> Delivered:
    async with asyncio.TaskGroup() as tasks:
        readers = [tasks.create_task(_read(plan)) for _ in range(plan.readers)]
    results = [reader.result() for reader in readers]
    problems = Counter(problem for _, problem in results if problem is not None)
    return Delivered(sum(events for events, _ in results), problems)


async def _read(plan: ReadersPlan) -> tuple[int, str | None]:
    """The events of one reader within the window, and what was wrong."""
    connection, check, counted = await Connection.open(plan.port), EventCheck(plan.starting_after), 0

    def receive(body: bytes) -> None:
        nonlocal counted
        events = check.feed(body)
        if plan.measure_from <= time.monotonic() < plan.measure_until:
            counted += events

    request = http_request("GET", f"{plan.path}?stream=true&starting_after={plan.starting_after}", plan.headers)
    rest_s = plan.measure_until - time.monotonic()
    asyncio.get_running_loop().call_later(rest_s, connection.leave)
    try:
        status = await connection.ask(request, receive, rest_s + 5)
    except (TimeoutError, ConnectionError) as error:
        return counted, type(error).__name__
    if status != 200:
        return counted, f"status {status}"
    return counted, "ended" if check.status is not None else check.problem(plan.answer)


def main() -> None:
    plan = ReadersPlan.from_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(uvloop.run(run(plan)).to_json())


if __name__ == "__main__":
    main()
