"""One load on one target, and what it costs; several of them put together."""

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench import script
from bench.plan import Load, Plan
from bench.processes import REPOSITORY, Usage, usage_of
from bench.targets import Target

# The engine's own streams in the same client, to subtract what client and machine add to first tokens.
DIRECT_WORKERS = 3
_START_S = 1.5


@dataclass(frozen=True, slots=True)
class Shape:
    """How a load looks: `tokens` a turn, one every `interval_ms`; `warm_s` after the last start, then `window_s` counted."""

    model: str = script.MODEL
    tokens: int = 100
    interval_ms: float = 20
    warm_s: float = 2
    window_s: float = 10

    @property
    def stream_s(self) -> float:
        return self.tokens * self.interval_ms / 1000

    @property
    def most_turns(self) -> int:
        """Of one worker in one load, from its start to the end of the window."""
        return int((_START_S + self.stream_s + self.warm_s + self.window_s) / self.stream_s) + 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One load and what its target used in the window. Statements only where turns are stored, BEGIN and COMMIT apart."""

    shape: Shape
    load: Load
    cpu_s: float
    rss_bytes: int
    statements_per_turn: float | None = None
    with_transactions_per_turn: float | None = None

    @property
    def cpu_us_per_token(self) -> float:
        return self.cpu_s * 1e6 / self.load.tokens

    @property
    def tokens_per_s(self) -> float:
        """That all clients together got, the waits between their turns included."""
        return self.load.tokens / self.shape.window_s

    @property
    def added_first_ms(self) -> list[float]:
        """What each turn waited for its first token beyond the median of the streams straight from the engine."""
        base = median(self.load.direct_first_ms)
        return [first - base for first in self.load.first_ms]


def apply_load(target: Target, engine_port: int, shape: Shape, name: str) -> Sample:
    """Load the target and measure it. `name` keeps this load's questions apart from any other's."""
    workers = target.workers(shape.most_turns)
    measure_from = time.monotonic() + _START_S + shape.stream_s + shape.warm_s
    plan = Plan(
        port=target.port,
        engine_port=engine_port,
        model=shape.model,
        workers=workers,
        direct_workers=DIRECT_WORKERS,
        tokens=shape.tokens,
        spread_s=shape.stream_s,
        measure_from=measure_from,
        measure_until=measure_from + shape.window_s,
        name=name,
    )
    statements = target.ledger.count_statements() if target.ledger else None
    load, used, rss_bytes = _run(plan, target)
    sample = Sample(shape, load, used, rss_bytes)
    if target.ledger is None or statements is None:
        return sample
    asked = target.ledger.count_statements() - statements
    turns = max(1, load.answered)
    return Sample(shape, load, used, rss_bytes, (asked.in_all - asked.transactions) / turns, asked.in_all / turns)


def _run(plan: Plan, target: Target) -> tuple[Load, float, int]:
    """The load, the CPU seconds of the target within the window, and the most memory it held."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.load"], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        client.stdin.write(plan.to_json())
        client.stdin.close()
        before = _usage_at(plan.measure_from, target)
        middle = _usage_at((plan.measure_from + plan.measure_until) / 2, target)
        after = _usage_at(plan.measure_until, target)
        answer = client.stdout.read()
    if client.returncode:
        raise RuntimeError("the load generator failed; its reason is above")
    return (
        Load.from_json(answer),
        after.cpu_s - before.cpu_s,
        max(each.rss_bytes for each in (before, middle, after)),
    )


def _usage_at(at: float, target: Target) -> Usage:
    time.sleep(max(0.0, at - time.monotonic()))
    return usage_of(target.process)


@dataclass(frozen=True, slots=True)
class Result:
    """The medians of a target's rounds. `failures` counts the broken streams of all of them."""

    name: str
    what: str
    cpu_us_per_chunk: float
    cpu_us_per_scattered_chunk: float
    cpu_us_per_chunk_alone: float
    cpu_ms_per_turn: float
    added_first_p50_ms: float
    added_first_p95_ms: float
    gap_p50_ms: float
    gap_p99_ms: float
    # Of one client.
    tokens_per_s: float
    rss_mib: float
    turns: int
    failures: dict[str, int]
    statements_per_turn: float | None
    statements_per_long_turn: float | None
    with_transactions_per_turn: float | None

    @property
    def streams_per_core(self) -> float:
        """Of 50 tokens a second, live."""
        return 1e6 / (self.cpu_us_per_chunk * 50)


def put_together(
    target: Target, short: Sequence[Sample], long: Sequence[Sample], scattered: Sequence[Sample]
) -> Result:
    """`short` are turns of the usual length; `long` ones tell what of the cost is a chunk's and what a turn's."""
    per_chunk, per_turn = split_cost(short, long)
    first = [sorted(sample.added_first_ms) for sample in short]
    every = (*short, *long, *scattered)
    failures: dict[str, int] = {}
    for sample in every:
        for reason, count in sample.load.failures.items():
            failures[reason] = failures.get(reason, 0) + count
    return Result(
        name=target.name,
        what=target.what,
        cpu_us_per_chunk=median(sample.cpu_us_per_token for sample in short),
        cpu_us_per_scattered_chunk=median(sample.cpu_us_per_token for sample in scattered),
        cpu_us_per_chunk_alone=per_chunk,
        cpu_ms_per_turn=per_turn / 1000,
        added_first_p50_ms=median(_share(each, 0.5) for each in first),
        added_first_p95_ms=median(_share(each, 0.95) for each in first),
        gap_p50_ms=median(sample.load.gap_ms["p50"] for sample in short),
        gap_p99_ms=median(sample.load.gap_ms["p99"] for sample in short),
        tokens_per_s=median(sample.tokens_per_s for sample in short) / target.streams,
        rss_mib=max(sample.rss_bytes for sample in every) / 2**20,
        turns=sum(sample.load.answered for sample in every),
        failures=failures,
        statements_per_turn=_median_of([sample.statements_per_turn for sample in short]),
        statements_per_long_turn=_median_of([sample.statements_per_turn for sample in long]),
        with_transactions_per_turn=_median_of([sample.with_transactions_per_turn for sample in short]),
    )


def split_cost(short: Sequence[Sample], long: Sequence[Sample]) -> tuple[float, float]:
    """CPU µs of a chunk alone and of a turn alone, from what a chunk costs in all in turns of two lengths."""
    few, many = short[0].shape.tokens, long[0].shape.tokens
    cost_few = median(sample.cpu_us_per_token for sample in short)
    cost_many = median(sample.cpu_us_per_token for sample in long)
    per_turn = (cost_few - cost_many) / (1 / few - 1 / many)
    return cost_few - per_turn / few, per_turn


def _share(ordered: Sequence[float], share: float) -> float:
    return ordered[int(share * (len(ordered) - 1))]


def _median_of(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
