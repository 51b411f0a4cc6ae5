"""Postgres dies or freezes in the middle of turns."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import pytest

from tests.faults.client import Device, User, words
from tests.faults.measures import note
from tests.faults.parts import Parts, frozen, killed, running_parts
from tests.faults.sweeping import sweeping

REFUSED_WITHIN_S = 1.0

both = pytest.mark.parametrize("fault", ["killed", "frozen"])


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running_parts() as parts:
        yield parts


@asynccontextmanager
async def away(fault: str, parts: Parts) -> AsyncGenerator[None]:
    if fault == "killed":
        async with killed(parts.postgres):
            yield
    else:
        with frozen(parts.postgres):
            yield


async def check_refused(reading: Any) -> None:
    asked_s = monotonic()
    async with reading:
        await reading.end(within_s=10)
    took_s = monotonic() - asked_s
    note(f"refused after {took_s:.2f} s")
    assert (reading.status, reading.document["error"]["code"]) == (503, "storage_unavailable")
    assert int(reading.headers["retry-after"]) >= 1
    assert took_s < REFUSED_WITHIN_S


@both
async def test_an_answer_goes_on_and_is_settled_when_postgres_is_back(
    fault: str, parts: Parts, laptop: Device, phone: Device
) -> None:
    bob = User(parts)
    async with laptop.says("words 150 every 0.02") as reading:
        await reading.has(30)
        async with phone.follows(reading.response_id) as follower:
            await follower.has(30)
            async with away(fault, parts):
                for device in (laptop, phone):
                    await check_refused(Device(laptop.http, device.process, bob).says("words 1"))
                    await check_refused(Device(laptop.http, device.process, bob).chats("words 1"))
                async with laptop.chats_unstored("words 3") as unstored:
                    await unstored.end()
                await reading.has(150)
            await reading.end()
            await follower.end()

    note(f"longest gap of the reader {reading.longest_gap_s:.2f} s, of the follower {follower.longest_gap_s:.2f} s")
    assert reading.text == follower.text == words(150)
    assert reading.longest_gap_s < 0.5
    assert follower.longest_gap_s < 1.5
    assert [event for _, event in follower.events] == [event for _, event in reading.events]
    assert reading.last["type"] == "response.completed"
    assert laptop.user.responses()[-1][:2] == ("completed", "stop")
    assert laptop.user.items()[-1] == ("assistant", "completed", words(150))
    assert unstored.text == words(3)
    assert all(status != "in_progress" for status, *_ in bob.responses())
    await phone.goes_on()


async def test_a_turn_whose_process_dies_unsettled_keeps_the_outcome_of_its_log(
    parts: Parts, laptop: Device, phone: Device
) -> None:
    """The answer ended well; only the database did not hear of it."""
    async with laptop.says("words 60 every 0.02") as reading:
        await reading.has(30)
        async with killed(parts.postgres):
            # Until the end has been tried in vain, and longer than anybody waits for it.
            await reading.end(within_s=28)
            await asyncio.sleep(0.5)
            laptop.process.kill()
        async with sweeping(parts):
            settled = await laptop.user.settled()

    assert reading.text == words(60)
    assert settled[:2] == ("completed", "stop")
    assert laptop.user.items()[-1] == ("assistant", "completed", words(60))
    async with phone.follows(reading.response_id) as late:
        await late.end()
    assert [event for _, event in late.events] == [event for _, event in reading.events]
    await phone.goes_on()


@both
async def test_a_process_that_dies_without_postgres_is_settled_from_its_log(
    fault: str, parts: Parts, laptop: Device, phone: Device
) -> None:
    async with laptop.says("words 1000 every 0.02") as reading:
        await reading.has(30)
        async with away(fault, parts):
            await reading.has(80)
            killed_s = monotonic()
            laptop.process.kill()
        async with sweeping(parts):
            settled = await laptop.user.settled()

    assert settled[:3] == ("incomplete", None, "engine_failed")
    assert laptop.user.items()[-1][2].startswith(reading.text_until(killed_s - 0.15))
    await phone.goes_on()
