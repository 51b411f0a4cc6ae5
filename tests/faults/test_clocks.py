"""Clocks that differ: of the process that began a turn, of the database, of the process that reads it.

A wall clock cannot be moved for one process alone without a tool; what its clock has written can, and that is all that others
see of it: `created_at` is the process's, `settled_at` the database's.
"""

import asyncio
from time import monotonic

import aiohttp
import psycopg
import pytest

from parley.turns.sweep import SWEEP_EVERY_S
from tests.faults.client import Device, User
from tests.faults.conftest import StartChat
from tests.faults.parts import Parts
from tests.faults.sweeping import open_log, sweeping


def shift(user: User, column: str, by: str) -> None:
    with psycopg.connect(user.parts.postgres.owner_url) as connection:
        connection.execute(
            f"UPDATE responses SET {column} = {column} + %s::interval WHERE user_id = %s".encode(),  # noqa: S608
            (by, user.user_id),
        )


both_ways = pytest.mark.parametrize("by", ["-1 hour", "1 hour"])


@both_ways
async def test_a_turn_that_lives_is_left_alone_whatever_its_clock_says(parts: Parts, phone: Device, by: str) -> None:
    async with phone.says("words 400 every 0.02") as reading:
        await reading.has(5)
        shift(phone.user, "created_at", by)
        async with sweeping(parts, every_s=SWEEP_EVERY_S):
            await reading.end()

    assert phone.user.responses()[-1][:2] == ("completed", "stop")
    assert len(reading.pieces) == 400


@both_ways
async def test_a_turn_that_is_dead_is_settled_whatever_its_clock_said(
    parts: Parts, start_chat: StartChat, http: aiohttp.ClientSession, alice: User, phone: Device, by: str
) -> None:
    doomed = start_chat()
    async with Device(http, doomed, alice).says("words 1000 every 0.02") as reading:
        await reading.has(20)
        shift(alice, "created_at", by)
        doomed.kill()
    async with sweeping(parts):
        settled = await alice.settled(within_s=15)

    assert settled[:3] == ("incomplete", None, "engine_failed")
    await phone.goes_on()


async def test_a_reader_whose_clock_is_behind_does_not_wait_for_it_to_catch_up(parts: Parts, phone: Device) -> None:
    """The end of a log is waited for a moment; this one has expired, and by the reader's clock the turn ends in an hour."""
    async with phone.says("words 3") as reading:
        await reading.end()
    await asyncio.sleep(0.3)  # the log's end is written
    shift(phone.user, "settled_at", "1 hour")
    async with open_log(parts) as (valkey, _):
        await valkey.delete(*await valkey.keys(f"{{{phone.user.user_id.hex}}}:resp:*"))

    asked_s = monotonic()
    async with phone.follows(reading.response_id) as late:
        await late.end(within_s=5)

    assert late.text == reading.text
    assert monotonic() - asked_s < 3
