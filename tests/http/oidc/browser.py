"""A browser as far as the issuer sees one: cookies, redirects that are looked at, and PKCE."""

import base64
import hashlib
import re
import secrets
from dataclasses import dataclass, field
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp

from local.oidc import CLIENT_ID


@dataclass(frozen=True, slots=True)
class Answer:
    """A response that was read."""

    status: int
    headers: Any
    text: str

    @property
    def location(self) -> str:
        return self.headers["location"]

    @property
    def query(self) -> dict[str, str]:
        """What the redirect carries."""
        return {name: values[0] for name, values in parse_qs(urlsplit(self.location).query).items()}

    @property
    def csrf(self) -> str:
        match = re.search(r'name="csrf" value="([^"]+)"', self.text)
        assert match
        return unescape(match[1])


@dataclass(slots=True)
class Browser:
    """One browser profile at the gateway under `url`."""

    url: str
    session: aiohttp.ClientSession
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    @property
    def redirect_uri(self) -> str:
        return f"{self.url}/callback"

    @property
    def challenge(self) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()

    def question(self, **changes: str | None) -> dict[str, str]:
        """An authorization request; a change to None leaves the parameter out."""
        told = {
            "client_id": CLIENT_ID,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid profile email",
            "state": "st&te",
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in told.items() if value is not None}

    async def send(self, method: str, path: str, **options: Any) -> Answer:
        url = path if path.startswith("http") else self.url + path
        async with self.session.request(method, url, allow_redirects=False, **options) as response:
            return Answer(response.status, response.headers, await response.text())

    async def authorize(self, **changes: str | None) -> Answer:
        return await self.send("GET", f"/oidc/authorize?{urlencode(self.question(**changes))}")

    async def fill_in(
        self, fields: dict[str, Any] | None = None, headers: dict[str, str] | None = None, **changes: str | None
    ) -> Answer:
        """Open the form and send it."""
        form = await self.authorize(prompt="login", **changes)
        told = {"csrf": form.csrf, "name": "Ada", "tier": "pro", **(fields or {})}
        path = f"/oidc/authorize?{urlencode(self.question(prompt='login', **changes))}"
        return await self.send("POST", path, data=told, headers={"origin": self.url, **(headers or {})})

    async def sign_in(self, name: str = "Ada", **changes: str | None) -> str:
        """The code of a sign-in through the form."""
        answer = await self.fill_in({"name": name}, None, **changes)
        assert answer.status == 303, answer.text
        return answer.query["code"]

    async def exchange(self, **values: str) -> Answer:
        return await self.send("POST", "/oidc/token", data={"client_id": CLIENT_ID, **values})

    async def redeem(self, code: str, **changes: str) -> Answer:
        told = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
            **changes,
        }
        return await self.exchange(**told)

    async def refresh(self, token: str, **changes: str) -> Answer:
        return await self.exchange(grant_type="refresh_token", refresh_token=token, **changes)
