"""What a pool is like, which of its workers may serve, and when it counts as saturated: pure rules."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

OVER_FOR_MS = 2_000
UNDER_FOR_MS = 5_000
# Below this share of the waiting limit, and this far below the limit of KV use, a saturated pool recovers.
WAITING_RELEASE_SHARE = 0.5
KV_RELEASE_MARGIN = 0.1
# One lost probe may be a full queue of connections; two in a row are a dead worker.
FAILURES_ALLOWED = 1


@dataclass(frozen=True, slots=True)
class Load:
    """What one worker says of itself; `kv_use` in 0..1."""

    running: int
    waiting: int
    kv_use: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What one round heard from a worker: `is_ready` is None, and `load` absent, when it did not answer in time."""

    is_ready: bool | None
    load: Load | None = None


class Standing(Enum):
    """`UNPROVEN` is a worker that has not answered yet: it is neither added to the router nor removed."""

    READY = "ready"
    OUT = "out"
    UNPROVEN = "unproven"


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker as its last probes left it."""

    standing: Standing = Standing.UNPROVEN
    failures: int = 0
    load: Load | None = None


def judge_worker(before: Worker, probe: Probe) -> Worker:
    """The worker after one more probe: out at once when it says so, or after two probes in a row without an answer."""
    if probe.is_ready and probe.load is not None:
        return Worker(Standing.READY, 0, probe.load)
    if probe.is_ready is False:
        return Worker(Standing.OUT)
    failures = before.failures + 1
    if failures > FAILURES_ALLOWED:
        return Worker(Standing.OUT, failures)
    return Worker(before.standing, failures, before.load)


@dataclass(frozen=True, slots=True)
class Changes:
    """What to tell the router, in this order; both sorted."""

    remove: tuple[str, ...] = ()
    add: tuple[str, ...] = ()


def plan_changes(in_router: Collection[str], workers: Mapping[str, Worker]) -> Changes:
    """What makes the router serve from the ready ones of `workers`, which are those that Cloud Map lists, by URL."""
    gone = {url for url in in_router if url not in workers or workers[url].standing is Standing.OUT}
    ready = {url for url, worker in workers.items() if worker.standing is Standing.READY}
    return Changes(tuple(sorted(gone)), tuple(sorted(ready.difference(in_router))))


@dataclass(frozen=True, slots=True)
class Scrape:
    """The pool in this round; `kv_use` is the mean over its ready workers, 0 without any."""

    workers: int
    ready: int
    running: int
    waiting: int
    kv_use: float
    ttft_p95_ms: float | None = None


def sum_up(workers: Sequence[Worker], ttft_p95_ms: float | None) -> Scrape:
    """What the ready ones of `workers` come to."""
    loads = [worker.load for worker in workers if worker.standing is Standing.READY and worker.load is not None]
    kv_use = sum(load.kv_use for load in loads) / len(loads) if loads else 0.0
    running, waiting = sum(load.running for load in loads), sum(load.waiting for load in loads)
    return Scrape(len(workers), len(loads), running, waiting, kv_use, ttft_p95_ms)


def is_known(workers: Iterable[Worker]) -> bool:
    """Whether there is something to tell: a registrar that has just started must not call a pool empty after one lost probe."""
    standings = {worker.standing for worker in workers}
    return Standing.READY in standings or Standing.UNPROVEN not in standings


@dataclass(frozen=True, slots=True)
class Limits:
    """What a pool may carry; `kv_use` in 0..1."""

    waiting_per_worker: float
    kv_use: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a pool is saturated, why (`queue`, `memory`, `no_workers`; None while open), and since when.

    `over_since_ms` is set while an open pool is over a limit, `under_since_ms` while a saturated one is well below both.
    """

    saturated: bool
    reason: str | None
    since_ms: int
    over_since_ms: int | None = None
    under_since_ms: int | None = None


def judge_pool(before: Verdict | None, scrape: Scrape, limits: Limits, now_ms: int) -> Verdict:
    """The next verdict: the same for all registrars that read the same `before` and scrape the same."""
    if before is None:
        before = Verdict(saturated=False, reason=None, since_ms=now_ms)
    if not scrape.ready:
        return Verdict(saturated=True, reason="no_workers", since_ms=before.since_ms if before.saturated else now_ms)
    if before.saturated:
        return _judge_saturated(before, scrape, limits, now_ms)
    return _judge_open(before, scrape, limits, now_ms)


def _judge_open(before: Verdict, scrape: Scrape, limits: Limits, now_ms: int) -> Verdict:
    reason = _excess(scrape, limits)
    if reason is None:
        return Verdict(saturated=False, reason=None, since_ms=before.since_ms)
    over_since_ms = now_ms if before.over_since_ms is None else before.over_since_ms
    if now_ms - over_since_ms >= OVER_FOR_MS:
        return Verdict(saturated=True, reason=reason, since_ms=now_ms)
    return Verdict(saturated=False, reason=None, since_ms=before.since_ms, over_since_ms=over_since_ms)


def _judge_saturated(before: Verdict, scrape: Scrape, limits: Limits, now_ms: int) -> Verdict:
    reason = _excess(scrape, limits) or before.reason
    if not _is_well_below(scrape, limits):
        return Verdict(saturated=True, reason=reason, since_ms=before.since_ms)
    under_since_ms = now_ms if before.under_since_ms is None else before.under_since_ms
    if now_ms - under_since_ms >= UNDER_FOR_MS:
        return Verdict(saturated=False, reason=None, since_ms=now_ms)
    return Verdict(saturated=True, reason=reason, since_ms=before.since_ms, under_since_ms=under_since_ms)


def _excess(scrape: Scrape, limits: Limits) -> str | None:
    """The limit that is passed. A full cache without a queue is good use of the GPU, not a reason to refuse."""
    if scrape.waiting >= limits.waiting_per_worker * scrape.ready:
        return "queue"
    return "memory" if scrape.kv_use >= limits.kv_use and scrape.waiting else None


def _is_well_below(scrape: Scrape, limits: Limits) -> bool:
    waiting_limit = limits.waiting_per_worker * WAITING_RELEASE_SHARE * scrape.ready
    return scrape.waiting < waiting_limit and scrape.kv_use < limits.kv_use - KV_RELEASE_MARGIN
