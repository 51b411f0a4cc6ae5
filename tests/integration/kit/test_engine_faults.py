"""An engine that is away, frozen or full: what its client says, how soon, and that it never asks for an answer twice."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from local.parts.ports import free_port
from parley.errors import ChatError, EngineFailed, EngineUnavailable, InvalidRequest
from parley.models.client import Engine, open_engine
from parley.models.model import Delta
from parley.settings import EngineSettings
from tests.integration.kit.faults import GIVEN_UP_WITHIN_S, report

REQUEST = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True}
ANSWER = b'data: {"choices":[{"index":0,"delta":{"content":"hello"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
FROZEN = b""


def reply(status: int, body: bytes = b"{}", *headers: str) -> bytes:
    head = [
        f"HTTP/1.1 {status} Status",
        "content-type: text/event-stream",
        f"content-length: {len(body)}",
        "connection: close",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


@dataclass(slots=True)
class ScriptedServer:
    """Gives its replies in turn, the last one for ever. A reply is sent as it stands, and the connection closed."""

    replies: list[bytes]
    requests: list[str] = field(default_factory=list)
    url: str = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        if "content-length: " in head:
            await reader.readexactly(int(head.partition("content-length: ")[2].partition("\r")[0]))
        self.requests.append(head.partition("\r")[0])
        answer = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if answer == FROZEN:
            await reader.read()  # until the client gives up
        writer.write(answer)
        writer.close()


@asynccontextmanager
async def running(*replies: bytes) -> AsyncIterator[tuple[ScriptedServer, Engine]]:
    scripted = ScriptedServer(list(replies))
    async with await asyncio.start_server(scripted.serve, "127.0.0.1", 0) as server:
        scripted.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
        async with open_engine(settings_for(scripted.url)) as engine:
            yield scripted, engine


def settings_for(url: str) -> EngineSettings:
    return EngineSettings(engine_url=url, engine_read_timeout_s=0.5)


async def deltas_of(engine: Engine) -> list[Delta]:
    async with engine.stream_chat(REQUEST) as batches:
        return [delta async for batch in batches for delta in batch]


async def failure_of(call: Callable[[], Awaitable[Any]]) -> tuple[ChatError, float]:
    """The error, and how long it took."""
    started = time.perf_counter()
    with pytest.raises(ChatError) as caught:
        await call()
    return caught.value, time.perf_counter() - started


async def test_an_engine_that_is_away_is_tried_once_more_and_after_a_few_calls_not_at_all() -> None:
    async with open_engine(settings_for(f"http://127.0.0.1:{free_port()}/v1")) as engine:
        failures = [await failure_of(lambda: deltas_of(engine)) for _ in range(5)]
        at_once = [await failure_of(call) for call in (lambda: deltas_of(engine), engine.list_models)]

    report("away, the slowest of 5", max(took_s for _, took_s in failures))
    report("away, refused by the breaker", max(took_s for _, took_s in at_once))
    for error, took_s in (*failures, *at_once):
        assert isinstance(error, EngineUnavailable)
        assert error.retry_after_s
        assert took_s < GIVEN_UP_WITHIN_S
    assert min(took_s for _, took_s in failures) >= 0.05  # the pause before the second try
    assert [error.retry_after_s for error, _ in at_once] == [1, 1]  # the breaker's rest, and no try


async def test_a_frozen_engine_is_asked_once_and_given_up() -> None:
    async with running(FROZEN) as (server, engine):
        error, took_s = await failure_of(lambda: deltas_of(engine))

    report("frozen", took_s)
    assert isinstance(error, EngineUnavailable)
    assert took_s < GIVEN_UP_WITHIN_S
    assert len(server.requests) == 1


async def test_after_a_rest_one_call_finds_out_that_the_engine_is_back() -> None:
    async with running(*[FROZEN] * 5, reply(200, ANSWER)) as (server, engine):
        await asyncio.gather(*(failure_of(lambda: deltas_of(engine)) for _ in range(5)))
        refused, _ = await failure_of(lambda: deltas_of(engine))
        assert refused.retry_after_s == 1
        assert len(server.requests) == 5

        async with asyncio.timeout(10):
            while True:
                try:
                    deltas = await deltas_of(engine)
                except EngineUnavailable:
                    await asyncio.sleep(0.05)
                else:
                    break

    assert [delta.text for delta in deltas] == ["hello"]
    assert len(server.requests) == 6


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_found_no_engine_is_asked_once_more(status: int) -> None:
    async with running(reply(status), reply(200, ANSWER)) as (server, engine):
        assert [delta.text for delta in await deltas_of(engine)] == ["hello"]

    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_proxy_that_finds_no_engine_is_not_asked_a_third_time(status: int) -> None:
    async with running(reply(status)) as (server, engine):
        error, _ = await failure_of(lambda: deltas_of(engine))

    assert isinstance(error, EngineUnavailable)
    assert len(server.requests) == 2


@pytest.mark.parametrize("status", [429, 503])
async def test_a_full_engine_is_left_alone_and_its_callers_are_told_when_to_come_back(status: int) -> None:
    async with running(reply(status, b"{}", "retry-after: 7")) as (server, engine):
        failures = [await failure_of(lambda: deltas_of(engine)) for _ in range(8)]

    assert [(error.code, error.retry_after_s) for error, _ in failures] == [("engine_unavailable", 7)] * 8
    assert len(server.requests) == 8  # each asked once, and none refused: a full engine is not away


@pytest.mark.parametrize(("status", "expected"), [(400, InvalidRequest), (500, EngineFailed)])
async def test_an_engine_that_answers_is_not_away_whatever_it_answers(status: int, expected: type[ChatError]) -> None:
    async with running(reply(status, b'{"error":{"message":"as you wish"}}')) as (server, engine):
        failures = [await failure_of(lambda: deltas_of(engine)) for _ in range(8)]

    assert all(isinstance(error, expected) for error, _ in failures)
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        pytest.param(b"HTTP/1.1 20", EngineUnavailable, id="before its status"),
        pytest.param(reply(200, ANSWER)[:-40], EngineFailed, id="after the first token"),
        pytest.param(b"what?\r\n\r\n", EngineFailed, id="not HTTP"),
    ],
)
async def test_a_request_that_may_have_been_accepted_is_not_sent_again(
    answer: bytes, expected: type[ChatError]
) -> None:
    async with running(answer, reply(200, ANSWER)) as (server, engine):
        error, _ = await failure_of(lambda: deltas_of(engine))

    assert isinstance(error, expected)
    assert len(server.requests) == 1


async def test_an_error_of_the_reader_stays_its_own() -> None:
    async with running(reply(200, ANSWER)) as (_, engine):
        with pytest.raises(TimeoutError):
            async with engine.stream_chat(REQUEST):
                raise TimeoutError("the reader's own deadline")


QUEUE_IS_FULL = (
    b'data: {"error": {"message": "queue is full", "type": "server_error", "code": 503}}\n\ndata: [DONE]\n\n'
)


async def test_an_engine_that_refuses_in_its_stream_s_first_event_is_busy() -> None:
    """As vLLM 0.32 does when its queue is full: the status was sent before it looked."""
    async with running(reply(200, QUEUE_IS_FULL)) as (server, engine):
        error, _ = await failure_of(lambda: deltas_of(engine))

    assert isinstance(error, EngineUnavailable)
    assert error.retry_after_s == 5
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "first",
    [
        b'data: {"error": {"message": "out of memory", "type": "server_error", "code": 500}}\n\n',
        b'data: {"error": "queue is full"}\n\n',
        b'data: {"error": {not json\n\n',
        b": busy\n\n" + QUEUE_IS_FULL.replace(b"503", b'"503"'),
    ],
)
async def test_any_other_error_in_a_stream_is_a_failure(first: bytes) -> None:
    async with running(reply(200, first)) as (_, engine):
        error, _ = await failure_of(lambda: deltas_of(engine))

    assert isinstance(error, EngineFailed)


async def test_an_answer_that_speaks_of_errors_is_an_answer() -> None:
    answer = ANSWER.replace(b"hello", b'\\"error\\": {\\"code\\": 503}')
    async with running(reply(200, answer)) as (_, engine):
        assert [delta.text for delta in await deltas_of(engine)] == ['"error": {"code": 503}']


async def test_a_router_that_reached_no_worker_is_an_engine_that_is_away() -> None:
    async with running(reply(500, b"Request failed: error sending request")) as (_, engine):
        away, _ = await failure_of(lambda: deltas_of(engine))
    async with running(reply(500, b"Internal Server Error")) as (_, engine):
        broken, _ = await failure_of(lambda: deltas_of(engine))

    assert isinstance(away, EngineUnavailable)
    assert isinstance(broken, EngineFailed)


async def test_an_answer_that_the_engine_gave_up_is_broken_off() -> None:
    """vLLM's `abort`, which it says of requests it was made to drop."""
    async with running(reply(200, ANSWER.replace(b'"stop"', b'"abort"'))) as (_, engine):
        error, _ = await failure_of(lambda: deltas_of(engine))

    assert isinstance(error, EngineFailed)
