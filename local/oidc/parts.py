"""What the issuer's endpoints share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from local.oidc.keys import SigningKey
from local.oidc.model import Session
from local.oidc.origins import own_origin
from local.oidc.store import IssuerStore


@dataclass(frozen=True, slots=True)
class Issuer:
    """One stack's issuer. `other_origins` are pages beside the gateway's own, such as a development server's."""

    store: IssuerStore
    key: SigningKey = field(repr=False)
    home_id: str
    other_origins: frozenset[str]
    clock: Callable[[], float]

    @property
    def session_cookie(self) -> str:
        return f"parley_session_{self.home_id}"

    @property
    def form_cookie(self) -> str:
        return f"parley_form_{self.home_id}"

    def session_of(self, request: Request) -> Session | None:
        """Who is signed in in this browser."""
        cookie = request.cookies.get(self.session_cookie)
        return self.store.session(cookie) if cookie else None


def origin_of_request(request: Request) -> str:
    """The origin the browser knows us by; the guard has already refused every other name."""
    origin = own_origin(request.headers.get("host", ""))
    assert origin is not None
    return origin


def html(page: str, *, status: int = 200, form_targets: tuple[str, ...] = ()) -> Response:
    """A page under a policy without scripts. A form may lead to `form_targets` by redirect, and nowhere else."""
    targets = " ".join(("'self'", *form_targets))
    policy = (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; frame-ancestors 'none'; "
        f"form-action {targets}"
    )
    return HTMLResponse(page, status_code=status, headers={"content-security-policy": policy})


def json(document: Mapping[str, Any], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status_code=status, headers=headers, media_type="application/json")
