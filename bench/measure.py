"""One load on one target, and what it costs; several of them put together."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench import script
from bench.database import Statements
from bench.plan import Kind, Load, Plan
from bench.processes import REPOSITORY, Usage, usage_of
from bench.targets import Target

# The engine's own streams in the same client, to subtract what client and machine add to first tokens.
DIRECT_WORKERS = 3
_START_S = 1.5


@dataclass(frozen=True, slots=True)
class Shape:
    """How a load looks: so many streams at a time, of `tokens` a turn, one every `interval_ms`.

    `warm_s` after the last start it is counted for `window_s`.
    """

    model: str = script.MODEL
    streams: int = 50
    tokens: int = 100
    interval_ms: float = 20
    warm_s: float = 1
    window_s: float = 8

    @property
    def stream_s(self) -> float:
        return self.tokens * self.interval_ms / 1000

    @property
    def most_turns(self) -> int:
        """Of one worker in one load, from its start to the end of the window."""
        return int((_START_S + self.stream_s + self.warm_s + self.window_s) / self.stream_s) + 1


@dataclass(frozen=True, slots=True)
class Sample:
    """One load and what its target used in the window. Statements only where turns are stored, from start to end."""

    shape: Shape
    load: Load
    cpu_s: float
    rss_bytes: int
    statements: Statements | None = None

    @property
    def cpu_us_per_token(self) -> float:
        return self.cpu_s * 1e6 / self.load.tokens

    @property
    def tokens_per_s(self) -> float:
        """That a client got, the waits between its turns included."""
        return self.load.tokens / self.shape.window_s / self.shape.streams

    @property
    def added_first_ms(self) -> list[float]:
        """What each turn waited for its first token beyond the median of the streams straight from the engine."""
        base = median(self.load.direct_first_ms)
        return [first - base for first in self.load.first_ms]

    def added_first(self, share: float) -> float:
        ordered = sorted(self.added_first_ms)
        return ordered[int(share * (len(ordered) - 1))]


def apply_load(target: Target, engine_port: int, shape: Shape, name: str) -> Sample:
    """Load the target and measure it. `name` keeps this load's questions apart from any other's."""
    workers = target.workers(shape.streams, shape.most_turns)
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
    before = target.ledger.count_statements() if target.ledger else None
    load, used, rss_bytes = _run(plan, target)
    asked = target.ledger.count_statements() - before if target.ledger and before else None
    return Sample(shape, load, used, rss_bytes, asked)


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
class StatementsPerTurn:
    """Postgres statements a turn, BEGIN and COMMIT apart; those inside functions of the schema are extra."""

    asked: float
    with_transactions: float
    inside: float
    asked_by_long: float


@dataclass(frozen=True, slots=True)
class Result:
    """The medians of a target's rounds; None for a load that it was not put to. `failures` counts all broken streams."""

    name: str
    what: str
    cpu_us_per_chunk: float
    cpu_us_per_scattered_chunk: float | None
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
    failures: Mapping[str, int]
    crowd: "CrowdResult | None" = None
    statements: StatementsPerTurn | None = None

    @property
    def streams_per_core(self) -> float:
        """Of 50 tokens a second, live."""
        return 1e6 / (self.cpu_us_per_chunk * 50)


@dataclass(frozen=True, slots=True)
class CrowdResult:
    """The same with twice as many streams."""

    cpu_us_per_chunk: float
    added_first_p95_ms: float
    gap_p99_ms: float
    tokens_per_s: float


def put_together(target: Target, samples: Mapping[Kind, Sequence[Sample]]) -> Result:
    """The usual load and, of its cost, what is a chunk's and what a turn's by the load of long turns; the others beside it."""
    short, long = samples[Kind.SHORT], samples[Kind.LONG]
    scattered, crowd = samples.get(Kind.SCATTERED), samples.get(Kind.CROWD)
    every = [sample for each in samples.values() for sample in each]
    per_chunk, per_turn = split_cost(short, long)
    failures: Counter[str] = Counter()
    for sample in every:
        failures.update(sample.load.failures)
    return Result(
        name=target.name,
        what=target.what,
        cpu_us_per_chunk=_cpu_us(short),
        cpu_us_per_scattered_chunk=_cpu_us(scattered) if scattered else None,
        cpu_us_per_chunk_alone=per_chunk,
        cpu_ms_per_turn=per_turn / 1000,
        added_first_p50_ms=median(sample.added_first(0.5) for sample in short),
        added_first_p95_ms=median(sample.added_first(0.95) for sample in short),
        gap_p50_ms=_gap_ms(short, "p50"),
        gap_p99_ms=_gap_ms(short, "p99"),
        tokens_per_s=median(sample.tokens_per_s for sample in short),
        rss_mib=max(sample.rss_bytes for sample in every) / 2**20,
        turns=sum(sample.load.answered for sample in every),
        failures=failures,
        crowd=_of_crowd(crowd) if crowd else None,
        statements=_statements_per_turn(short, long) if target.ledger else None,
    )


def _of_crowd(samples: Sequence[Sample]) -> CrowdResult:
    return CrowdResult(
        cpu_us_per_chunk=_cpu_us(samples),
        added_first_p95_ms=median(sample.added_first(0.95) for sample in samples),
        gap_p99_ms=_gap_ms(samples, "p99"),
        tokens_per_s=median(sample.tokens_per_s for sample in samples),
    )


def _statements_per_turn(short: Sequence[Sample], long: Sequence[Sample]) -> StatementsPerTurn:
    return StatementsPerTurn(
        asked=_per_turn(short, lambda asked: asked.in_all - asked.transactions),
        with_transactions=_per_turn(short, lambda asked: asked.in_all),
        inside=_per_turn(short, lambda asked: asked.inside),
        asked_by_long=_per_turn(long, lambda asked: asked.in_all - asked.transactions),
    )


def _per_turn(samples: Sequence[Sample], count: Callable[[Statements], int]) -> float:
    return median(count(each.statements) / max(1, each.load.answered) for each in samples if each.statements)


def _cpu_us(samples: Sequence[Sample]) -> float:
    return median(sample.cpu_us_per_token for sample in samples)


def _gap_ms(samples: Sequence[Sample], quantile: str) -> float:
    return median(sample.load.gap_ms[quantile] for sample in samples)


def split_cost(short: Sequence[Sample], long: Sequence[Sample]) -> tuple[float, float]:
    """CPU µs of a chunk alone and of a turn alone, from what a chunk costs in all in turns of two lengths."""
    few, many = short[0].shape.tokens, long[0].shape.tokens
    cost_few, cost_many = _cpu_us(short), _cpu_us(long)
    per_turn = (cost_few - cost_many) / (1 / few - 1 / many)
    return cost_few - per_turn / few, per_turn
