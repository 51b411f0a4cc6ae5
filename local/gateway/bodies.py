"""Request bodies, taken in whole as API Gateway takes them, and never more than it would."""

from __future__ import annotations

import asyncio

from starlette.types import Message, Receive, Scope

from parley.errors import InvalidRequest, RequestTooLarge

# API Gateway's quota for all headers together. Cookies do not count here: every server on this host shares them.
HEADER_LIMIT_BYTES = 10_240
_URL_LIMIT_BYTES = 8_192
_PATIENCE_S = 30.0


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


def check_head(scope: Scope, limit_bytes: int) -> None:
    """Judge what is known before the body. Raises: RequestTooLarge."""
    headers_bytes = sum(len(name) + len(value) for name, value in scope["headers"] if name != b"cookie")
    if headers_bytes > HEADER_LIMIT_BYTES:
        raise RequestTooLarge(f"The headers are larger than {HEADER_LIMIT_BYTES} bytes.")
    if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > _URL_LIMIT_BYTES:
        raise RequestTooLarge(f"The URL is longer than {_URL_LIMIT_BYTES} bytes.")
    lengths = [value for name, value in scope["headers"] if name == b"content-length"]
    if any(value.isdigit() and int(value[:20]) > limit_bytes for value in lengths):
        raise too_large(limit_bytes)


async def read_body(receive: Receive, limit_bytes: int) -> bytes:
    """The whole body, counted as it comes, for a chunked one announces no length.

    Raises: RequestTooLarge, InvalidRequest when it takes too long, ClientLeft.
    """
    chunks: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientLeft
                chunks.append(message.get("body", b""))
                size_bytes += len(chunks[-1])
                if size_bytes > limit_bytes:
                    raise too_large(limit_bytes)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError as error:
        raise InvalidRequest(f"The body did not arrive within {_PATIENCE_S:.0f} seconds.") from error


def replay(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body`, and then what really comes: that the client has left, for one."""
    is_given = False

    async def receive_again() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


def too_large(limit_bytes: int) -> RequestTooLarge:
    return RequestTooLarge(f"The request is larger than {limit_bytes} bytes.")
