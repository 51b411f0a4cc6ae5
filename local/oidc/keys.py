"""The issuer's signing key: one file, made once, readable by its owner alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

_FILE = "key.pem"


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, and its public half as a member of a JWKS."""

    private: rsa.RSAPrivateKey = field(repr=False)
    jwk: dict[str, Any]

    def sign(self, claims: dict[str, Any]) -> str:
        """`claims` as a signed JWT."""
        return jwt.encode(claims, self.private, algorithm="RS256", headers={"kid": self.jwk["kid"]})


def load_key(folder: Path) -> SigningKey:
    """The key in `folder`, made if there is none. Two processes that start at once end up with the same one."""
    path = folder / _FILE
    if not path.exists():
        _make_key(path)
    private = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise TypeError(f"{path} holds no RSA key.")
    return SigningKey(private, _public_jwk(private))


def _make_key(path: Path) -> None:
    """Write aside, flush, then link: `path` never exists half-written, and the first of two writers wins."""
    pem = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    draft = path.with_name(f"{_FILE}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _public_jwk(private: rsa.RSAPrivateKey) -> dict[str, Any]:
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    members = {name: jwk[name] for name in ("e", "kty", "n")}
    # RFC 7638: these members, in this order, without spaces.
    digest = hashlib.sha256(json.dumps(members, separators=(",", ":")).encode()).digest()
    return {**members, "use": "sig", "alg": "RS256", "kid": base64.urlsafe_b64encode(digest).rstrip(b"=").decode()}
