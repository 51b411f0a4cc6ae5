"""For everybody: without a mouse, on a phone, without seeing."""

from pathlib import Path
from typing import Any

import pytest
from openai import AsyncOpenAI
from playwright.async_api import Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage
from tests.browser.seeding import exchange, make_conversation

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
ANSWER = (
    "# Title\n\nA [link](https://example.com) and `code`.\n\n```python\nx = 'y'  # note\n```\n\n|a|b|\n|-|-|\n|1|2|\n"
)
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


async def faults(page: Page) -> list[str]:
    """What axe-core finds on the page as it stands."""
    await page.evaluate(AXE.read_text())
    # Animations in flight are measured half transparent.
    await page.evaluate(
        "Promise.all(document.getAnimations().filter(a => a.effect.getTiming().iterations === 1).map(a => a.finished))"
    )
    found = await page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [f"{fault['id']}: {node['html']}" for fault in found["violations"] for node in fault["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_axe_finds_nothing(open_page: OpenPage, client: AsyncOpenAI, name: str, scheme: str):
    chat = await open_page(color_scheme=scheme)
    await chat.page.goto(chat.url)
    await expect(chat.button("Sign in")).to_be_visible()
    assert await faults(chat.page) == []
    conversation = await make_conversation(client, "Formats", exchange("Show me.", ANSWER))
    await chat.sign_in(name)
    await expect(chat.conversations).to_have_count(1)
    assert await faults(chat.page) == []

    await chat.page.goto(f"{chat.url}/c/{conversation}")
    await expect(chat.page.locator(".hljs-string")).to_be_visible()
    assert await faults(chat.page) == []
    await chat.page.get_by_role("button", name=name).click()
    assert await faults(chat.page) == []
    await chat.page.keyboard.press("Escape")
    await chat.page.keyboard.press("Control+/")
    await expect(chat.page.get_by_role("dialog")).to_be_visible()
    assert await faults(chat.page) == []
    await chat.page.keyboard.press("Escape")
    await chat.choose("Formats", "Delete")
    await expect(chat.button("Undo")).to_be_visible()
    assert await faults(chat.page) == []


async def test_the_keyboard_alone_is_enough(chat: ChatPage):
    page = chat.page
    await expect(chat.box).to_be_focused()
    await page.keyboard.type("Say hello.")
    await page.keyboard.press("Shift+Enter")
    await page.keyboard.type("Twice.")
    await expect(chat.box).to_have_value("Say hello.\nTwice.")
    await page.keyboard.press("Enter")
    await expect(chat.answers).to_have_count(1)
    await chat.stop()

    await page.keyboard.press("Control+Shift+O")
    await expect(chat.answers).to_have_count(0)
    await expect(chat.box).to_be_focused()
    await page.keyboard.type("Tell me a very long story about the sea.")
    await page.keyboard.press("Enter")
    await chat.speaking()
    await page.keyboard.press("Escape")
    await chat.settled()
    await expect(chat.answers.last).to_contain_text("You stopped this answer.")

    more = page.get_by_role("button", name="More for “Say hello.")
    await more.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    await page.keyboard.press("ArrowDown")
    await expect(page.get_by_role("menuitem", name="Delete")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(more).to_be_focused()
    await page.keyboard.press("Control+/")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


async def test_an_answer_is_read_out_when_it_is_complete(chat: ChatPage):
    answer = await chat.ask_briefly("Say hello.")

    spoken = await chat.page.locator("[aria-live=polite]").inner_text()
    assert spoken.startswith("Answer complete.")
    assert answer.split()[0] in spoken


async def test_a_phone_shows_all_of_it_without_scrolling_sideways(open_page: OpenPage, name: str, client: AsyncOpenAI):
    wide = "```\n" + "x" * 300 + "\n```\n\n|" + "a column|" * 12 + "\n|" + "-|" * 12 + "\n"
    await make_conversation(client, "Wide", exchange("word" * 100, wide))
    chat = await open_page(**PHONE)
    await chat.sign_in(name)
    drawer = chat.page.get_by_role("navigation", name="Conversations")
    await expect(drawer).to_be_hidden()

    await chat.button("Open sidebar").click()
    await expect(drawer).to_be_visible()
    assert await faults(chat.page) == []
    await chat.page.get_by_role("link", name="Wide").click()

    await expect(drawer).to_be_hidden()
    await expect(chat.questions).to_have_count(1)
    assert await chat.page.evaluate("document.documentElement.scrollWidth") == 390
    assert await faults(chat.page) == []
    await chat.box.fill("Say hello.")
    await chat.button("Send message").click()
    await expect(chat.answers).to_have_count(2)
    await chat.stop()
