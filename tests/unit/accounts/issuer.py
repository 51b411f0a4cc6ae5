"""An identity provider in memory: it signs what it is told, and counts who asks for its keys."""

import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from parley.accounts.client import Document, IssuerKeys
from parley.accounts.model import ClaimRules
from parley.accounts.service import TokenVerifier
from parley.errors import IssuerUnavailable

ISSUER = "https://issuer.test"
DISCOVERY_URL = f"{ISSUER}/.well-known/openid-configuration"
JWKS_URL = f"{ISSUER}/jwks.json"
CLIENT = "parley-web"

# Made once: a key takes a tenth of a second.
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


class FakeIssuer:
    """`fetch` serves the discovery document and the keys in `published`; `requests` lists what was asked."""

    def __init__(self) -> None:
        self.published: list[Mapping[str, Any]] = [rsa_jwk("first", RSA_KEY)]
        self.discovery: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": JWKS_URL}
        self.requests: list[str] = []
        self.is_down = False

    def fetch(self, url: str) -> Document:
        self.requests.append(url)
        if self.is_down:
            raise IssuerUnavailable("down")
        return self.discovery if url == DISCOVERY_URL else {"keys": self.published}

    @property
    def key_requests(self) -> int:
        return self.requests.count(JWKS_URL)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def rsa_jwk(key_id: str, key: rsa.RSAPrivateKey, **fields: str) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig", **fields}


def ec_jwk(key_id: str, key: ec.EllipticCurvePrivateKey) -> dict[str, Any]:
    return {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"}


def claims(**changes: Any) -> dict[str, Any]:
    """What Cognito puts in an access token; a change to None leaves the claim out."""
    now = int(time.time())
    told = {
        "iss": ISSUER,
        "sub": "ada",
        "client_id": CLIENT,
        "token_use": "access",
        "scope": "openid",
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


def sign(
    payload: Mapping[str, Any],
    *,
    key: Any = RSA_KEY,
    key_id: str | None = "first",
    algorithm: str = "RS256",
    **header: Any,
) -> str:
    headers = {**({"kid": key_id} if key_id is not None else {}), **header}
    return jwt.encode(dict(payload), key, algorithm=algorithm, headers=headers)


def verifier(issuer: FakeIssuer, clock: Clock | None = None) -> TokenVerifier:
    keys = IssuerKeys(ISSUER, DISCOVERY_URL, fetch=issuer.fetch, clock=clock or Clock())
    return TokenVerifier(keys, issuer=ISSUER, audience=CLIENT, rules=ClaimRules(issuer_name="test"))
