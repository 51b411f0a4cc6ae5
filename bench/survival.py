"""What it costs that a turn survives: coming back to one, many readers of one, and the memory that a live one holds."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import redis
import uvloop

from bench.following import Audience, Following, Where, put_together, watch
from bench.live import LiveTurn
from bench.measure import Shape, apply_load
from bench.processes import usage_of
from bench.resume import Resumed, Return, come_back
from bench.targets import Target
from local.parts import EmbeddedValkey

# Longer than it takes to come back to a response that is still being written.
_RUNNING_TOKENS = 4000
# After which what was begun is settled.
_QUIET_S = 1.5


AUDIENCE = Audience()
# What a process does once, it has done after the first: its pools are open and its allocators warm.
WARM, CROWD = Shape(streams=10, warm_s=0, window_s=2), Shape(streams=100, tokens=500, warm_s=0, window_s=2)


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of it. A log of so many events; who comes back has seen none of it or those up to `seen`."""

    events: int = 2000
    seen: int = 1500
    times: int = 50
    audience: Audience = AUDIENCE
    warm: Shape = WARM
    crowd: Shape = CROWD


@dataclass(frozen=True, slots=True)
class Survival:
    resumed: Sequence[Resumed]
    followings: Mapping[Where, Following]
    stream_kb: float
    failures: Mapping[str, int]

    @property
    def first_event_p95_ms(self) -> float:
        """Of the slowest way to come back."""
        return max(each.first_p95_ms for each in self.resumed)

    @property
    def added_by_readers_percent(self) -> float:
        """CPU that readers at another process add to what the writer spends on a chunk."""
        alone, followed = self.followings[Where.NOWHERE], self.followings[Where.ELSEWHERE]
        return (followed.writing_us_per_chunk / alone.writing_us_per_chunk - 1) * 100


@dataclass(frozen=True, slots=True)
class Processes:
    """Two of the chat function, of which `fresh` has done nothing yet, and what stands behind them."""

    busy: Target
    fresh: Target
    valkey: EmbeddedValkey
    engine_port: int


def measure_survival(processes: Processes, scale: Scale, rounds: int) -> Survival:
    return uvloop.run(_measure(processes, scale, rounds))


async def _measure(processes: Processes, scale: Scale, rounds: int) -> Survival:
    busy, fresh = processes.busy, processes.fresh
    running = LiveTurn(busy.port, "running", _RUNNING_TOKENS)
    settled = LiveTurn(busy.port, "settled", scale.events)
    async with asyncio.TaskGroup() as tasks:
        # The logs need their time to grow; the other process is loaded meanwhile.
        tasks.create_task(running.ask())
        await running.wait_for_begin()
        is_settled = tasks.create_task(settled.ask())
        stream_kb, failures = await asyncio.to_thread(_memory_of_a_stream, fresh, processes.engine_port, scale)
        await is_settled
        resumed = [await come_back(each, scale.times) for each in _while_it_runs(processes, running, scale)]
        await running.cancel()
    await asyncio.sleep(_QUIET_S)
    resumed += [await come_back(each, scale.times) for each in _once_settled(fresh, settled, scale.seen, "settled")]
    _expire_logs(processes.valkey)
    resumed += [await come_back(each, scale.times) for each in _once_settled(fresh, settled, scale.seen, "log expired")]
    watches = [await watch(busy, fresh, scale.audience, f"w{number}") for number in range(rounds)]
    window_s = scale.audience.window_s
    followings = {where: put_together(where, [each[where] for each in watches], window_s) for where in Where}
    return Survival(resumed, followings, stream_kb, failures)


def _while_it_runs(processes: Processes, turn: LiveTurn, scale: Scale) -> list[Return]:
    busy, fresh, seen = processes.busy.port, processes.fresh.port, scale.seen
    return [
        Return("running at another process, from the beginning", fresh, turn, None, scale.events),
        Return(f"running at another process, behind event {seen}", fresh, turn, seen, scale.events - seen),
        Return("running at the same process, from the beginning", busy, turn, None, scale.events),
    ]


def _once_settled(target: Target, turn: LiveTurn, seen: int, how: str) -> list[Return]:
    return [
        Return(f"{how}, from the beginning", target.port, turn),
        Return(f"{how}, behind event {seen}", target.port, turn, seen),
    ]


def _expire_logs(valkey: EmbeddedValkey) -> None:
    with redis.Redis(port=valkey.port, password=valkey.password_file.read_text().strip()) as client:
        client.flushall()


def _memory_of_a_stream(target: Target, engine_port: int, scale: Scale) -> tuple[float, Mapping[str, int]]:
    """KB of resident memory that each live stream adds to a process that is warm and idle, and what broke."""
    warm = apply_load(target, engine_port, scale.warm, "warm")
    time.sleep(_QUIET_S)
    idle_bytes = usage_of(target.process).rss_bytes
    crowd = apply_load(target, engine_port, scale.crowd, "crowd")
    failures = {**warm.load.failures, **crowd.load.failures}
    return (crowd.rss_bytes - idle_bytes) / scale.crowd.streams / 1000, failures
