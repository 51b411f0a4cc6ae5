import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from local.oidc.app import create_issuer
from local.oidc.keys import load_key
from local.oidc.tokens import issuer_folder
from tests.http.gateway.serving import serve
from tests.http.oidc.browser import Browser


class Clock:
    """Real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Switch:
    """One server for all tests: each puts its own application behind it."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.app(scope, receive, send)


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[tuple[str, Switch]]:
    switch = Switch()
    async with serve(switch, lifespan="off") as url:
        yield url, switch


@pytest.fixture(scope="session")
def key(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A key takes a quarter of a second, so all tests share one."""
    folder = tmp_path_factory.mktemp("issuer")
    load_key(folder)
    return (folder / "key.pem").read_bytes()


@pytest.fixture
def home(tmp_path: Path, key: bytes) -> Path:
    folder = issuer_folder(tmp_path)
    folder.mkdir(mode=0o700)
    (folder / "key.pem").touch(mode=0o600)
    (folder / "key.pem").write_bytes(key)
    return tmp_path


@pytest.fixture
def url(server: tuple[str, Switch], home: Path, clock: Clock) -> str:
    url, switch = server
    switch.app = create_issuer(home, stage="local", host="127.0.0.1", clock=clock)
    return url


@pytest.fixture
async def browser(url: str) -> AsyncIterator[Browser]:
    # Without `unsafe` aiohttp keeps no cookies of an IP address.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Browser(url, session)
