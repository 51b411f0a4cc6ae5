"""An engine's stream: from bytes to deltas, with an end that is never taken for granted."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Self

import aiohttp
import orjson

from parley.errors import EngineFailed, EngineUnavailable
from parley.kit.sse import DataParser
from parley.models.model import Delta, delta_from_chunk

# A refusal comes at once; who is let in may wait for its first word.
_REFUSED_WITHIN_S = 0.5

_BROKEN_OFF = "The model's answer broke off. What it had written is kept."


class StallGuard:
    """Breaks a stream that is silent for `limit_s`: who reads it gets a TimeoutError.

    One timer that looks now and then when the last token came; aiohttp's own `sock_read` sets a timer anew for every token.
    """

    def __init__(self, content: aiohttp.StreamReader, limit_s: float) -> None:
        self._content = content
        self._limit_s = limit_s
        self._loop = asyncio.get_running_loop()
        self.hear()

    def hear(self) -> None:
        """Something came."""
        self._heard_at = self._loop.time()

    async def __aenter__(self) -> Self:
        self._timer = self._loop.call_later(self._limit_s, self._look)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        rest_s = self._heard_at + self._limit_s - self._loop.time()
        if rest_s <= 0:
            self._content.set_exception(TimeoutError("the engine is silent"))
        else:
            self._timer = self._loop.call_later(rest_s, self._look)


async def first_words(content: aiohttp.StreamReader) -> bytes:
    """What an engine says at once, which may be nothing yet.

    vLLM has begun a stream when it finds its queue full: the refusal is the first event then. Raises: EngineUnavailable.
    """
    try:
        async with asyncio.timeout(_REFUSED_WITHIN_S):
            data = await content.readany()
    except TimeoutError:
        return b""
    except aiohttp.ClientError as error:
        raise EngineFailed(_BROKEN_OFF) from error
    if _is_refusal(data):
        raise busy()
    return data


def _is_refusal(data: bytes) -> bool:
    if b'"error"' not in data:
        return False
    try:
        first = orjson.loads(DataParser().feed(data)[0])
        return first["error"]["code"] in {429, 503}
    except (ValueError, LookupError, TypeError):
        return False


async def read_deltas(
    first: bytes, content: aiohttp.StreamReader, guard: StallGuard
) -> AsyncGenerator[Sequence[Delta]]:
    parser = DataParser()
    is_finished = False
    try:
        while data := first or await content.readany():
            first = b""
            guard.hear()
            batch, broken = _parse(parser.feed(data))
            for delta in batch:
                # vLLM's word for what it was made to give up.
                if delta.finish_reason and delta.finish_reason != "abort":
                    is_finished = True
            if batch:
                yield batch
            if broken is not None:
                raise broken
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise EngineFailed(_BROKEN_OFF) from error
    if not is_finished:
        raise EngineFailed(_BROKEN_OFF)


def _parse(payloads: Sequence[bytes]) -> tuple[list[Delta], ValueError | None]:
    """The deltas before the first payload that is not a chunk (an error event is none either), and what was wrong with it."""
    batch: list[Delta] = []
    for payload in payloads:
        if payload == b"[DONE]":
            continue
        try:
            batch.append(delta_from_chunk(orjson.loads(payload)))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            return batch, ValueError(f"not a chat completion chunk: {type(error).__name__}")
    return batch, None


def busy(retry_after_s: int = 5) -> EngineUnavailable:
    return EngineUnavailable("The model is busy. Try again in a moment.", retry_after_s=retry_after_s)
