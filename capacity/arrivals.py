"""When turns come and how long they are, drawn from a seed: the same seed gives the same turns at any rate."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import log, sqrt
from random import Random
from typing import Literal, get_args

from capacity.facts import Facts
from capacity.gpu import Work

Pattern = Literal["poisson", "bursty"]
PATTERNS: tuple[Pattern, ...] = get_args(Pattern)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A turn that comes; lengths in tokens."""

    at_s: float
    tokens_in: float
    new_tokens: float
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Bursts:
    """Calm and burst by turns, each of exponential length, a burst at `factor` times the calm rate: a Markov-modulated
    Poisson process.
    """

    factor: float
    burst_s: float
    calm_s: float

    @property
    def calm_share(self) -> float:
        """The calm rate as a share of the mean rate."""
        return (self.burst_s + self.calm_s) / (self.factor * self.burst_s + self.calm_s)


def read_bursts(facts: Facts) -> Bursts:
    """Those of facts.toml."""
    return Bursts(*(facts.figure("habit", key).value for key in ("burst_factor", "burst_s", "calm_s")))


def draw_arrivals(
    work: Work, turns_per_s: float, seconds: float, seed: int, replica: int = 0, *, bursts: Bursts | None = None
) -> list[Arrival]:
    """Turns of `seconds` at a mean rate, for one of the replicas beside each other.

    Gaps and lengths depend on seed, replica and place only, so that loads compare.
    """
    gaps, lengths = Random(f"gaps {seed} {replica}"), Random(f"lengths {seed} {replica}")
    arrivals: list[Arrival] = []
    if turns_per_s <= 0:
        return arrivals
    for at_s in _times(seconds, gaps, _rates(turns_per_s, bursts, seed)):
        tokens_in = _length(lengths, work.tokens_in, work.length_spread)
        tokens_out = max(2, round(_length(lengths, work.tokens_out, work.length_spread)))
        arrivals.append(Arrival(at_s, tokens_in, tokens_in * (1 - work.cached_share), tokens_out))
    return arrivals


def _times(seconds: float, gaps: Random, rates: Iterator[tuple[float, float]]) -> Iterator[float]:
    """Times before `seconds` at which the rate's integral passes the sums of exponential gaps."""
    now_s = 0.0
    until_s, rate = next(rates)
    while True:
        due = gaps.expovariate(1.0)
        while due > (until_s - now_s) * rate:
            due -= (until_s - now_s) * rate
            now_s = until_s
            if now_s >= seconds:
                return
            until_s, rate = next(rates)
        now_s += due / rate
        if now_s >= seconds:
            return
        yield now_s


def _rates(turns_per_s: float, bursts: Bursts | None, seed: int) -> Iterator[tuple[float, float]]:
    """(until when, rate) without end. All replicas of a pool see a burst at the same time: it follows from the seed alone."""
    if bursts is None:
        yield float("inf"), turns_per_s
        return
    random, until_s = Random(f"bursts {seed}"), 0.0
    calm = turns_per_s * bursts.calm_share
    while True:
        until_s += random.expovariate(1 / bursts.calm_s)
        yield until_s, calm
        until_s += random.expovariate(1 / bursts.burst_s)
        yield until_s, calm * bursts.factor


def _length(random: Random, mean: float, spread: float) -> float:
    """Log-normal, as lengths of prompts and answers are: many short ones, few long ones."""
    if spread <= 0:
        return mean
    sigma = sqrt(log(1 + spread**2))
    return random.lognormvariate(log(mean) - sigma**2 / 2, sigma)
