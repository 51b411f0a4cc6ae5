"""What readers of one log cost: who writes it with none of them, with many at another process, and with many of its own."""

import asyncio
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from bench.live import LiveTurn, events_between, gaps_ms
from bench.load import quantiles
from bench.processes import REPOSITORY, usage_of
from bench.readers import Delivered, ReadersPlan
from bench.targets import Target

# From when readers are started until all of them follow.
_JOIN_S = 2.0


class Where(StrEnum):
    """At which process the readers are."""

    NOWHERE = "no reader"
    ELSEWHERE = "at another process"
    HERE = "at the writing process"


@dataclass(frozen=True, slots=True)
class Audience:
    """How much is written and read: so many live responses, one of them with readers, for `window_s` each time."""

    writers: int = 20
    readers: int = 100
    window_s: float = 5


@dataclass(frozen=True, slots=True)
class Watch:
    """One window. `reading_cpu_s` is that of the process that the readers are at, where it is another."""

    written: int
    writing_cpu_s: float
    gap_ms: Mapping[str, float]
    delivered: int = 0
    reading_cpu_s: float = 0
    problems: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Following:
    """The medians of the rounds. `apart_percent`: how far the rounds' CPU for a chunk is apart, of their median."""

    where: Where
    writing_us_per_chunk: float
    apart_percent: float
    gap_p50_ms: float
    gap_p99_ms: float
    events_per_s: float
    reading_us_per_event: float | None


async def watch(writer: Target, other: Target, audience: Audience, name: str) -> dict[Where, Watch]:
    """Each situation once, with the same live responses. Raises: RuntimeError when any reader misses anything."""
    tokens = int((len(Where) * (_JOIN_S + audience.window_s) + 20) * 50)
    turns = [LiveTurn(writer.port, f"{name}-{number}", tokens) for number in range(audience.writers)]
    async with asyncio.TaskGroup() as tasks:
        for turn in turns:
            tasks.create_task(turn.ask())
            await turn.wait_for_begin()
        ports = {Where.NOWHERE: None, Where.ELSEWHERE: other.port, Where.HERE: writer.port}
        watches = {where: await _watch(writer, other, turns, audience, port) for where, port in ports.items()}
        await asyncio.gather(*(turn.cancel() for turn in turns))
    for where, seen in watches.items():
        if seen.problems:
            raise RuntimeError(f"readers {where}: {dict(seen.problems)}")
    return watches


async def _watch(
    writer: Target, other: Target, turns: Sequence[LiveTurn], audience: Audience, port: int | None
) -> Watch:
    from_s = time.monotonic() + _JOIN_S
    until_s = from_s + audience.window_s
    async with asyncio.TaskGroup() as tasks:
        read = None
        if port is not None:
            turn = turns[0]
            plan = ReadersPlan(
                port,
                turn.path,
                turn.headers,
                turn.answer,
                audience.readers,
                turn.check.last_number,
                from_s,
                until_s,
            )
            read = tasks.create_task(_read(plan))
        before = await _usage_at(from_s, writer, other)
        after = await _usage_at(until_s, writer, other)
    arrived_s = [events_between(turn, from_s, until_s) for turn in turns]
    delivered = read.result() if read else Delivered(0, {})
    if read and not delivered.events:
        raise RuntimeError("the readers got nothing")
    return Watch(
        written=sum(map(len, arrived_s)),
        writing_cpu_s=after[0] - before[0],
        gap_ms=quantiles([gap for each in arrived_s for gap in gaps_ms(each)]),
        delivered=delivered.events,
        reading_cpu_s=after[1] - before[1] if port == other.port else 0,
        problems=delivered.problems,
    )


async def _read(plan: ReadersPlan) -> Delivered:
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.readers", cwd=REPOSITORY, stdin=pipe, stdout=pipe
    )
    answer, _ = await process.communicate(plan.to_json())
    if process.returncode:
        raise RuntimeError("the readers failed; their reason is above")
    return Delivered.from_json(answer)


async def _usage_at(at: float, *targets: Target) -> list[float]:
    await asyncio.sleep(max(0.0, at - time.monotonic()))
    return [usage_of(target.process).cpu_s for target in targets]


def put_together(where: Where, watches: Sequence[Watch], window_s: float) -> Following:
    writing = [each.writing_cpu_s * 1e6 / each.written for each in watches]
    reading = [each.reading_cpu_s * 1e6 / each.delivered for each in watches if each.reading_cpu_s]
    return Following(
        where,
        writing_us_per_chunk=median(writing),
        apart_percent=(max(writing) - min(writing)) / median(writing) * 100,
        gap_p50_ms=median(each.gap_ms["p50"] for each in watches),
        gap_p99_ms=median(each.gap_ms["p99"] for each in watches),
        events_per_s=median(each.delivered for each in watches) / window_s,
        reading_us_per_event=median(reading) if reading else None,
    )
