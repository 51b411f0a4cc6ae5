"""The load generator, a process of its own: a `bench.plan.Plan` on standard input, a `Load` on standard output.

    python -m bench.load < plan.json > load.json

It parses and checks every event of every stream.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence

import uvloop

from bench import script
from bench.client import Connection
from bench.plan import TURNS_PER_CONVERSATION, Load, Plan, Worker, as_request
from bench.stream import StreamCheck

ANSWER_WITHIN_S = 60
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


class Times:
    """When the tokens of one stream came."""

    __slots__ = ("asked_at", "first_at", "last_at")

    def __init__(self, asked_at: float) -> None:
        self.asked_at = asked_at
        self.first_at: float | None = None
        self.last_at = asked_at


class Tally:
    """Counts what the clients of one target see within the window."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.tokens = 0
        self.turns = 0
        self.answered = 0
        self.failures: Counter[str] = Counter()
        self.first_ms: list[float] = []
        self.gap_ms: list[float] = []

    def is_measured(self, at: float) -> bool:
        return self._plan.measure_from <= at < self._plan.measure_until

    def receive(self, times: Times, tokens: int) -> None:
        now = time.monotonic()
        is_measured = self.is_measured(now)
        if is_measured:
            self.tokens += tokens
        if times.first_at is None:
            times.first_at = now
            if self.is_measured(times.asked_at):
                self.first_ms.append((now - times.asked_at) * 1000)
        elif is_measured:
            self.gap_ms.append((now - times.last_at) * 1000)
            self.gap_ms.extend([0.0] * (tokens - 1))
        times.last_at = now

    def end(self, problem: str | None) -> None:
        if problem is not None:
            self.failures[problem] += 1
            return
        self.answered += 1
        if self.is_measured(time.monotonic()):
            self.turns += 1


async def ask_again_and_again(plan: Plan, number: int, worker: Worker, port: int, tally: Tally) -> None:
    """One worker: a turn after the other on one connection, until the window is over."""
    connection: Connection | None = None
    turn = 0
    while time.monotonic() < plan.measure_until:
        if connection is None or not connection.is_open:
            connection = await Connection.open(port)
        asked = script.question(f"{plan.name}-{number}-{turn}", plan.tokens)
        request = as_request(plan, worker, asked, _conversation(worker.conversations, turn))
        tally.end(await _ask(connection, request, script.answer(asked), tally))
        turn += 1
    if connection is not None:
        connection.leave()


async def _ask(connection: Connection, request: bytes, expected: str, tally: Tally) -> str | None:
    """What was wrong with the answer; None when it was whole. Its times go to the tally."""
    check, times = StreamCheck(), Times(time.monotonic())

    def receive(body: bytes) -> None:
        if tokens := check.feed(body):
            tally.receive(times, tokens)

    try:
        status = await connection.ask(request, receive, ANSWER_WITHIN_S)
    except TimeoutError:
        return f"not answered within {ANSWER_WITHIN_S} s"
    except ConnectionError:
        return f"connection lost after {check.tokens} tokens"
    return check.problem(expected) if status == 200 else f"status {status}"


def _conversation(conversations: Sequence[str], turn: int) -> str | None:
    return conversations[turn // TURNS_PER_CONVERSATION] if conversations else None


async def run(plan: Plan) -> Load:
    target, direct = Tally(plan), Tally(plan)
    async with asyncio.TaskGroup() as tasks:
        for number in range(plan.direct_workers):
            tasks.create_task(ask_again_and_again(plan, number, Worker({}), plan.engine_port, direct))
        for number, worker in enumerate(plan.workers):
            tasks.create_task(ask_again_and_again(plan, number, worker, plan.port, target))
            await asyncio.sleep(plan.spread_s / len(plan.workers))
    if direct.failures:
        raise RuntimeError(f"the stand-in engine itself failed: {dict(direct.failures)}")
    return Load(
        tokens=target.tokens,
        turns=target.turns,
        answered=target.answered,
        failures=dict(target.failures),
        first_ms=target.first_ms,
        direct_first_ms=direct.first_ms,
        gap_ms=quantiles(target.gap_ms),
    )


def quantiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p95, p99 and the largest; nothing of nothing."""
    if not values:
        return {}
    ordered = sorted(values)
    return {name: ordered[int(share * (len(ordered) - 1))] for name, share in _SHARES.items()}


def main() -> None:
    plan = Plan.from_json(sys.stdin.buffer.read())
    sys.stdout.buffer.write(uvloop.run(run(plan)).to_json())


if __name__ == "__main__":
    main()
