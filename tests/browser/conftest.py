"""A real Chromium before the real stack. Whatever the page logs as an error fails the test."""

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from openai import AsyncOpenAI
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, async_playwright

from tests.browser.chat_page import ChatPage
from tests.conftest import Stack

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DESKTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
OpenPage = Callable[..., Awaitable[ChatPage]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: drives a real browser; skipped where none is found")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


def find_browser(own: str) -> str | None:
    """The system's Chromium, or the one Playwright has installed at `own`."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    return found or (own if Path(own).exists() else None)


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        executable = find_browser(playwright.chromium.executable_path)
        if executable is None:
            complaint = "no Chromium found: install it with `apt-get install chromium` or `playwright install chromium`"
            if os.environ.get("PARLEY_REQUIRE_BROWSER") == "1":
                pytest.fail(complaint)
            pytest.skip(complaint)
        # Chromium's sandbox does not start as root, which is what containers run as.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        running = await playwright.chromium.launch(executable_path=executable, args=arguments)
        yield running
        await running.close()


@dataclass(slots=True)
class Watch:
    """What the pages of a test complained of."""

    complaints: list[str] = field(default_factory=list)
    # Parts of messages that a test brings about on purpose.
    expected: list[str] = field(default_factory=list)

    def hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    @property
    def surprises(self) -> list[str]:
        return [line for line in self.complaints if not any(part in line for part in self.expected)]


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    watching = Watch()
    yield watching
    assert watching.surprises == []


@pytest.fixture
async def open_page(browser: Browser, stack: Stack, watch: Watch) -> AsyncIterator[OpenPage]:
    """Opens the page in a browser of its own: nobody is signed in there yet."""
    contexts: list[BrowserContext] = []

    async def open_one(**options: Any) -> ChatPage:
        context = await browser.new_context(**(DESKTOP | options))
        contexts.append(context)
        page = await context.new_page()
        page.on("console", lambda message: watch.hear(message))  # noqa: PLW0108 - Playwright marks what it is given
        page.on("pageerror", lambda error: watch.complaints.append(str(error)))
        return ChatPage(page, stack.url)

    yield open_one
    for context in contexts:
        await context.close()


@pytest.fixture
def name() -> str:
    """A reader nobody else is."""
    return f"Reader {uuid4().hex[:8]}"


@pytest.fixture
async def chat(open_page: OpenPage, name: str) -> ChatPage:
    """The page, signed in."""
    opened = await open_page()
    await opened.sign_in(name)
    return opened


@pytest.fixture
async def client(stack: Stack, name: str) -> AsyncIterator[AsyncOpenAI]:
    """The same reader through the SDK, to prepare and to look behind the page."""
    async with AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=stack.token(name), max_retries=0) as sdk:
        yield sdk
