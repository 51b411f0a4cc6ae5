"""API Gateway, played by one process on loopback: it authorizes, routes, limits, and serves page and issuer beside it.

Plain ASGI: a stream passes through chunk by chunk, and a client that leaves is seen by the function it had asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from aws_lambda_powertools import Logger
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.gateway import cors
from local.gateway.bodies import ClientLeft, check_head, read_body, replay
from local.gateway.events import (
    allows,
    authorizer_event,
    method_arn,
    request_context,
    scope_for_adapter,
    scope_for_mangum,
)
from local.gateway.health import Probe, health_response
from parley.edge.errors import error_response, internal_error_body, json_response
from parley.errors import (
    ChatError,
    IssuerUnavailable,
    MethodNotAllowed,
    PermissionDenied,
    Unauthenticated,
    UnknownUrl,
)
from parley.ids import new_uuid
from parley.kit.telemetry import describe_error

Authorizer = Callable[[Mapping[str, Any], object], Mapping[str, Any]]
ScopeFor = Callable[[Scope, Mapping[str, Any]], Scope]
# Opens what the gateway runs and yields how to ask after each part's health.
Running = Callable[[], AbstractAsyncContextManager[Mapping[str, Probe]]]

_SECURITY_HEADERS = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"same-origin"))


class PageFiles(Protocol):
    """The page's files; `local.gateway.static.Page`."""

    def answer(self, scope: Scope, policy: str) -> Response | None: ...


