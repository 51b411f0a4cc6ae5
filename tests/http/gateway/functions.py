"""Function apps of a few lines, to see what the gateway shows them."""

import asyncio
import json
from typing import Any

from starlette.types import Receive, Scope, Send

SMALL_LIMIT_BYTES = 100_000
# A page on another origin that may call the API.
PAGE_ORIGIN = "http://127.0.0.1:5173"


class Functions:
    """Stands for both function apps. `seen` holds the scopes and bodies of requests; each path behaves as it is named."""

    def __init__(self) -> None:
        self.seen: list[tuple[Scope, bytes]] = []
        self.go_on = asyncio.Event()
        self.has_left = asyncio.Event()

    @property
    def last(self) -> Scope:
        return self.seen[-1][0]

    @property
    def context(self) -> dict[str, Any]:
        """What Lambda Web Adapter's header told of the last request."""
        values = [value for name, value in self.last["headers"] if name == b"x-amzn-request-context"]
        assert len(values) == 1
        return json.loads(values[0])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        assert not message["more_body"]
        self.seen.append((scope, message["body"]))
        match scope["path"].rsplit("/", 1)[1]:
            case "stream":
                await self._stream(send)
            case "wait":
                await self._wait(receive)
            case "bug":
                raise AssertionError("a bug")
            case "late-bug":
                await self._start(send)
                await send({"type": "http.response.body", "body": b"half", "more_body": True})
                raise AssertionError("a bug after the first byte")
            case "own-id":
                await self._start(send, (b"x-request-id", b"the function's"), (b"referrer-policy", b"no-referrer"))
                await send({"type": "http.response.body", "body": b"{}"})
            case _:
                await self._start(send)
                await send({"type": "http.response.body", "body": b"{}"})

    async def _start(self, send: Send, *headers: tuple[bytes, bytes]) -> None:
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain"), *headers]}
        )

    async def _stream(self, send: Send) -> None:
        """One chunk now, the other when the test says so."""
        await self._start(send)
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        await self.go_on.wait()
        await send({"type": "http.response.body", "body": b"second", "more_body": False})

    async def _wait(self, receive: Receive) -> None:
        assert (await receive())["type"] == "http.disconnect"
        self.has_left.set()
