"""Which addresses are this machine's own: the issuer answers to no other name and sends nobody elsewhere."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

_CALLBACK_PATHS = frozenset({"/callback", "/silent"})


def is_loopback(host: str) -> bool:
    """Whether `host`, without a port, names this machine."""
    bare = host.removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def own_origin(host_header: str) -> str | None:
    """The origin that the browser knows us by, or None for a name that is not this machine's (DNS rebinding)."""
    origin = origin_of(f"http://{host_header}")
    return origin if origin == f"http://{host_header.lower()}" else None


def origin_of(url: str) -> str | None:
    """`http://127.0.0.1:8080` of a loopback URL that hides nothing, else None."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    host = parts.hostname or ""
    if parts.scheme != "http" or "@" in parts.netloc or not is_loopback(host):
        return None
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}" if port is None else f"http://{shown}:{port}"


def is_redirect_uri(url: str, own: str, others: Collection[str] = ()) -> bool:
    """Whether a code may be sent to `url`: a callback page on our own port under any loopback name, or on a named origin."""
    origin = origin_of(url)
    if origin is None or not _is_plain(url, origin):
        return False
    is_ours = origin in others or urlsplit(origin).port == urlsplit(own).port
    return is_ours and url.removeprefix(origin) in _CALLBACK_PATHS


def is_sign_out_uri(url: str, own: str, others: Collection[str] = ()) -> bool:
    """Whether a browser may be sent to `url` after sign-out: any page of ours."""
    origin = origin_of(url)
    if origin is None or not _is_plain(url, origin):
        return False
    is_ours = origin in others or urlsplit(origin).port == urlsplit(own).port
    return is_ours and url.removeprefix(origin).startswith("/")


def _is_plain(url: str, origin: str) -> bool:
    """Whether `url` is spelt as browsers spell it, so that they and we read the same host in it."""
    return url.startswith(origin) and url.isascii() and url.isprintable() and not set(url) & set(" \\#")
