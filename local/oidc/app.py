"""The issuer as an ASGI application under `/oidc`, closed to every other machine."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from local.oidc.browser import authorize, end_session
from local.oidc.exchange import token, userinfo
from local.oidc.keys import load_key
from local.oidc.model import ISSUER
from local.oidc.origins import is_loopback, origin_of, own_origin
from local.oidc.parts import Issuer, json, origin_of_request
from local.oidc.requests import SCOPES, ClientError, Pairs, parse_form
from local.oidc.store import IssuerStore
from local.oidc.tokens import issuer_folder
from parley.edge.errors import error_response
from parley.errors import InvalidRequest, MethodNotAllowed, RequestTooLarge, UnknownUrl

Answer = Callable[[Issuer, Request, Pairs], Response]
Endpoint = Callable[[Request], Awaitable[Response]]

_FORM_LIMIT_BYTES = 16 * 1024
_STYLE = Path(__file__).with_name("style.css")
_HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"referrer-policy": b"same-origin",
    b"x-content-type-options": b"nosniff",
}


def create_issuer(
    home: Path,
    *,
    stage: str,
    host: str,
    other_origins: Collection[str] = (),
    clock: Callable[[], float] = time.time,
) -> ASGIApp:
    """The issuer of the stack in `home`, for a server bound to `host`.

    Raises: ValueError in a deployed stage or on an address that other machines reach, for it asks nobody for a password.
    """
    if stage != "local":
        raise ValueError(f"The local issuer asks for no password and must not run in the stage {stage!r}.")
    if not is_loopback(host):
        raise ValueError(f"The local issuer asks for no password and must not listen on {host}.")
    if any(origin_of(origin) != origin for origin in other_origins):
        raise ValueError("The local issuer sends nobody to another machine: other origins must be loopback ones.")
    folder = issuer_folder(home)
    store = IssuerStore(folder, clock)
    issuer = Issuer(store, load_key(folder), store.home_id(), frozenset(other_origins), clock)
    return _Guard(_routes(issuer))


def _routes(issuer: Issuer) -> Starlette:
    routes = [
        Route("/.well-known/openid-configuration", _discovery),
        Route("/jwks.json", partial(_jwks, issuer)),
        Route("/style.css", _style),
        Route("/authorize", _endpoint(issuer, authorize), methods=["GET", "POST"]),
        Route("/token", _endpoint(issuer, token), methods=["POST"]),
        Route("/userinfo", _endpoint(issuer, userinfo), methods=["GET", "POST"]),
        Route("/end_session", _endpoint(issuer, end_session), methods=["GET", "POST"]),
    ]
    return Starlette(
        routes=[Mount("/oidc", routes=routes)],
        exception_handlers={HTTPException: _on_http_error, ClientError: _on_client_error},
    )


async def _discovery(request: Request) -> Response:
    base = f"{origin_of_request(request)}/oidc"
    return json(
        {
            "issuer": ISSUER,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "userinfo_endpoint": f"{base}/userinfo",
            "end_session_endpoint": f"{base}/end_session",
            "jwks_uri": f"{base}/jwks.json",
            "scopes_supported": SCOPES,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "name", "email", "email_verified", "auth_time", "cognito:groups"],
        }
    )


async def _jwks(issuer: Issuer, _: Request) -> Response:
    return json({"keys": [issuer.key.jwk]}, headers={"cache-control": "max-age=60"})


async def _style(_: Request) -> Response:
    return FileResponse(_STYLE, media_type="text/css", headers={"cache-control": "no-cache"})


def _endpoint(issuer: Issuer, answer: Answer) -> Endpoint:
    """`answer` in a thread, for it reads and writes files; with the form that was posted."""

    async def respond(request: Request) -> Response:
        form = await _posted_form(request) if request.method == "POST" else ()
        return await run_in_threadpool(answer, issuer, request, form)

    return respond


async def _posted_form(request: Request) -> Pairs:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _FORM_LIMIT_BYTES:
            raise HTTPException(413)
    return parse_form(body)


async def _on_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    match error.status_code:
        case 405:
            return error_response(MethodNotAllowed(f"{request.method} is not allowed for this URL."))
        case 413:
            return error_response(RequestTooLarge("The form is too large."))
        case _:
            return error_response(UnknownUrl(f"Unknown request URL: {request.method} {request.url.path}."))


async def _on_client_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ClientError)
    return error_response(InvalidRequest(error.description))


class _Guard:
    """Lets in only this machine, asking for us by one of its own names, and closes every answer to caches and frames."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_closed(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                message["headers"].extend(pair for pair in _HEADERS.items() if pair[0] not in present)
            await send(message)

        app = self._app if _is_from_here(scope) else PlainTextResponse("Local sign-in serves this machine only.", 403)
        await app(scope, receive, send_closed)


def _is_from_here(scope: Scope) -> bool:
    client = scope.get("client")
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    is_named = len(hosts) == 1 and own_origin(hosts[0].decode("latin-1")) is not None
    return is_named and (client is None or is_loopback(client[0]))