class PageSettings(Protocol):
    """What the page is told; `local.gateway.page_config.PageConfig`."""

    async def document(self, host_header: str) -> dict[str, Any]: ...
    async def policy(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Function:
    """A function behind the gateway: the path it serves with all below it, and how its adapter shows it a request."""

    path: str
    app: ASGIApp
    scope_for: ScopeFor

    def serves(self, path: str) -> bool:
        return path == self.path or path.startswith(f"{self.path}/")


def functions_of(chat: ASGIApp, history: ASGIApp, accounts: ASGIApp, moderation: ASGIApp) -> tuple[Function, ...]:
    """The routes of the deployed API."""
    return (
        Function("/v1/chat/completions", chat, scope_for_adapter),
        Function("/v1/models", chat, scope_for_adapter),
        Function("/v1/responses", chat, scope_for_adapter),
        Function("/v1/conversations", history, scope_for_mangum),
        Function("/v1/me", accounts, scope_for_mangum),
        Function("/v1/api_keys", accounts, scope_for_mangum),
        Function("/v1/moderations", moderation, scope_for_mangum),
        Function("/v1/admin/reviews", moderation, scope_for_mangum),
    )


class Gateway:
    """The ASGI application. `issuer` is None where the user brings an own identity provider."""

    def __init__(
        self,
        functions: Collection[Function],
        authorizer: Authorizer,
        *,
        running: Running,
        page: PageFiles,
        page_settings: PageSettings,
        issuer: ASGIApp | None,
        logger: Logger,
        cors_origins: Collection[str] = (),
        request_limit_bytes: int = 10 * 1024 * 1024,
    ) -> None:
        self._functions = functions
        self._authorizer = authorizer
        self._running = running
        self._page = page
        self._page_settings = page_settings
        self._issuer = issuer
        self._logger = logger
        self._cors_origins = frozenset(cors_origins)
        self._request_limit_bytes = request_limit_bytes
        self._probes: Mapping[str, Probe] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        match scope["type"]:
            case "http":
                await self._serve(scope, receive, send)
            case "lifespan":
                await self._live(receive, send)
            case _:
                await send({"type": "websocket.close", "code": 1000})

    async def _live(self, receive: Receive, send: Send) -> None:
        """ASGI's lifespan: what `running` opens is open from startup to shutdown."""
        await receive()
        try:
            async with self._running() as probes:
                self._probes = probes
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            self._logger.error("gateway_failed", extra=describe_error(error))
            raise
        await send({"type": "lifespan.shutdown.complete"})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = str(new_uuid())
        answer = _Answer(send, self._added_headers(scope, request_id))
        try:
            await self._route(scope, receive, answer.send, request_id)
        except ClientLeft:
            return
        except Exception as error:
            if answer.is_complete:
                return  # a function has answered for its bug, logged it, and passed it on
            if answer.has_started:
                self._log(error, request_id)
                raise  # the server cuts the connection: a broken answer must not look complete
            await self._refusal(error, request_id)(scope, receive, answer.send)

    def _refusal(self, error: Exception, request_id: str) -> Response:
        if isinstance(error, ChatError):
            return error_response(error)
        self._log(error, request_id)
        return json_response(internal_error_body(), status=500)

    def _log(self, error: Exception, request_id: str) -> None:
        self._logger.error("internal_error", extra={"request_id": request_id, **describe_error(error)})

    async def _route(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        check_head(scope, self._request_limit_bytes)
        path = scope["path"]
        function = next((function for function in self._functions if function.serves(path)), None)
        if cors.is_preflight(scope):
            await cors.preflight_response()(scope, receive, send)
        elif function is not None:
            await self._invoke(function, scope, receive, send, request_id)
        elif self._issuer is not None and path.startswith("/oidc/"):
            await self._issuer(scope, receive, send)
        else:
            response = await self._own_answer(scope)
            await response(scope, receive, send)

    async def _invoke(self, function: Function, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        verdict = await self._authorize(scope, request_id)
        body = await read_body(receive, self._request_limit_bytes)
        context = request_context(scope, request_id, verdict)
        await function.app(function.scope_for(scope, context), replay(body, receive), send)

    async def _authorize(self, scope: Scope, request_id: str) -> Mapping[str, Any]:
        """The verdict of the authorizer, asked each time: API Gateway would remember one for up to a minute.

        Raises: Unauthenticated, PermissionDenied, IssuerUnavailable.
        """
        if not cors.header(scope, b"authorization"):
            raise Unauthenticated("No API key: send a header 'Authorization: Bearer <token>'.")
        try:
            # In a thread: it may fetch keys, and verifies signatures.
            verdict = await asyncio.to_thread(self._authorizer, authorizer_event(scope, request_id), None)
        except Exception as error:
            if str(error) == "Unauthorized":
                raise Unauthenticated("The token or API key is invalid or has expired.") from None
            self._logger.error("authorizer_failed", extra={"request_id": request_id, **describe_error(error)})
            # API Gateway says AUTHORIZER_FAILURE, which is no word on the token: clients try again. It has one answer for
            # an issuer and a database that are away.
            raise IssuerUnavailable("Sign-in cannot be checked now. Try again.", retry_after_s=1) from error
        if not allows(verdict["policyDocument"], method_arn(scope)):
            raise PermissionDenied("This account may not use this URL.")
        return verdict

    async def _own_answer(self, scope: Scope) -> Response:
        """What no function serves: health, the page and its settings."""
        path, method = scope["path"], scope["method"]
        unknown = UnknownUrl(f"Unknown request URL: {method} {path}.")
        if path == "/v1" or path.startswith(("/v1/", "/oidc/")):
            raise unknown
        if method not in {"GET", "HEAD"}:
            raise MethodNotAllowed(f"{method} is not allowed for this URL.")
        if path == "/healthz":
            return await health_response(self._probes)
        if path == "/config.json":
            document = await self._page_settings.document(cors.header(scope, b"host").decode("latin-1"))
            return json_response(document, headers={"cache-control": "no-store"})
        response = self._page.answer(scope, await self._page_settings.policy())
        if response is None:
            raise unknown
        return response

    def _added_headers(self, scope: Scope, request_id: str) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-request-id", request_id.encode("ascii")),
            *_SECURITY_HEADERS,
            *cors.response_headers(scope, self._cors_origins),
        ]


class _Answer:
    """Adds the gateway's headers to an answer as it starts, and knows how far it is."""

    def __init__(self, send: Send, added: list[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._added = added
        self.has_started = self.is_complete = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.has_started = True
            message = {**message, "headers": self._merged(message.get("headers", ()))}
        await self._send(message)
        self.is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)

    def _merged(self, headers: Collection[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
        """The functions name the same request id, and the issuer stricter policies: one of each is enough."""
        present = {name.lower() for name, _ in headers} - {b"x-request-id", b"vary"}
        kept = [pair for pair in headers if pair[0].lower() != b"x-request-id"]
        return [*kept, *(pair for pair in self._added if pair[0] not in present)]
