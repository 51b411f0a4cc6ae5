"""Access tokens: what must hold before anything in one is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import jwt

from parley.accounts.client import ALGORITHMS_OF_KEY_TYPE, IssuerKeys, SigningKey
from parley.accounts.model import ClaimRules, Identity, identity_from_claims
from parley.errors import Unauthenticated
from parley.settings import AuthorizerSettings

Claims = Mapping[str, Any]

# Clocks of two machines differ; Cognito's tokens live an hour, so half a minute changes nothing.
_LEEWAY_S = 30
_ALGORITHMS = frozenset[str]().union(*ALGORITHMS_OF_KEY_TYPE.values())
# API Gateway passes at most 10,240 bytes of headers.
_TOKEN_LIMIT_BYTES = 10_240
# Only ID tokens have these (OpenID Connect Core, 2 and 3.3.2.11).
_ID_TOKEN_CLAIMS = frozenset({"nonce", "at_hash", "c_hash"})
_ACCESS_TOKEN_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_ACCESS_TOKEN_CLAIMS = frozenset({"client_id", "scope", "scp"})


class TokenVerifier:
    """Verifies access tokens of one issuer for one audience."""

    def __init__(self, keys: IssuerKeys, *, issuer: str, audience: str, rules: ClaimRules) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._rules = rules

    def identify(self, token: str) -> Identity:
        """The identity behind `token`. Raises: Unauthenticated, IssuerUnavailable."""
        return identity_from_claims(self.verify(token), self._rules)

    def verify(self, token: str) -> Claims:
        """The claims of `token`, once signature, issuer, audience, use and times hold.

        Raises: Unauthenticated with the reason, IssuerUnavailable when the issuer's keys cannot be read.
        """
        if len(token) > _TOKEN_LIMIT_BYTES or not token.isascii():
            raise Unauthenticated("The token is malformed.")
        try:
            header = jwt.get_unverified_header(token)
            claims = self._decode(token, self._signing_key(header))
        except jwt.ExpiredSignatureError as error:
            raise Unauthenticated("The token has expired: sign in again.") from error
        except jwt.PyJWTError as error:
            raise Unauthenticated("The token is not valid.") from error
        _require_access_token(header, claims)
        _require_audience(claims, self._audience)
        return claims

    def _signing_key(self, header: Mapping[str, Any]) -> SigningKey:
        key_id = header.get("kid")
        # Judged before the key is looked up: a token that could never pass must not make us ask the issuer.
        if str(header.get("alg")) not in _ALGORITHMS or not isinstance(key_id, str):
            raise Unauthenticated("The token is signed in a way that is not accepted.")
        key = self._keys.key_for(key_id)
        if key is None:
            raise Unauthenticated("The token is signed with a key that its issuer does not have.")
        return key

    def _decode(self, token: str, key: SigningKey) -> Claims:
        # Audience is ours to check: PyJWT knows no fallback to `client_id`.
        return jwt.decode(
            token,
            key.key,
            algorithms=sorted(key.algorithms),
            issuer=self._issuer,
            leeway=_LEEWAY_S,
            options={"require": ["exp", "iss", "sub"], "verify_aud": False, "enforce_minimum_key_length": True},
        )


def create_verifier(settings: AuthorizerSettings) -> TokenVerifier:
    """The verifier that `settings` describes; it asks the issuer for its keys at the first token, not now."""
    discovery_url = (
        settings.oidc_discovery_url or f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration"
    )
    rules = ClaimRules(settings.oidc_issuer_name, settings.oidc_tier_claim, settings.oidc_roles_claim)
    keys = IssuerKeys(settings.oidc_issuer, discovery_url)
    return TokenVerifier(keys, issuer=settings.oidc_issuer, audience=settings.oidc_audience, rules=rules)


def _require_access_token(header: Mapping[str, Any], claims: Claims) -> None:
    """Refuse ID tokens: they prove to the page who signed in and were never meant as keys to the API.

    Cognito says `token_use`; issuers that do not must show what only access tokens have (RFC 9068, 2.1 and 2.2).
    """
    if "token_use" in claims:
        is_access = claims["token_use"] == "access"  # noqa: S105 - a claim, no password
    else:
        is_typed = str(header.get("typ", "")).lower() in _ACCESS_TOKEN_TYPES
        is_access = is_typed or not _ACCESS_TOKEN_CLAIMS.isdisjoint(claims)
    if not is_access or not _ID_TOKEN_CLAIMS.isdisjoint(claims):
        raise Unauthenticated("This is not an access token.")


def _require_audience(claims: Claims, audience: str) -> None:
    """`aud` decides; only where there is none, as in Cognito's access tokens, `client_id` stands for it."""
    named: object = claims["aud"] if "aud" in claims else claims.get("client_id")
    audiences = cast("list[object]", named) if isinstance(named, list) else [named]
    if audience not in audiences:
        raise Unauthenticated("The token was issued for another application.")
