"""What the page learns at start: its issuer and client, never baked into the build; and the policy it lives under."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from local.oidc.model import ISSUER
from local.oidc.origins import own_origin
from parley.accounts.client import fetch_json
from parley.errors import IssuerUnavailable
from parley.settings import AuthorizerSettings

_WELL_KNOWN = "/.well-known/openid-configuration"
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri", "end_session_endpoint")
_RETRY_S = 10.0
# What may stand in a policy without ending it.
_ORIGIN = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+")


class PageConfig:
    """The settings of the page for the issuer in `settings`, the local one or the user's own."""

    def __init__(self, settings: AuthorizerSettings, gateway_url: str) -> None:
        self._settings = settings
        self._gateway_url = gateway_url
        self._discovery: Mapping[str, Any] = {}
        self._tried_at = float("-inf")

    @property
    def is_local(self) -> bool:
        return self._settings.oidc_issuer == ISSUER

    async def document(self, host_header: str) -> dict[str, Any]:
        """`/config.json`. The local issuer is named as the browser names us, so that page and issuer share an origin."""
        common = {"client_id": self._settings.oidc_audience, "scope": "openid profile email"}
        if self.is_local:
            origin = own_origin(host_header) or self._gateway_url
            return {"authority": f"{origin}/oidc", **common, "silent_frame": True, "sign_out": None}
        sign_out = await self._sign_out()
        return {"authority": self._authority, **common, "silent_frame": False, "sign_out": sign_out}

    async def policy(self) -> str:
        """The page's Content-Security-Policy. A foreign issuer's addresses come from its own discovery document."""
        foreign = await self._foreign_origins()
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
            f"connect-src 'self'{foreign}; frame-src 'self'{foreign}; form-action 'self'; base-uri 'none'; "
            "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify parley"
        )

    @property
    def _authority(self) -> str:
        return (self._settings.oidc_discovery_url or self._settings.oidc_issuer).removesuffix(_WELL_KNOWN)

    async def _sign_out(self) -> dict[str, Any] | None:
        """Cognito knows no `post_logout_redirect_uri`: it wants its own names for the client and the way back."""
        if not (urlsplit(self._settings.oidc_issuer).hostname or "").startswith("cognito-idp."):
            return None
        url = (await self._foreign_discovery()).get("end_session_endpoint")
        params = {"client_id": self._settings.oidc_audience, "logout_uri": "{origin}/"}
        return {"url": url, "params": params} if url else None

    async def _foreign_origins(self) -> str:
        if self.is_local:
            return ""
        discovery = await self._foreign_discovery()
        urls = [self._authority, *(str(discovery[name]) for name in _ENDPOINTS if name in discovery)]
        origins = {_origin(url) for url in urls}
        return "".join(f" {origin}" for origin in sorted(origins) if _ORIGIN.fullmatch(origin))

    async def _foreign_discovery(self) -> Mapping[str, Any]:
        """The issuer's document, once it has answered; a silent issuer is asked again later and stops nobody."""
        if not self._discovery and time.monotonic() - self._tried_at > _RETRY_S:
            self._tried_at = time.monotonic()
            try:
                self._discovery = await asyncio.to_thread(fetch_json, f"{self._authority}{_WELL_KNOWN}")
            except IssuerUnavailable:
                return {}
        return self._discovery


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
