"""HTTP as the benchmarks speak it: by hand, for an HTTP library would cost as much as what is measured."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Self, cast

import httptools


def http_request(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    fields = {"host": "bench", "content-type": "application/json", "content-length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


class Connection(asyncio.Protocol):
    """One kept-alive connection to a server of this machine, one request at a time."""

    def __init__(self) -> None:
        self._over: asyncio.Future[None] | None = None
        self._receive: Callable[[bytes], None] | None = None
        self._status = 0
        self.is_open = False

    @classmethod
    async def open(cls, port: int) -> Self:
        _, connection = await asyncio.get_running_loop().create_connection(cls, "127.0.0.1", port)
        return connection

    async def ask(self, request: bytes, receive: Callable[[bytes], None], within_s: float) -> int:
        """The status of the answer, when it is over or was left. The body of a 200 goes to `receive` as it comes.

        Raises: TimeoutError, ConnectionError.
        """
        self._parser = httptools.HttpResponseParser(self)
        self._receive = receive
        self._status = 0
        self._over = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        try:
            async with asyncio.timeout(within_s):
                await self._over
        except TimeoutError:
            self._transport.abort()
            raise
        return self._status

    def leave(self) -> None:
        """Close, in the middle of an answer if there is one."""
        self._end()
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name
        self.is_open = True

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's protocol
        self.is_open = False
        if self._over is not None and not self._over.done():
            self._over.set_exception(ConnectionError())

    def on_headers_complete(self) -> None:
        self._status = self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if self._status == 200 and self._receive is not None:
            self._receive(body)

    def on_message_complete(self) -> None:
        if not self._parser.should_keep_alive():
            self._transport.close()
        self._end()

    def _end(self) -> None:
        if self._over is not None and not self._over.done():
            self._over.set_result(None)
