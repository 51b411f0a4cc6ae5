"""The engine dies, freezes, breaks off, talks nonsense or refuses."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import aiohttp
import pytest

from local.parts import EmbeddedEngine
from tests.faults.client import Device, User, output_text
from tests.faults.measures import note
from tests.faults.parts import ChatProcess, Parts, chat_process, frozen, killed, running_parts
from tests.faults.sweeping import sweeping

READ_TIMEOUT_S = 2


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running_parts() as parts:
        yield parts


@pytest.fixture(scope="module")
def real_engine(parts: Parts) -> Iterator[EmbeddedEngine]:
    with EmbeddedEngine(parts.home) as engine:
        yield engine


@pytest.fixture(scope="module")
def before_it(parts: Parts, real_engine: EmbeddedEngine) -> Iterator[ChatProcess]:
    """A chat process in front of the real engine."""
    with chat_process(parts, real_engine.url) as process:
        yield process


@pytest.fixture
def writer(http: aiohttp.ClientSession, before_it: ChatProcess, alice: User, real_engine: EmbeddedEngine) -> Device:
    return Device(http, before_it, alice, model=real_engine.model)


async def check_broken_off(device: Device, reading: Any) -> None:
    """The client saw a part and an error; the database and another device have what the client saw."""
    user = device.user
    _, stored = await device.get(reading.response_id)
    assert reading.last["type"] == "response.incomplete"
    assert reading.last["response"]["error"]["code"] == "engine_failed"
    assert reading.numbers == list(range(len(reading.numbers)))
    assert user.responses()[-1][:3] == ("incomplete", None, "engine_failed")
    assert (stored["status"], stored["error"]["code"]) == ("incomplete", "engine_failed")
    assert reading.text == user.items()[-1][2] == output_text(stored)
    assert reading.text


async def asks_again(device: Device) -> None:
    async with device.says("And now?", max_output_tokens=4) as reading:
        await reading.end()
    assert reading.last["type"] in {"response.completed", "response.incomplete"}
    assert reading.last["response"]["error"] is None


async def test_a_killed_engine_leaves_what_it_had_written(writer: Device, real_engine: EmbeddedEngine) -> None:
    async with writer.says("Tell me a long story.", max_output_tokens=2000) as reading:
        await reading.has(20)
        async with killed(real_engine):
            killed_s = monotonic()
            await reading.end()
            took_s = monotonic() - killed_s
            await check_broken_off(writer, reading)
            async with writer.says("Are you there?") as refused:
                await refused.end()

    assert took_s < 2
    assert (refused.status, refused.document["error"]["code"]) == (503, "engine_unavailable")
    assert "retry-after" in refused.headers
    await asks_again(writer)


async def test_a_frozen_engine_is_given_up(writer: Device, real_engine: EmbeddedEngine) -> None:
    async with writer.says("Tell me a long story.", max_output_tokens=2000) as reading:
        await reading.has(20)
        with frozen(real_engine):
            frozen_s = monotonic()
            await reading.end()
            took_s = monotonic() - frozen_s

    note(f"the reader heard of it {took_s:.1f} s after the freeze")
    await check_broken_off(writer, reading)
    assert READ_TIMEOUT_S - 0.5 < took_s < READ_TIMEOUT_S + 1.5
    await asks_again(writer)


@pytest.mark.parametrize("fault", ["cut 5 every 0.01", "end 5", "garbage 5", "error 5", "stall 5"])
async def test_what_breaks_off_is_kept_and_told(fault: str, phone: Device) -> None:
    async with phone.says(fault) as reading:
        await reading.end()

    await check_broken_off(phone, reading)
    assert reading.text == "w0 w1 w2 w3 w4 "
    await phone.goes_on()


@pytest.mark.parametrize("fault", ["cut 5 every 0.01", "end 5", "garbage 5", "error 5", "stall 5"])
async def test_what_breaks_off_is_an_error_event_of_chat_completions(fault: str, phone: Device) -> None:
    async with phone.chats(fault) as reading:
        await reading.end()

    assert reading.text == "w0 w1 w2 w3 w4 " == phone.user.items()[-1][2]
    assert reading.last["error"]["code"] == "engine_failed"
    assert phone.user.responses()[-1][:3] == ("incomplete", None, "engine_failed")
    await phone.goes_on()


@pytest.mark.parametrize(
    ("engine_status", "status", "code", "retry_after"),
    [(500, 502, "engine_failed", None), (429, 503, "engine_unavailable", "7"), (503, 503, "engine_unavailable", "7")],
)
async def test_a_refusal_is_an_http_error(
    engine_status: int, status: int, code: str, retry_after: str | None, phone: Device
) -> None:
    async with phone.says(f"status {engine_status}") as reading:
        await reading.end()

    assert (reading.status, reading.document["error"]["code"]) == (status, code)
    assert reading.headers.get("retry-after") == retry_after
    assert phone.user.responses()[-1][:3] == ("failed", None, code)
    await phone.goes_on()


async def test_a_nul_in_an_answer_stops_neither_the_turn_nor_the_sweeper(phone: Device, parts: Parts) -> None:
    """Postgres stores no NUL, and models of bytes can say one."""
    async with phone.says("nul 3") as reading, sweeping(parts):
        await reading.end()
        await phone.user.settled()

    assert reading.numbers == list(range(len(reading.numbers)))
    assert phone.user.items()[-1][0] == "assistant"
    await phone.goes_on()
