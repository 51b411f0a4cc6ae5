"""The chat process dies, freezes or is replaced in the middle of its turns."""

import asyncio
from time import monotonic

import aiohttp

from tests.faults.client import Device, User, eventually, output_text
from tests.faults.conftest import StartChat
from tests.faults.measures import note
from tests.faults.parts import Parts
from tests.faults.sweeping import open_log, sweeping

LOST_AT_MOST_S = 0.1
# A flush takes a moment itself, and the machine may be busy.
NOISE_S = 0.05


async def test_a_killed_process_loses_a_tenth_of_a_second(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, alice: User, phone: Device
) -> None:
    doomed = start_chat()
    laptop = Device(http, doomed, alice)
    async with laptop.says("words 1000 every 0.02") as reading, sweeping(parts):
        await reading.has(30)
        async with (
            phone.follows(reading.response_id) as follower,
            phone.follows(reading.response_id, starting_after=reading.numbers[-1] + 20) as late,
        ):
            await reading.has(100)
            killed_s = monotonic()
            doomed.kill()
            await reading.end()
            settled = await alice.settled()
            await asyncio.gather(follower.end(), late.end())
            rows = alice.everything()
            await asyncio.sleep(2.5)  # more sweeps find nothing to do
            assert alice.everything() == rows

    _, stored = await phone.get(reading.response_id)
    role, status, text = alice.items()[-1]
    known = reading.text_until(killed_s)
    note(f"lost {len(known.split()) - len(text.split())} of {len(known.split())} words")
    assert reading.is_broken
    assert settled[:3] == ("incomplete", None, "engine_failed")
    assert (role, status) == ("assistant", "incomplete")
    assert text.startswith(reading.text_until(killed_s - LOST_AT_MOST_S - NOISE_S))
    assert text == "".join(f"w{index} " for index in range(len(text.split())))
    assert alice.items()[:-1] == [("user", "completed", "words 1000 every 0.02")]
    # The reader elsewhere: each event once, in order, and an end that says what is stored.
    assert follower.numbers == list(range(len(follower.numbers)))
    assert late.numbers == follower.numbers[-len(late.numbers) :]
    assert follower.text == text == output_text(stored) == output_text(follower.last["response"])
    assert follower.last["type"] == late.last["type"] == "response.incomplete"
    assert follower.last["response"]["error"]["code"] == "engine_failed"
    await phone.goes_on()


async def test_a_process_killed_before_the_first_word_keeps_what_was_asked(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, alice: User, phone: Device
) -> None:
    doomed = start_chat()
    async with Device(http, doomed, alice).says("stall 0") as reading, sweeping(parts):
        await reading.until(lambda: reading.events)
        async with phone.follows(reading.response_id) as follower:
            doomed.kill()
            await alice.settled()
            await follower.end()

    assert alice.responses()[-1][:3] == ("incomplete", None, "engine_failed")
    assert alice.items()[0] == ("user", "completed", "stall 0")
    assert follower.last["type"] == "response.incomplete"
    await phone.goes_on()


async def test_no_user_item_is_lost_at_whatever_point_of_a_turn_the_process_dies(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, phone: Device
) -> None:
    doomed = start_chat()
    users = [User(parts) for _ in range(24)]
    readings = []
    async with Device(http, doomed, users[0]).says("words 1") as warm:  # the first turn of a process takes longer
        await warm.end()
    async with sweeping(parts):
        for user in users[1:]:
            readings.append(Device(http, doomed, user).says("words 20 every 0.002"))
            await asyncio.sleep(0.005)
        doomed.kill()
        for reading in readings:
            await reading.end()
        began = [user for user in users[1:] if user.responses()]
        ids = [user.user_id for user in began]
        unsettled = "SELECT FROM responses WHERE user_id = ANY (%s) AND status = 'in_progress'"
        await eventually(lambda: not parts.rows(unsettled, ids), within_s=20, every_s=0.5)

    note(f"{len(began)} turns had begun: {sorted({user.responses()[-1][0] for user in began})}")
    assert any(user.responses()[-1][0] == "incomplete" for user in began)
    for user, reading in zip(users[1:], readings, strict=True):
        if reading.events:  # a client that has heard of its turn
            assert user in began
    for user in began:
        assert user.items()[0] == ("user", "completed", "words 20 every 0.002")
        await Device(http, phone.process, user).goes_on()


async def test_a_frozen_process_writes_nothing_when_it_thaws(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, alice: User
) -> None:
    sleeper = start_chat(ENGINE_READ_TIMEOUT_S="60")
    async with (
        open_log(parts) as (valkey, _),
        Device(http, sleeper, alice).says("words 1000 every 0.02") as reading,
        sweeping(parts),
    ):
        await reading.has(20)
        sleeper.freeze()
        await alice.settled()
        (log_key,) = await valkey.keys(f"{{{alice.user_id.hex}}}:resp:*:log")
        rows, entries = alice.everything(), await valkey.xrange(log_key)
        sleeper.thaw()
        await reading.end()
        await asyncio.sleep(1)

        assert alice.everything() == rows
        assert await valkey.xrange(log_key) == entries
    assert reading.last["type"] == "response.incomplete"


async def test_a_turn_that_ended_while_it_was_frozen_is_not_told_as_complete(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, alice: User, phone: Device
) -> None:
    """Its engine had said everything meanwhile; but what is stored, and what everybody else sees, is nothing of it."""
    sleeper = start_chat(ENGINE_READ_TIMEOUT_S="60")
    async with Device(http, sleeper, alice).says("words 100 every 0.02") as reading, sweeping(parts):
        await reading.until(lambda: reading.events)
        sleeper.freeze()
        await alice.settled()
        rows = alice.everything()
        sleeper.thaw()
        await reading.end()

    assert alice.everything() == rows
    _, stored = await phone.get(reading.response_id)
    assert stored["status"] == "incomplete"
    assert reading.last["type"] == "response.incomplete"
    await phone.goes_on()


async def test_a_replaced_process_tells_followers_the_end(
    start_chat: StartChat, http: aiohttp.ClientSession, alice: User, phone: Device
) -> None:
    old = start_chat()
    async with Device(http, old, alice).says("words 1000 every 0.02") as reading:
        await reading.has(20)
        async with phone.follows(reading.response_id) as follower:
            await follower.has(20)
            old.terminate()
            await alice.settled()
            settled_s = monotonic()
            await follower.end()
            late_s = monotonic() - settled_s

    note(f"the end came {late_s:.2f} s after the turn was settled")
    assert alice.responses()[-1][:2] == ("incomplete", "length")
    assert follower.text == alice.items()[-1][2]
    assert follower.numbers == list(range(len(follower.numbers)))
    assert late_s < 2
    await phone.goes_on()
