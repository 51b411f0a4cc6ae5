"""The identity provider's public keys, by its discovery document and JWKS: cached, rotated, never hammered."""

from __future__ import annotations

import http.client
import ipaddress
import json
import threading
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit

import jwt
from jwt.types import JWKDict

from parley.errors import IssuerUnavailable

Document = Mapping[str, Any]
Fetch = Callable[[str], Document]

# Asymmetric only: with a shared-secret algorithm in the list, the public key itself would sign tokens (RFC 8725, 2.1).
ALGORITHMS_OF_KEY_TYPE: Mapping[str, frozenset[str]] = {
    "RSA": frozenset({"RS256", "PS256"}),
    "EC": frozenset({"ES256"}),
}
_FRESH_S = 300.0
# Signed-in users outlive an outage of the issuer, but not for ever: a withdrawn key must die.
_USABLE_S = 3600.0
# Between two refetches that unknown key ids asked for: whoever invents key ids costs the issuer six requests a minute.
_UNKNOWN_KEY_PAUSE_S = 10.0
_FAILURE_PAUSE_S = 1.0
_TIMEOUT_S = 3.0
_DOCUMENT_LIMIT_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One public key and the algorithms it may be used with."""

    key: Any
    algorithms: frozenset[str]


class IssuerKeys:
    """The keys of one issuer, shared by threads. `clock` counts seconds and never goes back."""

    def __init__(
        self,
        issuer: str,
        discovery_url: str,
        *,
        fetch: Fetch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raises: ValueError for a discovery document that would come over plain HTTP from another machine."""
        _require_safe(discovery_url)
        self._issuer = issuer
        self._discovery_url = discovery_url
        self._fetch = fetch or fetch_json
        self._clock = clock
        self._lock = threading.Lock()
        self._keys: Mapping[str, SigningKey] = {}
        self._fetched_at = self._tried_at = self._asked_at = float("-inf")
        self._trouble: IssuerUnavailable | None = None

    def key_for(self, key_id: str) -> SigningKey | None:
        """The key of that id, or None when the issuer has no such key.

        Raises: IssuerUnavailable when the keys cannot be read, so that nothing can be said of the token.
        """
        known = self._keys.get(key_id)
        if known is not None and self._age_s() < _FRESH_S:
            return known
        # While one thread waits for a slow issuer, the others go on with the key they know.
        is_waiting_needed = known is None or self._age_s() >= _USABLE_S
        if not self._lock.acquire(blocking=is_waiting_needed):
            return known
        try:
            return self._key_after_refresh(key_id)
        finally:
            self._lock.release()

    def _key_after_refresh(self, key_id: str) -> SigningKey | None:
        if self._is_refresh_due(key_id):
            self._refresh()
        key = self._keys.get(key_id) if self._age_s() < _USABLE_S else None
        if key is None and self._trouble is not None:
            raise self._trouble
        return key

    def _is_refresh_due(self, key_id: str) -> bool:
        now = self._clock()
        if self._trouble is not None and now - self._tried_at < _FAILURE_PAUSE_S:
            return False
        if self._age_s() >= _FRESH_S:
            return True
        if key_id in self._keys or now - self._asked_at < _UNKNOWN_KEY_PAUSE_S:
            return False
        self._asked_at = now
        return True

    def _refresh(self) -> None:
        self._tried_at = self._clock()
        try:
            self._keys = self._read_keys()
            self._fetched_at, self._trouble = self._clock(), None
        except IssuerUnavailable as error:
            self._trouble = error

    def _read_keys(self) -> Mapping[str, SigningKey]:
        discovery = self._fetch(self._discovery_url)
        if discovery.get("issuer") != self._issuer:
            raise IssuerUnavailable("The discovery document belongs to another issuer.")
        jwks_url = discovery.get("jwks_uri")
        if not isinstance(jwks_url, str) or not _is_safe(jwks_url) or _is_downgrade(self._discovery_url, jwks_url):
            raise IssuerUnavailable("The discovery document names no usable JWKS.")
        keys = signing_keys(self._fetch(jwks_url))
        if not keys:
            raise IssuerUnavailable("The issuer publishes no usable key.")
        return keys

    def _age_s(self) -> float:
        return self._clock() - self._fetched_at


def signing_keys(jwks: Document) -> dict[str, SigningKey]:
    """The keys of a JWKS that can verify a token, by id; encryption keys, shared secrets and broken ones are left out."""
    members = jwks.get("keys")
    found: dict[str, SigningKey] = {}
    for member in cast("list[object]", members) if isinstance(members, list) else []:
        if isinstance(member, dict):
            _add_key(found, cast("JWKDict", member))
    return found


def _add_key(found: dict[str, SigningKey], member: JWKDict) -> None:
    key_id, allowed = member.get("kid"), ALGORITHMS_OF_KEY_TYPE.get(str(member.get("kty")), frozenset())
    if "alg" in member:
        allowed &= {str(member["alg"])}
    if not isinstance(key_id, str) or not allowed or member.get("use", "sig") != "sig":
        return
    try:
        found[key_id] = SigningKey(jwt.PyJWK(member).key, allowed)
    except jwt.PyJWTError:
        return


def fetch_json(url: str) -> Document:
    """The JSON object at `url`, without following redirects. Raises: IssuerUnavailable."""
    try:
        with _opener(url).open(url, timeout=_TIMEOUT_S) as response:
            document = json.loads(response.read(_DOCUMENT_LIMIT_BYTES))
    except HTTPError as error:
        error.close()
        raise IssuerUnavailable(f"The identity provider answered {error.code}.") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise IssuerUnavailable("The identity provider did not answer.") from error
    if not isinstance(document, dict):
        raise IssuerUnavailable("The identity provider answered with something else than an object.")
    return cast("Document", document)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:  # noqa: ARG002 - urllib's hook
        return None


def _opener(url: str) -> urllib.request.OpenerDirector:
    # A proxy set for the outside world must not be asked for this machine's own issuer.
    proxies: dict[str, str] | None = {} if _is_loopback(url) else None
    return urllib.request.build_opener(_NoRedirects(), urllib.request.ProxyHandler(proxies))


def _require_safe(url: str) -> None:
    if not _is_safe(url):
        raise ValueError(f"{url} must be an https URL; http serves only for this machine.")


def _is_safe(url: str) -> bool:
    scheme = urlsplit(url).scheme
    return scheme == "https" or (scheme == "http" and _is_loopback(url))


def _is_downgrade(discovery_url: str, jwks_url: str) -> bool:
    """Whether another machine's document points at this machine."""
    return _is_loopback(jwks_url) and not _is_loopback(discovery_url)


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
