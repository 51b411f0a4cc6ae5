"""The load generator, a process of its own: a `bench.plan.Plan` on standard input, a `Load` on standard output.

    python -m bench.load < plan.json > load.json

It reads the raw protocol, for an HTTP library would cost as much as what is measured; and it parses and checks every event.
"""

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import cast

import httptools
import uvloop

from bench import script
from bench.plan import TURNS_PER_CONVERSATION, Load, Plan, Worker, as_request
from bench.stream import StreamCheck

ANSWER_WITHIN_S = 60
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}


class Connection(asyncio.Protocol):
    """One kept-alive HTTP connection; `ask` sends a request and returns when its answer is over."""

    def __init__(self, tally: "Tally") -> None:
        self._tally = tally
        self._check = StreamCheck()
        self._over: asyncio.Future[None] | None = None
        self._status = 0
        self.is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self.is_open = True

    async def ask(self, request: bytes, expected: str) -> str | None:
        """What was wrong with the answer; None when it was whole. Its times go to the tally."""
        self._parser = httptools.HttpResponseParser(self)
        self._check = StreamCheck()
        self._status = 0
        self._over = asyncio.get_running_loop().create_future()
        self._tally.begin(self)
        self._transport.write(request)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                await self._over
        except TimeoutError:
            self._transport.abort()
            return f"not answered within {ANSWER_WITHIN_S} s"
        except ConnectionError:
            return f"connection lost after {self._check.tokens} tokens"
        if self._status != 200:
            return f"status {self._status}"
        return self._check.problem(expected)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's protocol
        self.is_open = False
        if self._over is not None and not self._over.done():
            self._over.set_exception(ConnectionError())

    def close(self) -> None:
        self._transport.close()

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        tokens = self._check.feed(body) if self._status == 200 else 0
        if tokens:
            self._tally.receive(self, tokens)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self._transport.close()
        if self._over is not None and not self._over.done():
            self._over.set_result(None)


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
        self._times: dict[Connection, Times] = {}
        self.tokens = 0
        self.turns = 0
        self.answered = 0
        self.failures: Counter[str] = Counter()
        self.first_ms: list[float] = []
        self.gap_ms: list[float] = []

    def is_measured(self, at: float) -> bool:
        return self._plan.measure_from <= at < self._plan.measure_until

    def begin(self, connection: Connection) -> None:
        self._times[connection] = Times(time.monotonic())

    def receive(self, connection: Connection, tokens: int) -> None:
        now, times = time.monotonic(), self._times[connection]
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
    loop = asyncio.get_running_loop()
    connection: Connection | None = None
    turn = 0
    while time.monotonic() < plan.measure_until:
        if connection is None or not connection.is_open:
            _, connection = await loop.create_connection(lambda: Connection(tally), "127.0.0.1", port)
        asked = script.question(f"{plan.name}-{number}-{turn}", plan.tokens)
        request = as_request(plan, worker, asked, _conversation(worker.conversations, turn))
        tally.end(await connection.ask(request, script.answer(asked)))
        turn += 1
    if connection is not None:
        connection.close()


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
