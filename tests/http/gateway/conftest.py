"""A gateway on loopback: real authorizer, real issuer, real page files, functions of a few lines."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from lambdas.authorizer.main import create_handler
from local.gateway.app import Authorizer, Gateway, functions_of
from local.gateway.health import Probe
from local.gateway.page_config import PageConfig
from local.gateway.static import Page
from local.oidc import CLIENT_ID, ISSUER, ISSUER_NAME, issue_token
from local.oidc.app import create_issuer
from parley.kit.telemetry import open_logger
from parley.settings import AuthorizerSettings
from tests.http.gateway.functions import PAGE_ORIGIN, SMALL_LIMIT_BYTES, Functions
from tests.http.gateway.serving import serve


@dataclass(slots=True)
class Stack:
    """The running gateway and what a test may turn."""

    url: str
    home: Path
    functions: Functions
    authorizer: Authorizer
    probes: dict[str, Probe]
    is_running: bool = False
    tokens: dict[str, str] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def authorize(self, event: Mapping[str, Any], context: object) -> Mapping[str, Any]:
        """What the gateway calls: the authorizer of the moment."""
        return self.authorizer(event, context)

    def token(self, user: str = "ada", **options: Any) -> str:
        """A token of the local issuer; the same one for the same wish, for reading the key takes a while."""
        wish = json.dumps([user, options])
        if wish not in self.tokens:
            self.tokens[wish] = issue_token(self.home, user=user, **options)
        return self.tokens[wish]

    def bearer(self, **options: Any) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token(**options)}"}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page as Vite builds one."""
    folder = tmp_path_factory.mktemp("web") / "dist"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html><title>Parley</title>" + "<!-- padding -->" * 20)
    (folder / "silent.html").write_text("<!doctype html><title>silent</title>")
    (folder / "theme.js").write_text("/* theme */")
    (folder / "assets" / "index-abc123.js").write_text("/* script */" * 50)
    (folder / "assets" / "inter.woff2").write_bytes(b"\x00font")
    (folder.parent / "secret.txt").write_text("treasure")
    return folder


@pytest.fixture(scope="module")
async def stack(home: Path, dist: Path) -> AsyncIterator[Stack]:
    stack = Stack("", home, Functions(), lambda _event, _context: {}, {})

    @asynccontextmanager
    async def running() -> AsyncGenerator[Mapping[str, Probe]]:
        stack.is_running = True
        yield stack.probes
        stack.is_running = False

    # The issuer's address has the port in it, which is known only once the gateway serves.
    settings = AuthorizerSettings(
        oidc_issuer=ISSUER,
        oidc_issuer_name=ISSUER_NAME,
        oidc_audience=CLIENT_ID,
        database_url="postgresql://127.0.0.1:9/away",
    )
    gateway = Gateway(
        functions_of(stack.functions, stack.functions, stack.functions, stack.functions),
        stack.authorize,
        running=running,
        page=Page(dist),
        page_settings=PageConfig(settings, "http://127.0.0.1:1"),
        issuer=create_issuer(home, stage="local", host="127.0.0.1"),
        logger=open_logger("gateway"),
        cors_origins=[PAGE_ORIGIN],
        request_limit_bytes=SMALL_LIMIT_BYTES,
    )
    async with serve(gateway, lifespan="on") as url:
        stack.url = url
        discovery_url = f"{url}/oidc/.well-known/openid-configuration"
        stack.authorizer = create_handler(settings.model_copy(update={"oidc_discovery_url": discovery_url}))
        yield stack


@pytest.fixture
async def client(stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    stack.functions.go_on.clear()
    stack.functions.has_left.clear()
    stack.probes.clear()
    async with aiohttp.ClientSession(stack.url, auto_decompress=False) as session:
        yield session
