"""Answers that take long: streams that close what they read, and work that ends when its client has left."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, TypeVar

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

T = TypeVar("T")


class EventStream(Response):
    """Server-sent events out of `body`, a generator of bytes.

    Starlette's StreamingResponse leaves a generator that never started, or is paused in a send, to the garbage collector.
    Here the response itself closes `body` and `reader`, whichever way it ends.
    """

    media_type = "text/event-stream"

    def __init__(self, reader: AbstractAsyncContextManager[object], body: AsyncGenerator[bytes]) -> None:
        # Nginx and its relatives hold back what looks cacheable or bufferable.
        super().__init__(headers={"cache-control": "no-cache, no-transform", "x-accel-buffering": "no"})
        del self.headers["content-length"]
        self._reader = reader
        self._events = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._reader, aclosing(self._events):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            # Every middleware has seen the start; each would cost every token another call.
            await unless_disconnected(receive, self._send_events(scope.get("parley.send", send)))

    async def _send_events(self, send: Send) -> None:
        async for events in self._events:
            await send({"type": "http.response.body", "body": events, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def unless_disconnected(receive: Receive, work: Coroutine[Any, Any, T]) -> T | None:
    """What `work` gives, or None when the client left before: `work` is cancelled then.

    The request's body must have been read. Behind Lambda nobody tells that a client has left, and `work` runs to its end.
    """
    result: T | None = None
    with anyio.CancelScope() as scope:
        watcher = asyncio.create_task(_cancel_on_disconnect(receive, scope))
        try:
            result = await work
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])
    return result


async def _cancel_on_disconnect(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
