"""Whatever a log's writer, its readers, a forgetful Valkey and a second lease do: each reader gets each delta once, in order."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from aws_lambda_powertools import Logger
from hypothesis import given, settings
from hypothesis import strategies as st

from parley.kit.valkey import RedisCluster, open_valkey
from parley.models.model import Delta, Usage
from parley.turns.entries import LogCopy, entry_fields
from parley.turns.follow import lost
from parley.turns.log import ResponseLog
from parley.turns.log_batch import LiveLog
from parley.turns.model import Outcome, Response, Status, StopReason
from tests.doubles.turns import make_response, make_run
from tests.faults.parts import Parts

LOGGER = Logger(service="tests", level="CRITICAL")
READERS = 3

SAY = st.tuples(st.just("say"), st.integers(1, 4))
FLUSH = st.just(("flush",))
READ = st.tuples(st.just("read"), st.integers(0, READERS - 1))
REJOIN = st.tuples(st.just("rejoin"), st.integers(0, READERS - 1))
LOSE = st.just(("lose",))
FAIL_OVER = st.tuples(st.just("fail_over"), st.integers(1, 3))
STEPS = st.lists(st.one_of(SAY, SAY, FLUSH, FLUSH, READ, READ, REJOIN, LOSE), max_size=30)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def valkey(parts: Parts, runner: asyncio.Runner) -> Iterator[RedisCluster]:
    opening = open_valkey(parts.valkey.url, parts.valkey.password_file)
    yield runner.run(opening.__aenter__())
    runner.run(opening.__aexit__(None, None, None))


@dataclass(slots=True)
class Play:
    """One turn, the log of one process that works on it, and its readers; `said` is what there is to be heard."""

    valkey: RedisCluster
    response: Response = field(default_factory=make_response)
    said: list[Delta] = field(default_factory=list)
    log: ResponseLog = field(init=False)
    live: LiveLog = field(init=False)
    readers: list[LogCopy] = field(default_factory=lambda: [LogCopy() for _ in range(READERS)])
    heard: list[list[Delta]] = field(default_factory=lambda: [[] for _ in range(READERS)])

    def __post_init__(self) -> None:
        self.log = ResponseLog(self.valkey, LOGGER, 60)
        self.live = self.log.open(make_run(self.response))

    @property
    def key(self) -> str:
        return self.live.key("log")

    async def do(self, step: Any) -> None:
        match step:
            case ("say", count):
                new = [Delta(text=f"w{len(self.said) + index} ") for index in range(count)]
                self.said.extend(new)
                self.live.run.turn.publish(new)
            case ("flush",):
                await self.log._flush()
            case ("read", reader):
                await self.read(reader)
            case ("rejoin", reader):
                self.readers[reader], self.heard[reader] = LogCopy(), []
            case ("lose",):
                await self.valkey.delete(self.key)
            case ("fail_over", count):
                await self._lose_last(count)

    async def read(self, reader: int) -> None:
        followed = (self.response.user_id, self.response.response_id, self.readers[reader])
        (new,) = await self.log.read_on([followed])
        self.heard[reader].extend(new)
        assert self.heard[reader] == self.said[: len(self.heard[reader])]

    async def beat(self) -> None:
        """What the writer does every two seconds."""
        self.live.heartbeat_s = float("-inf")
        await self.log._flush()
        await self.log._flush()

    async def end(self, outcome: Outcome) -> None:
        """As the process ends its turn, with a few tries."""
        self.log.close(self.live, outcome)
        for _ in range(3):
            await self.log._flush()

    async def _lose_last(self, count: int) -> None:
        """What a replica holds that takes over and had not heard of the last entries."""
        entries: Any = await self.valkey.xrange(self.key)
        await self.valkey.delete(self.key)
        for entry_id, fields in entries[:-count]:
            await self.valkey.xadd(self.key, fields, id=entry_id)

    async def clean(self) -> None:
        await self.log.forget(self.response.user_id, self.response.response_id)


OUTCOME = Outcome(Status.COMPLETED, "stop", Usage(1, 2))


def test_every_reader_gets_each_delta_once_in_order(valkey: RedisCluster, runner: asyncio.Runner) -> None:
    @settings(max_examples=150, deadline=None)
    @given(STEPS)
    def check(steps: list[Any]) -> None:
        runner.run(play_to_the_end(valkey, steps))

    check()


def test_what_a_replica_had_not_heard_of_is_written_again(valkey: RedisCluster, runner: asyncio.Runner) -> None:
    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.one_of(SAY, SAY, FLUSH, FLUSH, READ, FAIL_OVER), max_size=30))
    def check(steps: list[Any]) -> None:
        runner.run(play_to_the_end(valkey, steps))

    check()


async def play_to_the_end(valkey: RedisCluster, steps: list[Any]) -> None:
    play = Play(valkey)
    for step in steps:
        await play.do(step)
    await play.beat()
    await play.do(("say", 1))
    await play.end(OUTCOME)
    late = len(play.readers)
    play.readers.append(LogCopy())
    play.heard.append([])
    for reader in range(late + 1):
        await play.read(reader)
        await play.read(reader)
        assert play.heard[reader] == play.said
        assert play.readers[reader].outcome == OUTCOME
    await play.clean()


def test_who_has_lost_his_lease_is_heard_no_more(valkey: RedisCluster, runner: asyncio.Runner) -> None:
    @settings(max_examples=100, deadline=None)
    @given(
        st.lists(st.one_of(SAY, SAY, FLUSH, FLUSH, READ, REJOIN), max_size=15),
        st.lists(st.one_of(SAY, SAY, FLUSH, FLUSH, READ, REJOIN), max_size=15),
    )
    def check(before: list[Any], after: list[Any]) -> None:
        runner.run(play_two_leases(valkey, before, after))

    check()


async def play_two_leases(valkey: RedisCluster, before: list[Any], after: list[Any]) -> None:
    """A sweeper takes the process for dead and ends its log; the process thaws and goes on as if nothing had happened."""
    play = Play(valkey)
    for step in before:
        await play.do(step)
    copy = await play.log.read(play.response.user_id, play.response.response_id)
    await play.log.end(
        play.response.user_id, play.response.response_id, "2-1", entry_fields(len(copy.deltas), (), lost())
    )
    entries = await valkey.xrange(play.key)
    for step in [*after, ("say", 1), ("flush",), ("flush",)]:
        await play.do(step)
    await play.end(OUTCOME)

    assert await valkey.xrange(play.key) == entries
    assert play.live.run.stop_reason is StopReason.LEASE_LOST
    for reader in range(READERS):
        await play.read(reader)
        assert play.heard[reader] == copy.deltas == play.said[: len(copy.deltas)]
        outcome = play.readers[reader].outcome
        assert outcome
        assert outcome.status is Status.INCOMPLETE
    await play.clean()
