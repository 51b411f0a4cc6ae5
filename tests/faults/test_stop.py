"""Stop: the real engine is aborted, from whichever process, and the turn settles with what it had said."""

import asyncio
from collections.abc import Iterator
from time import monotonic

import aiohttp
import pytest

from local.parts import EmbeddedEngine
from tests.faults.client import Device, User, output_text
from tests.faults.measures import note
from tests.faults.parts import ChatProcess, Parts, chat_process

# Half a second is the bar, and noted below; this is for a machine that stands still. Of what it was asked for the engine
# would talk for much longer.
ENGINE_STOPS_WITHIN_S = 5

# At temperature 0 the small model goes on for hundreds of tokens; at its own it now and then says one sentence.
LONG_STORY = "Tell me a very long story."


@pytest.fixture(scope="module")
def real_engine(parts: Parts) -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(parts.home) as engine:
        yield engine


@pytest.fixture(scope="module")
def processes(parts: Parts, real_engine: EmbeddedEngine) -> Iterator[tuple[ChatProcess, ChatProcess]]:
    """Two in front of the real engine."""
    with chat_process(parts, real_engine.url) as first, chat_process(parts, real_engine.url) as second:
        yield first, second


@pytest.fixture
def laptop(
    http: aiohttp.ClientSession, processes: tuple[ChatProcess, ChatProcess], alice: User, real_engine: EmbeddedEngine
) -> Device:
    return Device(http, processes[0], alice, model=real_engine.model)


@pytest.fixture
def tablet(
    http: aiohttp.ClientSession, processes: tuple[ChatProcess, ChatProcess], alice: User, real_engine: EmbeddedEngine
) -> Device:
    """Alice at another process before the same engine."""
    return Device(http, processes[1], alice, model=real_engine.model)


async def busy_slots(http: aiohttp.ClientSession, engine: EmbeddedEngine) -> int:
    """By llama.cpp's own count."""
    async with http.get(f"{engine.root_url}/slots") as response:
        return sum(bool(slot["is_processing"]) for slot in await response.json())


async def tokens_of(http: aiohttp.ClientSession, engine: EmbeddedEngine, text: str) -> int:
    """By the model's own tokenizer."""
    async with http.post(f"{engine.root_url}/tokenize", json={"content": text}) as response:
        return len((await response.json())["tokens"])


async def idle_since(http: aiohttp.ClientSession, engine: EmbeddedEngine) -> float:
    """When the engine was first seen to work on nothing."""
    async with asyncio.timeout(10):
        while await busy_slots(http, engine):
            await asyncio.sleep(0.01)
    return monotonic()


@pytest.mark.parametrize("where", ["here", "elsewhere"])
async def test_a_stop_frees_the_engine_and_keeps_the_text(
    where: str, laptop: Device, tablet: Device, real_engine: EmbeddedEngine, http: aiohttp.ClientSession
) -> None:
    device = laptop if where == "here" else tablet
    async with laptop.says(LONG_STORY, max_output_tokens=3000, temperature=0) as reading:
        await reading.has(20)
        assert await busy_slots(http, real_engine) == 1
        asked_s = monotonic()
        (status, document), idle_s = await asyncio.gather(
            device.cancel(reading.response_id), idle_since(http, real_engine)
        )
        answered_s = monotonic() - asked_s
        await reading.end()
    again = await device.cancel(reading.response_id)

    took_s = idle_s - asked_s
    note(
        f"stopped {where}: the engine was idle after {took_s * 1000:.0f} ms, the answer came by {answered_s * 1000:.0f} ms"
    )
    assert took_s < ENGINE_STOPS_WITHIN_S
    assert (status, document["status"]) == (200, "cancelled")
    assert again == (status, document)
    assert output_text(document) == reading.text == laptop.user.items()[-1][2] != ""
    assert reading.last["type"] == "response.incomplete"
    assert reading.last["response"]["status"] == "cancelled"
    assert laptop.user.responses()[-1][:3] == ("cancelled", "stop", None)
    # Billed as generated: what came, and a token or two that were on their way.
    usage, tokens = document["usage"], await tokens_of(http, real_engine, reading.text)
    assert tokens - 2 <= usage["output_tokens"] <= tokens + 3
    assert usage["input_tokens"] > 0
    async with tablet.says("Thank you.", max_output_tokens=2) as next_one:
        await next_one.end()
    assert next_one.last["response"]["error"] is None


async def test_two_stops_at_once_are_one(laptop: Device, tablet: Device) -> None:
    async with laptop.says(LONG_STORY, max_output_tokens=3000, temperature=0) as reading:
        await reading.has(10)
        answers = await asyncio.gather(*(device.cancel(reading.response_id) for device in (laptop, tablet, tablet)))
        await reading.end()

    assert [(status, document["status"]) for status, document in answers] == [(200, "cancelled")] * 3
    assert answers[0] == answers[1] == answers[2]
    assert [role for role, _, _ in laptop.user.items()] == ["user", "assistant"]


async def test_a_stop_after_the_end_changes_nothing(laptop: Device, tablet: Device) -> None:
    async with laptop.says("Hello.", max_output_tokens=3) as reading:
        await reading.end()
    before = laptop.user.everything()

    answers = [await device.cancel(reading.response_id) for device in (laptop, tablet)]

    assert all(document["status"] == reading.last["response"]["status"] for _, document in answers)
    assert [status for status, _ in answers] == [200, 200]
    assert laptop.user.everything() == before


async def test_a_stranger_stops_nothing(parts: Parts, laptop: Device, tablet: Device) -> None:
    stranger = Device(laptop.http, tablet.process, User(parts))
    async with laptop.says(LONG_STORY, max_output_tokens=3000, temperature=0) as reading:
        await reading.has(10)
        for process in (laptop.process, tablet.process):
            stranger.process = process
            status, _ = await stranger.cancel(reading.response_id)
            assert status == 404
        await reading.has(60)
        await laptop.cancel(reading.response_id)
        await reading.end()

    assert laptop.user.responses()[-1][0] == "cancelled"


async def test_a_queued_turn_is_stopped_before_it_began(laptop: Device, tablet: Device) -> None:
    """Nobody does jobs here, so it stays in its queue."""
    async with laptop.says("Hello.", background=True) as following:
        await following.until(lambda: len(following.events) >= 2)
        status, document = await tablet.cancel(following.response_id)
        await following.end()
    again = await laptop.cancel(following.response_id)

    assert (status, document["status"], output_text(document)) == (200, "cancelled", "")
    assert again == (status, document)
    assert following.numbers == list(range(len(following.numbers)))
    assert following.last["response"]["status"] == "cancelled"
    assert following.last["response"]["output"] == document["output"]
    assert laptop.user.items()[0] == ("user", "completed", "Hello.")
    async with laptop.says("Hello?", max_output_tokens=2) as next_one:
        await next_one.end()
    assert next_one.last["response"]["error"] is None
