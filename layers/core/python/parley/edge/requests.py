"""Who asks, and under which request id: what API Gateway put beside the request after the authorizer had judged it."""

from collections.abc import Mapping
from typing import Any, cast

import orjson
from fastapi import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parley.accounts.model import Identity, identity_from_request_context
from parley.errors import Unauthenticated
from parley.ids import new_uuid

_CONTEXT_HEADER = b"x-amzn-request-context"


def request_context(scope: Scope) -> Mapping[str, Any]:
    """API Gateway's `requestContext`: from Mangum's event, or from the header that Lambda Web Adapter writes."""
    event = scope.get("aws.event")
    if event is not None:
        return cast("Mapping[str, Any]", event["requestContext"])
    for name, value in scope["headers"]:
        if name == _CONTEXT_HEADER:
            return cast("Mapping[str, Any]", orjson.loads(value))
    return {}


def identity_of(request: Request) -> Identity:
    """Raises: Unauthenticated when no authorizer has judged the request, which only a wrong deployment can cause."""
    authorizer = request_context(request.scope).get("authorizer")
    if not authorizer:
        raise Unauthenticated("The request carries no identity.")
    return identity_from_request_context(authorizer)


class RequestIds:
    """ASGI middleware: every answer carries `x-request-id`, API Gateway's own where there is one.

    It stands outermost and keeps the server's own `send` for the events of a stream, which need nothing done to them any more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(request_context(scope).get("requestId") or new_uuid())
        scope.setdefault("state", {})["request_id"] = request_id
        scope["parley.send"] = send
        header = (b"x-request-id", request_id.encode("latin-1", "replace"))

        async def send_with_id(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), header]
            await send(message)

        await self._app(scope, receive, send_with_id)
