"""Cross-origin calls: which other origins' pages may read our answers."""

from __future__ import annotations

import re
from collections.abc import Collection

from starlette.responses import Response
from starlette.types import Scope

_HEADER_NAMES = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~ ,-]{1,2000}")
_METHODS = b"GET, POST, DELETE, OPTIONS"
_EXPOSED = b"x-request-id, retry-after, x-should-retry"


def header(scope: Scope, name: bytes) -> bytes:
    """The first header of that name, or nothing."""
    return next((value for each, value in scope["headers"] if each == name), b"")


def is_preflight(scope: Scope) -> bool:
    return scope["method"] == "OPTIONS" and bool(header(scope, b"access-control-request-method"))


def preflight_response() -> Response:
    """The answer to the question itself; `response_headers` says whether the origin may."""
    return Response(status_code=204)


def response_headers(scope: Scope, origins: Collection[str]) -> list[tuple[bytes, bytes]]:
    """What to add to an answer. Never credentials: the bearer token is the only key, and cookies are the issuer's."""
    if not origins:
        return []
    origin = header(scope, b"origin")
    if origin.decode("latin-1") not in origins:
        return [(b"vary", b"origin")]
    allowed = [(b"vary", b"origin"), (b"access-control-allow-origin", origin)]
    if not is_preflight(scope):
        return [*allowed, (b"access-control-expose-headers", _EXPOSED)]
    # The SDKs send a dozen headers of their own (x-stainless-*), so the ones asked for are the ones allowed.
    asked = header(scope, b"access-control-request-headers")
    names = asked if _HEADER_NAMES.fullmatch(asked) else b"authorization, content-type"
    return [
        *allowed,
        (b"access-control-allow-methods", _METHODS),
        (b"access-control-allow-headers", names),
        (b"access-control-max-age", b"600"),
    ]
