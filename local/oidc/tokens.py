"""The tokens, shaped like Cognito's: an access token for the API, an ID token for the page."""

from __future__ import annotations

import base64
import hashlib
import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jwt

from local.oidc.keys import SigningKey, load_key
from local.oidc.model import ACCESS_TOKEN_S, CLIENT_ID, ISSUER, Grant, Person, person_named
from local.oidc.store import IssuerStore


def issuer_folder(home: Path) -> Path:
    """Where the issuer of a stack keeps its key and its memory."""
    return home / "issuer"


def issue_token(
    home: Path, *, user: str, tier: str = "free", roles: Sequence[str] = (), lifetime_s: int = ACCESS_TOKEN_S
) -> str:
    """An access token for `user`, for the SDKs; the same subject as that name has in the sign-in form.

    It needs no running server: the key in `home` signs it. Raises: ValueError for a name, tier or role that cannot be.
    """
    if lifetime_s <= 0:
        raise ValueError("A token must live for at least a second.")
    person, folder = person_named(user, tier, roles), issuer_folder(home)
    IssuerStore(folder).remember(person)
    return access_token(load_key(folder), person, scope="openid", signed_in_at=int(time.time()), lifetime_s=lifetime_s)


def access_token(
    key: SigningKey, person: Person, *, scope: str, signed_in_at: int, lifetime_s: int = ACCESS_TOKEN_S
) -> str:
    """What the API takes. Like Cognito's it names its audience in `client_id` and has no `aud`."""
    claims = {
        **_common(person, signed_in_at, lifetime_s),
        "token_use": "access",
        "client_id": CLIENT_ID,
        "scope": scope,
        "username": person.name,
    }
    return key.sign(claims)


def id_token(key: SigningKey, grant: Grant, access: str) -> str:
    """What the page reads to greet its reader."""
    person = grant.session.person
    claims = {
        **_common(person, grant.session.signed_in_at, ACCESS_TOKEN_S),
        **profile(person),
        "token_use": "id",
        "aud": CLIENT_ID,
        "cognito:username": person.name,
        # OpenID Connect Core, 3.1.3.6: the left half of the hash.
        "at_hash": _base64url(hashlib.sha256(access.encode()).digest()[:16]),
    }
    return key.sign(claims | ({"nonce": grant.nonce} if grant.nonce is not None else {}))


def profile(person: Person) -> dict[str, Any]:
    """The claims of the scopes `profile` and `email`."""
    return {"name": person.name, "email": person.email, "email_verified": False}


def read_token(key: SigningKey, token: str, *, use: str, may_be_expired: bool = False) -> dict[str, Any] | None:
    """The claims of a token that this issuer signed for `use`, or None."""
    options: Any = {"verify_aud": False, "verify_exp": not may_be_expired}
    try:
        claims = jwt.decode(token, key.private.public_key(), algorithms=["RS256"], issuer=ISSUER, options=options)
    except (jwt.PyJWTError, ValueError):
        return None
    return claims if claims.get("token_use") == use else None


def _common(person: Person, signed_in_at: int, lifetime_s: int) -> dict[str, Any]:
    now = int(time.time())
    return {
        "iss": ISSUER,
        "sub": person.subject,
        "cognito:groups": person.groups,
        "auth_time": signed_in_at,
        "iat": now,
        "exp": now + lifetime_s,
        "jti": str(uuid.uuid4()),
    }


def _base64url(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
