"""Clients that leave, and clients that do not read."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.faults.client import Device, User, eventually, words
from tests.faults.engine import FaultyEngine
from tests.faults.measures import note
from tests.faults.parts import Parts

ANSWER_BYTES = 1_000_000
MEMORY_GROWS_BYTES = 20_000_000


async def test_a_stored_turn_goes_on_without_its_client(laptop: Device, phone: Device) -> None:
    async with laptop.says("words 100 every 0.02") as reading:
        await reading.has(10)
        reading.leave()
    async with phone.follows(reading.response_id, starting_after=reading.numbers[-1]) as resumed:
        await resumed.end()

    assert laptop.user.responses()[-1][:2] == ("completed", "stop")
    assert laptop.user.items()[-1] == ("assistant", "completed", words(100))
    assert reading.text + resumed.text == words(100)
    assert reading.numbers + resumed.numbers == list(range(resumed.numbers[-1] + 1))
    assert resumed.last["type"] == "response.completed"


@pytest.mark.parametrize("api", ["responses", "chat"])
async def test_what_is_not_stored_ends_with_its_client(api: str, phone: Device, faulty: FaultyEngine) -> None:
    aborted = faulty.aborted
    text = "words 1000 every 0.02"
    asks = phone.says(text, store=False, conversation=None) if api == "responses" else phone.chats_unstored(text)
    async with asks as reading:
        await reading.has(10)
        reading.leave()
        await eventually(lambda: faulty.aborted > aborted, within_s=1)

    assert phone.user.responses() == []
    assert phone.user.items() == []


@asynccontextmanager
async def lazy_reader(device: Device, text: str) -> AsyncGenerator[asyncio.StreamReader]:
    """A client with as little room for what it does not read as the system allows."""
    address = ("127.0.0.1", device.process.port)
    lazy = socket.socket()
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.setblocking(False)
    await asyncio.get_running_loop().sock_connect(lazy, address)
    reader, writer = await asyncio.open_connection(sock=lazy, limit=1024)
    body = {"conversation_id": device.user.conversation, "message": text, "stream": True}
    payload = json.dumps(body).encode()
    head = {"host": "test", "content-length": str(len(payload)), "connection": "close", **device.headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
    writer.write(f"POST /v1/chat/completions HTTP/1.1\r\n{lines}\r\n".encode() + payload)
    try:
        yield reader
    finally:
        writer.close()


async def test_a_client_that_reads_nothing_costs_little_memory_and_nobody_else(
    parts: Parts, laptop: Device, phone: Device, http: aiohttp.ClientSession
) -> None:
    async with laptop.chats("words 50") as warm:
        await warm.end()
    before_bytes = most_bytes = laptop.process.rss_bytes
    bob = Device(http, laptop.process, User(parts))
    async with (
        bob.chats("words 200 every 0.02") as other,
        lazy_reader(laptop, f"flood {ANSWER_BYTES // 50} of 50") as reader,
    ):
        while not other.is_over:
            most_bytes = max(most_bytes, laptop.process.rss_bytes)
            await asyncio.sleep(0.02)
        settled = await laptop.user.settled()
        received = await reader.read(-1)
        most_bytes = max(most_bytes, laptop.process.rss_bytes)

    note(f"memory grew {(most_bytes - before_bytes) / 1e6:.1f} MB, others' longest gap {other.longest_gap_s:.2f} s")
    assert settled[:2] == ("completed", "stop")
    assert len(laptop.user.items()[-1][2]) == ANSWER_BYTES
    assert received.count(b"x") >= ANSWER_BYTES
    assert b"[DONE]" in received
    assert most_bytes - before_bytes < MEMORY_GROWS_BYTES
    assert other.text == words(200)
    assert other.longest_gap_s < 1
    await phone.goes_on()
