"""Valkey dies, freezes, is slow, or forgets, in the middle of turns."""

import asyncio
from collections.abc import Iterator
from time import monotonic
from typing import Any

import aiohttp
import pytest

from parley.turns.sweep import SWEEP_EVERY_S
from tests.faults.client import Device, User, eventually, output_text, words
from tests.faults.conftest import StartChat
from tests.faults.measures import note
from tests.faults.parts import Parts, empty, frozen, killed, processes_of, running_parts
from tests.faults.sweeping import open_log, sweeping


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running_parts() as parts:
        yield parts


def checkpoints(user: User) -> list[Any]:
    return [row[0] for row in user.parts.rows("SELECT checkpoint FROM responses WHERE user_id = %s", user.user_id)]


async def check_whole(device: Device, reading: Any, count: int) -> None:
    """Every word reached the client, the database, and whoever reads the log afterwards, delta by delta."""
    async with device.follows(reading.response_id) as late:
        await late.end()
    assert reading.text == words(count) == device.user.items()[-1][2]
    assert reading.last["type"] == "response.completed"
    assert reading.numbers == list(range(len(reading.numbers)))
    assert [event for _, event in late.events] == [event for _, event in reading.events]


@pytest.mark.parametrize("is_emptied", [False, True], ids=["with its data", "emptied"])
async def test_a_killed_valkey_is_given_the_whole_log_again(
    parts: Parts, laptop: Device, phone: Device, is_emptied: bool
) -> None:
    async with laptop.says("words 400 every 0.02") as reading, sweeping(parts, every_s=SWEEP_EVERY_S):
        await reading.has(50)
        async with phone.follows(reading.response_id) as follower:
            await follower.has(50)
            async with killed(parts.valkey):
                if is_emptied:
                    empty(parts.valkey)
            await reading.end()
            await follower.end()

    note(f"longest gap of the reader {reading.longest_gap_s:.2f} s, of the follower {follower.longest_gap_s:.2f} s")
    assert reading.longest_gap_s < 0.5
    assert [event for _, event in follower.events] == [event for _, event in reading.events]
    await check_whole(phone, reading, 400)


async def test_while_valkey_is_away_checkpoints_go_to_postgres(parts: Parts, laptop: Device, phone: Device) -> None:
    async with laptop.says("words 300 every 0.02") as reading:
        await reading.has(20)
        async with killed(parts.valkey):
            away_s = monotonic()
            await eventually(lambda: any(checkpoints(laptop.user)), within_s=4)
            saved = checkpoints(laptop.user)[0]
            note(f"the first checkpoint came after {monotonic() - away_s:.1f} s, with {len(saved[0].split())} words")
            async with phone.chats_unstored("words 3") as other:
                await other.end()
        await reading.end()

    assert words(300).startswith(saved[0])
    assert len(saved[0].split()) >= 20
    assert other.text == words(3)
    await check_whole(phone, reading, 300)
    assert checkpoints(laptop.user) == [None]


async def test_a_turn_that_begins_and_ends_without_valkey_is_whole(parts: Parts, laptop: Device, phone: Device) -> None:
    async with killed(parts.valkey):
        async with laptop.says("words 30 every 0.02") as reading:
            await reading.end()
        assert reading.text == words(30) == laptop.user.items()[-1][2]
        async with phone.follows(reading.response_id) as late:
            await late.end()
        assert (late.text, late.last["type"]) == (words(30), "response.completed")
    await eventually_whole(phone, reading, 30)


async def eventually_whole(device: Device, reading: Any, count: int) -> None:
    """The log is written once Valkey is back."""
    async with open_log(device.user.parts) as (valkey, _):
        async with asyncio.timeout(5):
            while not await valkey.keys(f"{{{device.user.user_id.hex}}}:resp:*:log"):
                await asyncio.sleep(0.05)
    await check_whole(device, reading, count)


@pytest.mark.parametrize("is_emptied", [False, True], ids=["with its data", "emptied"])
async def test_who_dies_while_valkey_is_away_is_settled_from_the_checkpoint(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, alice: User, phone: Device, is_emptied: bool
) -> None:
    doomed = start_chat()
    async with Device(http, doomed, alice).says("words 1000 every 0.02") as reading:
        await reading.has(20)
        async with phone.follows(reading.response_id) as follower, sweeping(parts, every_s=SWEEP_EVERY_S):
            await follower.has(20)
            async with killed(parts.valkey):
                await eventually(lambda: any(checkpoints(alice)), within_s=4)
                doomed.kill()
                await asyncio.sleep(0.2)  # what it had sent to Postgres is carried out
                saved = checkpoints(alice)[0]
                if is_emptied:
                    empty(parts.valkey)
            await alice.settled()
            await follower.end()

    _, stored = await phone.get(reading.response_id)
    async with phone.follows(reading.response_id) as late:
        await late.end()
    assert alice.responses()[-1][:3] == ("incomplete", None, "engine_failed")
    assert alice.items()[-1][1:] == ("incomplete", saved[0])
    assert output_text(stored) == saved[0]
    # Who followed from elsewhere gets what is stored, each word once.
    assert follower.text == late.text == saved[0]
    assert follower.numbers == list(range(len(follower.numbers)))
    assert output_text(follower.last["response"]) == saved[0]
    await phone.goes_on()


async def test_a_frozen_valkey_stops_no_stream(parts: Parts, laptop: Device, phone: Device) -> None:
    async with laptop.says("words 350 every 0.02") as reading, phone.chats_unstored("words 350 every 0.02") as other:
        await reading.has(40)
        with frozen(parts.valkey):
            async with phone.says("words 40 every 0.02", conversation=None) as begun_meanwhile:
                await begun_meanwhile.end()
            await asyncio.sleep(3 - 1)
        await reading.end()
        await other.end()

    note(f"longest gaps {reading.longest_gap_s:.2f} s, {other.longest_gap_s:.2f} s")
    assert max(reading.longest_gap_s, other.longest_gap_s, begun_meanwhile.longest_gap_s) < 1.5
    assert begun_meanwhile.text == words(40)
    assert other.text == words(350)
    await check_whole(phone, reading, 350)


async def test_a_slow_valkey_makes_nobody_look_dead(parts: Parts, laptop: Device) -> None:
    """Each answer takes about half a second; a sweeper asks, as often as it does, who lives."""
    (server,) = processes_of(parts.valkey)

    async def slow_down() -> None:
        while True:
            server.suspend()
            await asyncio.sleep(0.5)
            server.resume()
            await asyncio.sleep(0.03)

    async with laptop.says("words 900 every 0.02") as reading, sweeping(parts, every_s=SWEEP_EVERY_S):
        await reading.has(20)
        slowing = asyncio.create_task(slow_down())
        try:
            await reading.end()
        finally:
            slowing.cancel()
            await asyncio.wait([slowing])
            server.resume()

    assert reading.last["type"] == "response.completed"
    assert laptop.user.responses()[-1][0] == "completed"
    assert reading.text == words(900) == laptop.user.items()[-1][2]


async def test_a_stop_finds_its_turn_after_valkey_was_away(parts: Parts, laptop: Device, phone: Device) -> None:
    async with laptop.says("words 1000 every 0.02") as reading:
        await reading.has(20)
        async with killed(parts.valkey):
            status, document = await phone.cancel(reading.response_id)
            assert (status, document["error"]["code"]) == (503, "storage_unavailable")
        status, document = await phone.cancel(reading.response_id)
        await reading.end()

    assert (status, document["status"]) == (200, "cancelled")
    assert reading.last["response"]["status"] == "cancelled"
    assert output_text(document) == reading.text == laptop.user.items()[-1][2]
