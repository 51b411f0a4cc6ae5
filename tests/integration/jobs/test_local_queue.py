"""The laptop's queue on the real Valkey: sent once it cannot be lost, done at least once, put aside after three times."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from redis.cluster import RedisCluster as SyncCluster

from local.parts import EmbeddedValkey
from local.parts.ports import free_port
from local.queue import DELIVERIES, Consumer
from parley.errors import StorageUnavailable
from parley.kit.telemetry import open_logger
from parley.kit.valkey import RedisCluster, open_valkey
from parley.kit.valkey_queue import DEAD_LETTERS, FIELD, GROUP, LENGTH_LIMIT, STREAM, ValkeyQueue
from parley.settings import QueueSettings
from parley.turns.queue import JobQueue
from parley.wiring.queue import open_queue
from tests.integration.kit.faults import GIVEN_UP_WITHIN_S, works_again_after_s

LOGGER = open_logger("local-queue-tests")
SECRET = "sk-somebody-s"

Run = Callable[[bytes], Awaitable[None]]


def queue_settings(valkey: EmbeddedValkey) -> QueueSettings:
    return QueueSettings(valkey_url=valkey.url, valkey_password_file=valkey.password_file)


@pytest.fixture
async def queue(valkey: EmbeddedValkey, stream: Any) -> AsyncIterator[JobQueue]:
    async with open_queue(queue_settings(valkey)) as queue:
        yield queue


@asynccontextmanager
async def consuming(
    cluster: RedisCluster, run: Run, *, name: str = "one", at_once: int = 4, visibility_s: float = 0.3
) -> AsyncIterator[asyncio.Task[None]]:
    """A consumer in a task of its own, which ends as a killed process does: without a word."""
    consumer = Consumer(cluster, run, LOGGER, name=name, at_once=at_once, visibility_s=visibility_s)
    task = asyncio.create_task(consumer.consume_forever())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def sent(queue: JobQueue, job: Mapping[str, str]) -> None:
    """Also where the machine stands still while somebody connects."""
    await works_again_after_s(lambda: queue.send(job))


async def until(is_true: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_true():
            await asyncio.sleep(0.01)


async def test_a_job_that_was_sent_is_done_and_gone(queue: JobQueue, cluster: RedisCluster, stream: Any) -> None:
    done: list[Any] = []

    async def run(body: bytes) -> None:
        done.append(json.loads(body))

    await sent(queue, {"job": "turn", "user_id": "a", "response_id": "b"})
    async with consuming(cluster, run):
        await until(lambda: stream.xlen(STREAM) == 0)

    assert done == [{"job": "turn", "user_id": "a", "response_id": "b"}]
    assert stream.xpending(STREAM, GROUP)["pending"] == 0


async def test_several_jobs_run_at_once_but_no_more_than_allowed(
    queue: JobQueue, cluster: RedisCluster, stream: Any
) -> None:
    running, most = 0, 0
    go_on = asyncio.Event()

    async def run(_: bytes) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == 4:
            go_on.set()
        await go_on.wait()
        running -= 1

    for _ in range(10):
        await sent(queue, {"job": "sweep"})
    async with consuming(cluster, run, at_once=4):
        await until(lambda: stream.xlen(STREAM) == 0)

    assert most == 4


async def test_the_job_of_a_consumer_that_died_is_taken_up_by_another(
    queue: JobQueue, cluster: RedisCluster, stream: Any
) -> None:
    begun, done = asyncio.Event(), asyncio.Event()

    async def run_for_ever(_: bytes) -> None:
        begun.set()
        await asyncio.sleep(3600)

    async def run(_: bytes) -> None:
        done.set()

    await sent(queue, {"job": "sweep"})
    async with consuming(cluster, run_for_ever, name="first"):
        await asyncio.wait_for(begun.wait(), 30)
    async with consuming(cluster, run, name="second"):
        await asyncio.wait_for(done.wait(), 30)
        await until(lambda: stream.xlen(STREAM) == 0)


async def test_a_long_job_is_not_taken_from_who_works_on_it(
    queue: JobQueue, cluster: RedisCluster, stream: Any
) -> None:
    begun = 0

    async def run(_: bytes) -> None:
        nonlocal begun
        begun += 1
        await asyncio.sleep(4)  # twice as long as a job stays taken that nobody holds

    await sent(queue, {"job": "turn"})
    async with (
        consuming(cluster, run, name="first", visibility_s=2),
        consuming(cluster, run, name="second", visibility_s=2),
    ):
        await until(lambda: stream.xlen(STREAM) == 0)

    assert begun == 1


async def test_a_job_that_keeps_failing_is_put_aside_after_three_times_without_a_word_of_it(
    queue: JobQueue, cluster: RedisCluster, stream: Any, caplog: pytest.LogCaptureFixture
) -> None:
    tried = 0

    async def run(_: bytes) -> None:
        nonlocal tried
        tried += 1
        raise ValueError(SECRET)

    await sent(queue, {"job": SECRET})
    async with consuming(cluster, run, visibility_s=0.1):
        await until(lambda: stream.xlen(DEAD_LETTERS) == 1)
        await until(lambda: stream.xlen(STREAM) == 0)

    ((_, fields),) = stream.xrange(DEAD_LETTERS)
    logged = str([vars(record) for record in caplog.records])
    assert tried == DELIVERIES == 3
    assert json.loads(fields[FIELD]) == {"job": SECRET}
    assert "job_put_aside" in logged
    assert SECRET not in logged


async def test_a_bad_message_stops_nobody(queue: JobQueue, cluster: RedisCluster, stream: Any) -> None:
    done: list[bytes] = []

    async def run(body: bytes) -> None:
        json.loads(body)
        done.append(body)

    stream.xadd(STREAM, {"other": "fields"})
    stream.xadd(STREAM, {FIELD: b"not JSON"})
    await sent(queue, {"job": "sweep"})
    async with consuming(cluster, run, at_once=1, visibility_s=0.05):
        await until(lambda: stream.xlen(STREAM) == 0)

    assert (len(done), stream.xlen(DEAD_LETTERS)) == (1, 2)


async def test_many_consumers_do_each_job_once(queue: JobQueue, cluster: RedisCluster, stream: Any) -> None:
    done: Counter[str] = Counter()

    async def run(body: bytes) -> None:
        await asyncio.sleep(0)
        done[json.loads(body)["job"]] += 1

    for number in range(100):
        await sent(queue, {"job": str(number)})
    async with (
        consuming(cluster, run, name="a", visibility_s=30),
        consuming(cluster, run, name="b", visibility_s=30),
        consuming(cluster, run, name="c", visibility_s=30),
    ):
        await until(lambda: stream.xlen(STREAM) == 0)

    assert done == Counter({str(number): 1 for number in range(100)})


async def test_jobs_outlive_a_valkey_that_is_killed(home: Path) -> None:
    done = asyncio.Event()

    async def run(_: bytes) -> None:
        done.set()

    with EmbeddedValkey(home / "killed") as server:
        async with open_queue(queue_settings(server)) as queue:
            await sent(queue, {"job": "sweep"})
        os.kill(process_id(server), signal.SIGKILL)
    with EmbeddedValkey(home / "killed") as server:
        async with open_valkey(server.url, server.password_file) as cluster, consuming(cluster, run):
            await asyncio.wait_for(done.wait(), 30)


async def test_a_consumer_waits_for_a_valkey_that_is_away_and_for_one_that_has_forgotten_everything(home: Path) -> None:
    done = asyncio.Event()

    async def run(_: bytes) -> None:
        done.set()

    port = free_port()
    with EmbeddedValkey(home / "away", durable=False, port=port) as server:
        settings = queue_settings(server)
    async with open_valkey(server.url, server.password_file) as cluster, consuming(cluster, run) as consumer:
        for _ in range(2):
            with EmbeddedValkey(home / "away", durable=False, port=port):
                async with open_queue(settings) as queue:
                    await sent(queue, {"job": "sweep"})
                await asyncio.wait_for(done.wait(), 30)
            done.clear()
        assert not consumer.done()


def process_id(server: EmbeddedValkey) -> int:
    with closing(SyncCluster.from_url(server.url, password=server.password_file.read_text())) as client:
        return client.info(target_nodes=SyncCluster.RANDOM)["process_id"]


async def test_a_queue_that_is_away_refuses_soon() -> None:
    settings = QueueSettings(valkey_url=f"redis://127.0.0.1:{free_port()}")

    async with open_queue(settings) as queue, asyncio.timeout(GIVEN_UP_WITHIN_S):
        with pytest.raises(StorageUnavailable) as caught:
            await queue.send({"job": "sweep"})

    assert caught.value.retry_after_s == 2


async def test_a_queue_that_is_full_refuses(cluster: RedisCluster, stream: Any) -> None:
    with stream.pipeline() as pipeline:
        for _ in range(LENGTH_LIMIT):
            pipeline.xadd(STREAM, {FIELD: b"{}"})
        pipeline.execute()

    with pytest.raises(StorageUnavailable):
        await ValkeyQueue(cluster).send(b"{}")

    assert stream.xlen(STREAM) == LENGTH_LIMIT
