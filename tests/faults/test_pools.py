"""Pools die, come back and fall silent; what tells of them dies too."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from parley.kit.valkey import RedisCluster, open_valkey
from tests.faults.client import Device, User, words
from tests.faults.engine import FaultyEngine, running_engine
from tests.faults.parts import Parts, chat_process, frozen, running_parts

CATALOGUE = """
default = "big"
[pools.quality]
dialect = "vllm"
url = "{quality}"
[pools.fast]
dialect = "vllm"
url = "{fast}"
[[models]]
name = "big"
pool = "quality"
context_tokens = 4096
fallbacks = ["small"]
[[models]]
name = "small"
pool = "fast"
context_tokens = 4096
"""


@dataclass(slots=True)
class PoolEngine:
    """The engine of a pool that a test may take away for good."""

    engine: FaultyEngine
    stack: AsyncExitStack = field(repr=False)

    async def die(self) -> None:
        """Its connections are cut and its port is closed."""
        await self.stack.aclose()


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running_parts() as parts:
        yield parts


@pytest.fixture
async def quality() -> AsyncIterator[PoolEngine]:
    async with AsyncExitStack() as stack:
        yield PoolEngine(await stack.enter_async_context(running_engine()), stack)


@pytest.fixture
async def fast() -> AsyncIterator[FaultyEngine]:
    async with running_engine() as engine:
        yield engine


@pytest.fixture
async def laptop(
    parts: Parts,
    quality: PoolEngine,
    fast: FaultyEngine,
    tmp_path: Path,
    http: aiohttp.ClientSession,
    alice: User,
) -> AsyncIterator[Device]:
    """Before a process of its own, for a process remembers pools that were away."""
    catalogue = tmp_path / "models.toml"
    catalogue.write_text(CATALOGUE.format(quality=quality.engine.url, fast=fast.url))
    with ExitStack() as stack:
        process = await asyncio.to_thread(stack.enter_context, chat_process(parts, "", MODELS_FILE=str(catalogue)))
        yield Device(http, process, alice, model="big")


@pytest.fixture
async def valkey(parts: Parts) -> AsyncIterator[RedisCluster]:
    async with open_valkey(parts.valkey.url, parts.valkey.password_file) as client:
        yield client
        await client.delete("pool:quality")


def answered_by(user: User) -> list[str]:
    rows = user.parts.rows("SELECT model FROM responses WHERE user_id = %s ORDER BY created_at", user.user_id)
    return [model for (model,) in rows]


async def test_the_turn_after_the_death_of_a_pool_is_answered_by_the_next(laptop: Device, quality: PoolEngine) -> None:
    async with laptop.says("words 2") as reading:
        await reading.end()
    await laptop.user.settled()
    await quality.die()

    async with laptop.says("words 3") as reading:
        await reading.end()
    await laptop.user.settled()

    assert (reading.text, reading.last["type"]) == (words(3), "response.completed")
    assert (reading.last["response"]["model"], reading.last["response"]["degraded_from"]) == ("small", "big")
    assert answered_by(laptop.user) == ["big", "small"]
    assert [text for _, _, text in laptop.user.items()] == ["words 2", words(2), "words 3", words(3)]


async def test_a_pool_that_dies_in_the_middle_leaves_its_words_and_nobody_else_goes_on(
    laptop: Device, quality: PoolEngine, fast: FaultyEngine
) -> None:
    async with laptop.says("words 200 every 0.05") as reading:
        await reading.has(5)
        await quality.die()
        await reading.end()
    await laptop.user.settled()

    assert laptop.user.responses()[-1][:3] == ("incomplete", None, "engine_failed")
    assert laptop.user.items()[-1][2] == reading.text
    assert not fast.requests


async def test_where_every_pool_is_dead_a_turn_is_refused_and_what_was_said_is_kept_once(
    laptop: Device, quality: PoolEngine, fast: FaultyEngine
) -> None:
    await quality.die()
    async with laptop.says("status 503") as reading:
        await reading.end()
    async with laptop.says("status 503") as again:
        await again.end()

    assert (reading.status, reading.document["error"]["code"]) == (503, "engine_unavailable")
    assert "retry-after" in reading.headers
    assert [text for _, _, text in laptop.user.items()] == ["status 503"]
    assert len(fast.requests) == 2


async def test_a_full_pool_is_open_again_when_nobody_tells_of_it_any_more(laptop: Device, valkey: RedisCluster) -> None:
    """As when its registrars die: what they said last expires."""
    await valkey.set("pool:quality", json.dumps({"saturated": True, "reason": "queue"}), px=2_000)
    async with laptop.says("words 1") as reading:
        await reading.end()
    assert reading.last["response"]["model"] == "small"

    async def is_open() -> bool:
        async with laptop.says("words 1") as reading:
            await reading.end()
        return reading.last["response"]["model"] == "big"

    async with asyncio.timeout(10):
        while not await is_open():
            await asyncio.sleep(0.1)


async def test_a_frozen_valkey_keeps_no_turn_from_its_pool(parts: Parts, laptop: Device, valkey: RedisCluster) -> None:
    await valkey.set("pool:quality", json.dumps({"saturated": False}))
    async with laptop.says("words 1") as reading:
        await reading.end()

    with frozen(parts.valkey):
        async with laptop.says("words 2") as reading:
            await reading.end()
        await laptop.user.settled()

    assert (reading.text, reading.last["response"]["model"]) == (words(2), "big")


async def test_a_pool_that_is_back_answers_again(laptop: Device, valkey: RedisCluster, quality: PoolEngine) -> None:
    await valkey.set("pool:quality", json.dumps({"saturated": True, "reason": "no_workers"}), px=60_000)
    async with laptop.says("words 1") as reading:
        await reading.end()
    await valkey.set("pool:quality", json.dumps({"saturated": False, "reason": None}), px=60_000)

    async def answered() -> bool:
        async with laptop.says("words 1") as reading:
            await reading.end()
        return bool(quality.engine.requests)

    assert reading.last["response"]["model"] == "small"
    async with asyncio.timeout(10):
        while not await answered():
            await asyncio.sleep(0.1)
