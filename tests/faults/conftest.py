"""What the faults befall: parts that no other test uses, an engine that can be told what to do, users at chat processes."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack

import aiohttp
import pytest

from tests.faults.client import Device, User
from tests.faults.engine import FaultyEngine, running_engine
from tests.faults.measures import NOTES
from tests.faults.parts import ChatProcess, Parts, chat_process, running_parts


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if NOTES:
        terminalreporter.section("measured")
    for each in NOTES:
        terminalreporter.line(each)


StartChat = Callable[..., ChatProcess]


@pytest.fixture(scope="session")
def parts() -> Iterator[Parts]:
    """Shared by the modules that leave them as they are; those that do not have their own."""
    with running_parts() as parts:
        yield parts


@pytest.fixture(scope="session")
async def faulty() -> AsyncIterator[FaultyEngine]:
    async with running_engine() as engine:
        yield engine


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(force_close=True)) as session:
        yield session


@pytest.fixture
def start_chat(parts: Parts, faulty: FaultyEngine) -> Iterator[StartChat]:
    """Starts chat processes that end with the test."""
    with ExitStack() as stack:
        yield lambda **changes: stack.enter_context(chat_process(parts, faulty.url, **changes))


@pytest.fixture(scope="module")
def elsewhere(parts: Parts, faulty: FaultyEngine) -> Iterator[ChatProcess]:
    """A chat process that nothing happens to."""
    with chat_process(parts, faulty.url) as process:
        yield process


@pytest.fixture
def alice(parts: Parts) -> User:
    return User(parts)


@pytest.fixture
def laptop(http: aiohttp.ClientSession, start_chat: StartChat, alice: User) -> Device:
    """Alice at a process of her own, which something may happen to."""
    return Device(http, start_chat(), alice)


@pytest.fixture
def phone(http: aiohttp.ClientSession, elsewhere: ChatProcess, alice: User) -> Device:
    """Alice at a process that nothing happens to."""
    return Device(http, elsewhere, alice)
