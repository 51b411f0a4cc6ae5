"""A pool under load, turn by turn: queues, continuous batching, prompts in pieces, and who is turned away.

The steps of an engine are the events (SimPy); their lengths are those of `capacity.gpu`. A stream gets one token a step, so
its end is known when it begins to write, and a step costs the same however many streams are in it.
"""

import heapq
from collections import deque
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random
from typing import Any

import simpy

from capacity.arrivals import Arrival
from capacity.gpu import Replica, Work


@dataclass(slots=True)
class Turn:
    """What became of one turn. Times are seconds of the simulation."""

    arrived_s: float
    tokens_in: float
    new_tokens: float
    tokens_out: int
    first_token_s: float | None = None
    ended_s: float | None = None
    refused: bool = False
    # Set for clients that ask again once they have their answer.
    ended: simpy.Event | None = field(default=None, repr=False)

    @property
    def wait_s(self) -> float:
        assert self.first_token_s is not None
        return self.first_token_s - self.arrived_s

    @property
    def tokens_per_s(self) -> float:
        assert self.first_token_s is not None
        assert self.ended_s is not None
        return (self.tokens_out - 1) / (self.ended_s - self.first_token_s)


class Engine:
    """One replica at work. It keeps to vLLM's order: running streams first, then prompts in the order they came.

    A turn is let in when all the cache that it may come to need is free, so none is ever thrown out again; vLLM is bolder.
    """

    def __init__(self, environment: simpy.Environment, replica: Replica, *, refuse_at: int | None = None) -> None:
        self.busy_s = 0.0
        self.steps = 0
        self.tokens = 0
        self._environment, self._replica, self._refuse_at = environment, replica, refuse_at
        self._waiting: deque[Turn] = deque()
        self._prompts: deque[tuple[Turn, float]] = deque()
        self._writing: list[tuple[int, int, Turn]] = []
        self._cached_tokens = self._reserved_tokens = 0.0
        self._order = count()
        self._work = environment.event()
        environment.process(self._run())

    def submit(self, turn: Turn) -> None:
        """Take a turn into the queue, or refuse it there and then where too many wait."""
        if self._refuse_at is not None and len(self._waiting) >= self._refuse_at:
            turn.refused = True
            return
        self._waiting.append(turn)
        if not self._work.triggered:
            self._work.succeed()

    def _run(self) -> Generator[simpy.Event, Any, None]:
        while True:
            if not (self._waiting or self._prompts or self._writing):
                self._work = self._environment.event()
                yield self._work
            streams = len(self._writing)
            prompt_tokens, begun = self._take_prompts(self._replica.max_num_batched_tokens - streams)
            step_s = self._replica.step_s(streams, prompt_tokens, self._cached_tokens)
            yield self._environment.timeout(step_s)
            self._end_step(step_s, streams, begun)

    def _take_prompts(self, budget: float) -> tuple[float, list[Turn]]:
        """Tokens of prompts for this step, and the turns whose prompt they complete."""
        taken, complete = 0.0, []
        while taken < budget and (self._prompts or self._let_in(beside=len(complete))):
            turn, left = self._prompts.popleft()
            piece = min(left, budget - taken)
            taken += piece
            if left - piece > 0:
                self._prompts.appendleft((turn, left - piece))
            else:
                complete.append(turn)
        return taken, complete

    def _let_in(self, *, beside: int) -> bool:
        """Whether the next turn that waits got a place `beside` those that complete their prompt in this step."""
        running = len(self._writing) + len(self._prompts) + beside
        if not self._waiting or running >= self._replica.max_num_seqs:
            return False
        turn = self._waiting[0]
        needed = turn.tokens_in + turn.tokens_out
        if self._reserved_tokens and self._reserved_tokens + needed > self._replica.kv_tokens:
            return False
        self._reserved_tokens += needed
        self._prompts.append((self._waiting.popleft(), turn.new_tokens))
        return True

    def _end_step(self, step_s: float, streams: int, begun: list[Turn]) -> None:
        now = self._environment.now
        self.busy_s += step_s
        self.steps += 1
        self.tokens += streams + len(begun)
        self._cached_tokens += streams
        while self._writing and self._writing[0][0] <= self.steps:
            self._end(heapq.heappop(self._writing)[2], now)
        for turn in begun:
            turn.first_token_s = now
            self._cached_tokens += turn.tokens_in + 1
            heapq.heappush(self._writing, (self.steps + turn.tokens_out - 1, next(self._order), turn))

    def _end(self, turn: Turn, now: float) -> None:
        turn.ended_s = now
        self._cached_tokens -= turn.tokens_in + turn.tokens_out
        self._reserved_tokens -= turn.tokens_in + turn.tokens_out
        if turn.ended:
            turn.ended.succeed()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a simulation saw of the turns that came after its warm-up."""

    turns: tuple[Turn, ...]
    busy_share: float
    tokens_per_s: float

    def first_token_s(self, percent: float) -> float:
        """A percentile of the wait for the first token; infinite when nothing was served."""
        return percentile([turn.wait_s for turn in self.turns if turn.ended_s is not None], percent)

    def stream_tokens_per_s(self, percent: float = 50) -> float:
        """A percentile of what streams got; 50 is the median stream."""
        served = [turn.tokens_per_s for turn in self.turns if turn.ended_s is not None and turn.tokens_out > 1]
        return percentile(served, percent) if served else 0.0

    @property
    def refused_share(self) -> float:
        return sum(turn.refused for turn in self.turns) / len(self.turns) if self.turns else 0.0


def simulate_arrivals(
    replica: Replica, arrivals: Sequence[Arrival], *, warm_s: float, refuse_at: int | None = None
) -> Outcome:
    """One replica and the turns that came to it; those of the first `warm_s` fill it and are not counted."""
    environment = simpy.Environment()
    engine = Engine(environment, replica, refuse_at=refuse_at)
    turns = [Turn(each.at_s, each.tokens_in, each.new_tokens, each.tokens_out) for each in arrivals]
    environment.process(_arrive(environment, engine, turns))
    end_s = arrivals[-1].at_s if arrivals else warm_s
    environment.run(until=max(warm_s, 1e-9))
    busy_s, tokens = engine.busy_s, engine.tokens
    if end_s > warm_s:
        environment.run(until=end_s)
    seconds = max(end_s - warm_s, 1e-9)
    # A step that runs at the edge is counted whole.
    busy_share, tokens_per_s = min(1.0, (engine.busy_s - busy_s) / seconds), (engine.tokens - tokens) / seconds
    environment.run()
    return Outcome(tuple(turn for turn in turns if turn.arrived_s >= warm_s), busy_share, tokens_per_s)


def simulate_clients(
    replica: Replica, work: Work, clients: int, *, warm_s: float = 30, seconds: float = 60, seed: int = 1
) -> Outcome:
    """So many clients, each of which asks again at once when it has its answer: how throughput is published."""
    environment = simpy.Environment()
    engine = Engine(environment, replica)
    turns: list[Turn] = []
    random = Random(seed)
    for _ in range(clients):
        # Not all prompts at once: clients that began together would stay in step for ever.
        environment.process(_ask(environment, engine, work, turns, random.random() * warm_s / 2))
    environment.run(until=warm_s)
    tokens = engine.tokens
    environment.run(until=warm_s + seconds)
    ended = tuple(turn for turn in turns if turn.arrived_s >= warm_s and turn.ended_s is not None)
    return Outcome(ended, 1.0, (engine.tokens - tokens) / seconds)


def _arrive(environment: simpy.Environment, engine: Engine, turns: list[Turn]) -> Generator[simpy.Event, Any, None]:
    for turn in turns:
        yield environment.timeout(turn.arrived_s - environment.now)
        engine.submit(turn)


def _ask(
    environment: simpy.Environment, engine: Engine, work: Work, turns: list[Turn], after_s: float
) -> Generator[simpy.Event, Any, None]:
    yield environment.timeout(after_s)
    while True:
        turn = Turn(environment.now, work.tokens_in, work.new_tokens, round(work.tokens_out), ended=environment.event())
        turns.append(turn)
        engine.submit(turn)
        assert turn.ended is not None
        yield turn.ended


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that `percent` of them do not pass; infinite of none."""
    if not values:
        return float("inf")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
