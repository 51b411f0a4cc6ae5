"""AWS Signature Version 4, so that the chat function needs no boto3 (360 ms of import on a cold start).

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html; equal to botocore's by test.
S3 is left out: it signs paths by rules of its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit, urlunsplit

_ALGORITHM = "AWS4-HMAC-SHA256"
_DEFAULT_PORTS = {"http": 80, "https": 443}
# Proxies add or change these on the way.
_UNSIGNED_HEADERS = frozenset({"expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"})
_OWN_HEADERS = frozenset({"authorization", "x-amz-date", "x-amz-security-token"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """Keys of a role; `session_token` is empty for those of a user."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs for one service of one region."""

    credentials: Credentials
    region: str
    service: str

    def sign_headers(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, now: datetime
    ) -> dict[str, str]:
        """`headers` and those that authorize the request for the next 15 minutes. The query of `url` is already encoded."""
        parts = urlsplit(url)
        stamp = _timestamp(now)
        signed = {name: value for name, value in headers.items() if name.lower() not in _OWN_HEADERS}
        signed["X-Amz-Date"] = stamp
        if self.credentials.session_token:
            signed["X-Amz-Security-Token"] = self.credentials.session_token
        names, block = _canonical_headers({"host": _host(parts), **signed})
        signature = self._signature(stamp, _canonical_request(method, parts, names, block, body))
        credential = f"{self.credentials.access_key_id}/{self._scope(stamp)}"
        authorization = f"{_ALGORITHM} Credential={credential}, SignedHeaders={names}, Signature={signature}"
        return {**signed, "Authorization": authorization}

    def presign(self, method: str, url: str, expires_s: int, now: datetime) -> str:
        """`url` with a query that authorizes a request without a body for `expires_s`.

        Raises: ValueError for a query that names something twice, or has a signature's own names.
        """
        parts = urlsplit(url)
        asked = parse_qsl(parts.query, keep_blank_values=True)
        own = [name for name, _ in asked if name.lower().startswith("x-amz-")]
        if own or len(dict(asked)) < len(asked):
            raise ValueError("a query to be signed names everything once, and leaves x-amz- to the signature")
        stamp = _timestamp(now)
        names, block = _canonical_headers({"host": _host(parts)})
        query = {
            **dict(asked),
            "X-Amz-Algorithm": _ALGORITHM,
            "X-Amz-Credential": f"{self.credentials.access_key_id}/{self._scope(stamp)}",
            "X-Amz-Date": stamp,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": names,
        }
        if self.credentials.session_token:
            query["X-Amz-Security-Token"] = self.credentials.session_token
        parts = parts._replace(query=urlencode(query, quote_via=quote, safe="-_.~"))
        signature = self._signature(stamp, _canonical_request(method, parts, names, block, b""))
        return f"{urlunsplit(parts)}&X-Amz-Signature={signature}"

    def _scope(self, stamp: str) -> str:
        return f"{stamp[:8]}/{self.region}/{self.service}/aws4_request"

    def _signature(self, stamp: str, canonical_request: str) -> str:
        digest = sha256(canonical_request.encode()).hexdigest()
        key = f"AWS4{self.credentials.secret_access_key}".encode()
        for part in (stamp[:8], self.region, self.service, "aws4_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        return hmac.digest(key, f"{_ALGORITHM}\n{stamp}\n{self._scope(stamp)}\n{digest}".encode(), "sha256").hex()


def _timestamp(now: datetime) -> str:
    """Raises: ValueError for a time without a zone, or of another zone than UTC: the signature would be hours off."""
    if now.utcoffset() is None or now.utcoffset():
        raise ValueError("a signature's time is UTC")
    return now.strftime("%Y%m%dT%H%M%SZ")


def _canonical_request(method: str, parts: SplitResult, names: str, block: str, body: bytes) -> str:
    pairs = sorted(part.partition("=")[::2] for part in parts.query.split("&")) if parts.query else []
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return "\n".join((method.upper(), _path(parts.path), query, block, names, sha256(body).hexdigest()))


def _path(path: str) -> str:
    """The path without `.`, `..` and empty segments (RFC 3986, 5.2.4), encoded once more, as every service but S3 wants it."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in {"", "."}:
            kept.append(segment)
    slash = "/" if path.endswith("/") and kept else ""
    return quote(f"/{'/'.join(kept)}{slash}", safe="/~")


def _canonical_headers(headers: Mapping[str, str]) -> tuple[str, str]:
    """The names that are signed, and their lines."""
    lines = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    names = sorted(name for name in lines if name not in _UNSIGNED_HEADERS)
    return ";".join(names), "".join(f"{name}:{lines[name]}\n" for name in names)


def _host(parts: SplitResult) -> str:
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in {None, _DEFAULT_PORTS.get(parts.scheme)} else f"{host}:{parts.port}"
