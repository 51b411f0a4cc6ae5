"""Quantiles of what happened lately, from counters that only grow until their process restarts."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Histogram:
    """Prometheus' cumulative buckets: upper bounds, rising and ending in infinity, and how many were at most each."""

    bounds: tuple[float, ...]
    counts: tuple[float, ...]

    @property
    def total(self) -> float:
        return self.counts[-1] if self.counts else 0.0

    def __add__(self, other: Histogram) -> Histogram:
        """Both together. Those of other bounds cannot be added: the greater one stays."""
        if self.bounds != other.bounds:
            return max(self, other, key=lambda histogram: histogram.total)
        return Histogram(self.bounds, tuple(a + b for a, b in zip(self.counts, other.counts, strict=True)))


EMPTY = Histogram((), ())


def growth(before: Histogram, after: Histogram) -> Histogram:
    """What was counted between two readings of a worker; all of `after` when its counters began anew."""
    if before.bounds != after.bounds or any(b > a for b, a in zip(before.counts, after.counts, strict=True)):
        return after
    return Histogram(after.bounds, tuple(a - b for b, a in zip(before.counts, after.counts, strict=True)))


def quantile(histogram: Histogram, share: float) -> float | None:
    """The value that `share` of the counted are at most, linear within its bucket as PromQL's histogram_quantile does.

    None without data. What lies above the last finite bound is reported as that bound.
    """
    if not histogram.total:
        return None
    rank = share * histogram.total
    edges = [(0.0, 0.0), *zip(histogram.bounds, histogram.counts, strict=True)]
    for (lower, below), (upper, count) in pairwise(edges):
        if count >= rank and count > below:
            if upper == float("inf"):
                return lower
            return lower + (upper - lower) * (rank - below) / (count - below)
    return None


@dataclass(slots=True)
class Window:
    """What was counted in the last `length_s` over all workers, whichever of them came, left or restarted meanwhile."""

    length_s: float = 30.0
    _last: dict[str, Histogram] = field(default_factory=dict)
    _grown: deque[tuple[float, Histogram]] = field(default_factory=deque)

    def record(self, worker: str, histogram: Histogram, at_s: float) -> None:
        """A reading of a worker. The first one says nothing of the last seconds: it may hold days."""
        if worker in self._last:
            grown = growth(self._last[worker], histogram)
            if grown.total:
                self._grown.append((at_s, grown))
        self._last[worker] = histogram

    def total(self, at_s: float) -> Histogram:
        while self._grown and self._grown[0][0] <= at_s - self.length_s:
            self._grown.popleft()
        return sum((grown for _, grown in self._grown), EMPTY)

    def forget_all_but(self, workers: set[str]) -> None:
        """Drop the readings of workers that are gone; what they counted stays in the window."""
        for worker in self._last.keys() - workers:
            del self._last[worker]
