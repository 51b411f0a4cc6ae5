"""The endpoints a page calls: codes and refresh tokens into tokens, and tokens into a profile."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from local.oidc.model import ACCESS_TOKEN_S, CLIENT_ID, Code, Grant, person_named
from local.oidc.parts import Issuer, json
from local.oidc.requests import ClientError, Pairs, single_values, verifier_of
from local.oidc.tokens import access_token, id_token, profile, read_token


def token(issuer: Issuer, request: Request, form: Pairs) -> Response:
    """RFC 6749, 3.2, for one public client: it proves itself by PKCE, and later by refresh tokens that work once."""
    try:
        values = single_values(form)
        if values.get("client_id") != CLIENT_ID or "authorization" in request.headers:
            raise ClientError("invalid_client", "The client is not known, or tried to use a secret.")
        return json(_tokens(issuer, values))
    except ClientError as error:
        document = {"error": error.code, "error_description": error.description}
        return json(document, status=401 if error.code == "invalid_client" else 400)


def userinfo(issuer: Issuer, request: Request, _form: Pairs) -> Response:
    """OpenID Connect Core, 5.3."""
    scheme, _, presented = request.headers.get("authorization", "").partition(" ")
    claims = read_token(issuer.key, presented.strip(), use="access") if scheme.lower() == "bearer" else None
    if claims is None:
        challenge = 'Bearer error="invalid_token"' if presented else "Bearer"
        return json({"error": "invalid_token"}, status=401, headers={"www-authenticate": challenge})
    return json({"sub": claims["sub"], **profile(person_named(claims["username"]))})


def _tokens(issuer: Issuer, values: Mapping[str, str]) -> dict[str, Any]:
    match values.get("grant_type"):
        case "authorization_code":
            grant = _redeem(issuer, values).grant
            return _answer(issuer, grant, issuer.store.add_refresh_token(grant))
        case "refresh_token":
            rotated = issuer.store.rotate_refresh_token(values.get("refresh_token", ""))
            if rotated is None:
                raise ClientError("invalid_grant", "The refresh token is unknown, expired or was used before.")
            return _answer(issuer, *rotated)
        case _:
            raise ClientError("unsupported_grant_type", "Use authorization_code or refresh_token.")


def _redeem(issuer: Issuer, values: Mapping[str, str]) -> Code:
    """The code's grant, for the one who asked for it. A wrong try spends the code."""
    code = issuer.store.take_code(values.get("code", ""))
    if code is None:
        raise ClientError("invalid_grant", "The code is unknown, expired or was used before.")
    if values.get("redirect_uri") != code.redirect_uri:
        raise ClientError("invalid_grant", "The redirect_uri is not the one the code was sent to.")
    digest = hashlib.sha256(verifier_of(values).encode()).digest()
    if not hmac.compare_digest(base64.urlsafe_b64encode(digest).rstrip(b"=").decode(), code.challenge):
        raise ClientError("invalid_grant", "The code_verifier does not fit the code.")
    return code


def _answer(issuer: Issuer, grant: Grant, refresh_token: str) -> dict[str, Any]:
    session = grant.session
    access = access_token(issuer.key, session.person, scope=grant.scope, signed_in_at=session.signed_in_at)
    return {
        "access_token": access,
        "token_type": "Bearer",
        "expires_in": ACCESS_TOKEN_S,
        "refresh_token": refresh_token,
        "id_token": id_token(issuer.key, grant, access),
        "scope": grant.scope,
    }
