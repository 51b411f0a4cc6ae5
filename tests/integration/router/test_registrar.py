"""The registrar keeps a real router in step with Cloud Map and with what the workers say."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from tests.integration.router.pool import Pool, Reply, eventually

# What the mission allows for a dead worker: no request goes to it after this.
GONE_WITHIN_S = 5
FRESH_WITHIN_MS = 2_000


async def test_a_worker_that_appears_in_cloud_map_gets_traffic(pool: Pool) -> None:
    pool.start_registrar()
    await pool.state_is(saturated=True, reason="no_workers", workers=0, ready=0)
    refused = await pool.ask("s1")

    worker = await pool.add_worker()
    await pool.serves_from(worker)

    answer = await pool.ask("s1")
    assert (refused.status, refused.worker) == (503, None)
    assert (answer.status, answer.worker) == (200, worker.name)
    await pool.state_is(workers=1, ready=1, kv_use=0.1)


@pytest.mark.parametrize("death", ["killed", "frozen"])
async def test_a_dead_worker_s_conversations_alone_move_and_other_streams_are_unharmed(pool: Pool, death: str) -> None:
    doomed, *others = await pool.serve_from(3)
    conversations = [f"conversation-{number}" for number in range(40)]
    turns = [await pool.who_answers(conversations) for _ in range(3)]
    before = turns[0]
    kept = {name for name in conversations if before[name] != doomed.name}
    await pool.state_is(ready=3)

    async with watched_state(pool) as ages_ms:
        streams = [asyncio.create_task(pool.ask(name, "words 40 every 0.1")) for name in sorted(kept)[:8]]
        if death == "killed":
            await doomed.kill()
        else:
            doomed.freeze()
        await pool.serves_from(*others, within_s=GONE_WITHIN_S)
        moved = await pool.who_answers(conversations)
        whole = await asyncio.gather(*streams)
    await pool.state_is(workers=3, ready=2, saturated=False)
    if death == "killed":
        await doomed.start()
    else:
        doomed.thaw()
    await pool.serves_from(doomed, *others)

    assert turns == [before] * 3
    assert set(before.values()) == {doomed.name, *(other.name for other in others)}
    assert {name: moved[name] for name in kept} == {name: before[name] for name in kept}
    assert {moved[name] for name in conversations if name not in kept} == {other.name for other in others}
    assert {reply.body for reply in whole} == {await straight_from(pool, others[0].url, "words 40 every 0")}
    assert max(ages_ms) <= FRESH_WITHIN_MS
    assert await pool.who_answers(conversations) == before


async def test_until_a_killed_worker_is_removed_its_conversations_are_tried_elsewhere(pool: Pool) -> None:
    doomed, other = await pool.serve_from(2)
    orphans = await pool.sessions_of(doomed, 3)
    await pool.stop_registrar()

    await doomed.kill()

    answers = [await pool.ask(session) for session in orphans]
    assert {(answer.status, answer.worker) for answer in answers} == {(200, other.name)}


async def test_a_draining_worker_gets_nothing_new_while_its_stream_ends_whole(pool: Pool) -> None:
    draining, other = await pool.serve_from(2)
    (session,) = await pool.sessions_of(draining, 1)
    taken = len(draining.engine.requests)
    stream = asyncio.create_task(pool.ask(session, "words 40 every 0.1"))
    await eventually(lambda: has_grown(draining.engine.requests, taken))

    draining.is_draining = True
    await pool.serves_from(other)
    await pool.state_is(workers=2, ready=1)
    await pool.cloud_map.deregister(pool.name, draining)

    answer, whole = await pool.ask(session), await stream
    assert (answer.status, answer.worker) == (200, other.name)
    assert whole == Reply(200, draining.name, await straight_from(pool, draining.url, "words 40 every 0"))
    await pool.state_is(workers=1, ready=1)


async def test_the_pool_saturates_under_a_queue_and_recovers_slowly(pool: Pool) -> None:
    workers = await pool.serve_from(2)
    await pool.state_is(ready=2, saturated=False, waiting=0)

    for worker in workers:
        worker.running, worker.waiting, worker.kv_use, worker.ttft_s = 16, 6, 0.9, [0.3] * 100
    over = await pool.state_is(saturated=False, waiting=12)
    closed = await pool.state_is(saturated=True, reason="queue", running=32, waiting=12)
    for worker in workers:
        worker.waiting, worker.kv_use = 0, 0.2
    under = await pool.state_is(saturated=True, waiting=0)
    opened = await pool.state_is(saturated=False, reason=None)

    assert closed["since_ms"] - over["over_since_ms"] >= 2_000
    assert opened["since_ms"] - under["under_since_ms"] >= 5_000
    assert closed["kv_use"] == pytest.approx(0.9)
    # All two hundred lie in the bucket from 0.25 to 0.5 s.
    assert closed["ttft_p95_ms"] == pytest.approx(487.5)


@asynccontextmanager
async def watched_state(pool: Pool) -> AsyncGenerator[list[int]]:
    """How old, in ms, the state in Valkey was at each look meanwhile."""
    ages_ms: list[int] = []

    async def watch() -> None:
        while True:
            state = await pool.state()
            assert state is not None
            ages_ms.append(int(time.time() * 1000) - state["written_at_ms"])
            await asyncio.sleep(0.05)

    watcher = asyncio.create_task(watch())
    try:
        yield ages_ms
    finally:
        watcher.cancel()


async def straight_from(pool: Pool, url: str, words: str) -> bytes:
    """What a worker answers without a router between."""
    async with pool.http.post(f"{url}/v1/chat/completions", json=pool.chat_of(words)) as response:
        return await response.read()


async def has_grown(requests: list[dict[str, object]], length: int) -> bool:
    return len(requests) > length
