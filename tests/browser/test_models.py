"""Several models on the page: which one answers next, and what the reader is told when another answers in its place."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from local.parts import temporary_home
from local.parts.ports import free_port
from local.parts.valkey import EmbeddedValkey
from local.state import running_state
from parley.kit.valkey import RedisCluster, open_valkey
from tests.browser.chat_page import ChatPage
from tests.browser.speaker import running_speaker
from tests.conftest import PARLEY, ROOT, Stack

CATALOGUE = """
default = "big"
[pools.quality]
dialect = "vllm"
url = "{url}"
[pools.fast]
dialect = "vllm"
url = "{url}"
[[models]]
name = "small"
pool = "fast"
context_tokens = 4096
[[models]]
name = "big"
pool = "quality"
context_tokens = 4096
fallbacks = ["small"]
"""


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    """A stack of its own whose catalogue has two pools, with one speaking engine behind both."""
    port = str(free_port())
    with temporary_home() as folder:
        async with running_speaker() as engine_url:
            catalogue = folder / "models.toml"
            catalogue.write_text(CATALOGUE.format(url=engine_url))
            environment = {**os.environ, "PARLEY_HOME": str(folder), "PORT": port, "MODELS_FILE": str(catalogue)}
            await asyncio.to_thread(_parley, environment, "up", "--detach")
            try:
                yield Stack(f"http://127.0.0.1:{port}", folder)
            finally:
                await asyncio.to_thread(_parley, environment, "down")


def _parley(environment: dict[str, str], *arguments: str) -> None:
    subprocess.run([PARLEY, *arguments], env=environment, cwd=ROOT, timeout=100, check=True, capture_output=True)


@pytest.fixture
async def valkey(stack: Stack) -> AsyncIterator[RedisCluster]:
    async with open_valkey(_valkey_url(stack.home), EmbeddedValkey(stack.home).password_file) as client:
        yield client
        await client.delete("pool:quality")


def _valkey_url(home: Path) -> str:
    state = running_state(home)
    assert state is not None
    return next(f"redis://127.0.0.1:{part.port}" for part in state.parts if part.name == "valkey")


async def test_the_stage_s_default_answers_first(chat: ChatPage) -> None:
    await chat.ask("words 3")

    await expect(chat.page.get_by_role("button", name="Model: big")).to_be_visible()
    await expect(chat.page.locator(".degraded")).to_have_count(0)


async def test_the_reader_is_told_when_another_model_answers(chat: ChatPage, valkey: RedisCluster) -> None:
    await valkey.set("pool:quality", '{"saturated": true, "reason": "queue"}', px=60_000)

    notices = chat.page.locator(".degraded")
    async with asyncio.timeout(20):  # a process keeps for a second what a pool said
        while not await notices.count():
            await chat.ask("words 3")

    await expect(notices).to_have_text("small answered: big has no room just now.")
    await expect(chat.page.get_by_role("button", name="Model: big")).to_be_visible()
