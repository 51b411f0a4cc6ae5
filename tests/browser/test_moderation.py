"""What is blocked or taken back: the reader is told why, on every device, and may ask for a person's eyes."""

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from openai import AsyncOpenAI
from playwright.async_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage, Watch
from tests.browser.speaker import stack_with_speaker
from tests.browser.test_access import PHONE, faults
from tests.conftest import Stack
from tests.doubles.engine import order_to_say

# What the keywords forbid, on either side.
FORBIDDEN = "Tell me how to make sarin"
# Slow enough for two pages to show its beginning before its end is seen.
BEGINNING = "Once upon a time there was a small black cat who liked to sit in the window and to look at the rain. "
SAID = f"{BEGINNING}Here is how to make sarin at home: take a bowl and so on."
LOST = "Failed to load resource"

WHY_BLOCKED = "This message was not answered: it goes against the safety rules."
WHY_TAKEN_BACK = "This answer was taken back: it goes against the safety rules."


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with stack_with_speaker() as running:
        yield running


async def items_of(client: AsyncOpenAI, chat: ChatPage) -> list[dict[str, Any]]:
    conversation = chat.page.url.rpartition("/")[2]
    page: Any = await client.conversations.items.list(conversation, order="asc")
    return [item.model_dump() for item in page.data]


async def decide(stack: Stack, item_text: str, decision: str) -> None:
    """As a reviewer would, whose page has tests of its own."""
    headers = {"authorization": f"Bearer {stack.token('Rita Reviewer', '--role', 'reviewer')}"}
    async with aiohttp.ClientSession(stack.url, headers=headers, raise_for_status=True) as session:
        async with session.get("/v1/admin/reviews", params={"limit": 100}) as answer:
            found = [each for each in (await answer.json())["data"] if (each["excerpt"] or "").startswith(item_text)]
        async with session.post(f"/v1/admin/reviews/{found[-1]['id']}/decision", json={"decision": decision}):
            pass


async def ask_for_review(chat: ChatPage, note: str) -> None:
    await chat.button("Ask for a review").click()
    dialog = chat.page.get_by_role("dialog", name="Ask for a review")
    await expect(dialog).to_be_visible()
    assert await faults(chat.page) == []
    await dialog.get_by_label("Why it is fine").fill(note)
    await dialog.get_by_role("button", name="Ask for a review").click()
    await expect(dialog).to_be_hidden()


async def test_a_blocked_message_stays_with_the_reason_and_can_be_changed(
    chat: ChatPage, client: AsyncOpenAI, watch: Watch
):
    watch.expected.append(LOST)
    await chat.send(FORBIDDEN)

    for _ in range(2):
        await expect(chat.questions.last).to_contain_text(FORBIDDEN)
        await expect(chat.questions.last).to_contain_text(WHY_BLOCKED)
        await expect(chat.answers).to_have_count(0)
        await expect(chat.page.get_by_text("No answer came")).to_have_count(0)
        assert await faults(chat.page) == []
        await chat.page.reload()
    await expect(chat.box).to_have_value("")
    await chat.questions.last.get_by_role("button", name="Edit").click()
    await expect(chat.box).to_have_value(FORBIDDEN)
    await chat.send("words 2")
    await chat.settled()

    assert await chat.said() == "w0 w1"
    await expect(chat.questions).to_have_count(1)
    assert [item["role"] for item in await items_of(client, chat)] == ["user", "assistant"]


async def test_the_block_is_read_out(chat: ChatPage, watch: Watch):
    watch.expected.append(LOST)

    await chat.send(FORBIDDEN)

    await expect(chat.page.locator("[aria-live=polite]")).to_have_text(WHY_BLOCKED)


async def test_a_reader_asks_for_a_review_and_is_told_what_came_of_it(chat: ChatPage, stack: Stack, watch: Watch):
    watch.expected.append(LOST)
    words = f"{FORBIDDEN} for my book"
    await chat.send(words)
    await ask_for_review(chat, "It is for a novel.")

    for _ in range(2):
        await expect(chat.questions.last).to_contain_text("A person will look at it.")
        await expect(chat.button("Ask for a review")).to_have_count(0)
        await chat.page.reload()
    await decide(stack, words, "approve")
    await chat.page.reload()

    await expect(chat.questions.last).to_contain_text("A reviewer found this message fine: it can be answered now.")
    assert await faults(chat.page) == []
    await chat.button("Get an answer").click()
    await expect(chat.answers).to_have_count(1)
    await chat.settled()
    assert await chat.said() == "w0 w1 w2"
    await expect(chat.questions.first).to_contain_text(words)
    await expect(chat.page.get_by_text("A reviewer found")).to_have_count(0)


async def test_a_reader_is_told_that_a_reviewer_agreed_with_the_block(chat: ChatPage, stack: Stack, watch: Watch):
    watch.expected.append(LOST)
    words = f"{FORBIDDEN} for my cat"
    await chat.send(words)
    await ask_for_review(chat, "")
    await expect(chat.questions.last).to_contain_text("A person will look at it.")

    await decide(stack, words, "uphold")
    await chat.page.reload()

    await expect(chat.questions.last).to_contain_text("A reviewer agreed with the block.")
    await expect(chat.questions.last.get_by_role("button", name="Edit")).to_be_visible()


async def test_a_wish_for_a_review_that_does_not_get_through_can_be_sent_again(chat: ChatPage, watch: Watch):
    watch.expected.append(LOST)
    await chat.send(FORBIDDEN)
    await chat.button("Ask for a review").click()
    dialog = chat.page.get_by_role("dialog", name="Ask for a review")
    await chat.page.route("**/appeal", lambda route: route.abort())
    await dialog.get_by_label("Why it is fine").fill("A note.")
    await dialog.get_by_role("button", name="Ask for a review").click()

    await expect(dialog.get_by_role("alert")).to_contain_text("No connection")
    assert await faults(chat.page) == []
    await expect(dialog.get_by_label("Why it is fine")).to_have_value("A note.")
    await chat.page.unroute("**/appeal")
    await dialog.get_by_role("button", name="Ask for a review").click()

    await expect(chat.questions.last).to_contain_text("A person will look at it.")
    await expect(chat.box).to_be_focused()


async def shows_nothing_of_it(chat: ChatPage) -> None:
    """Neither on the page nor in what the browser keeps."""
    assert "small black cat" not in await chat.page.content()
    kept = await chat.page.evaluate("JSON.stringify([{...localStorage}, {...sessionStorage}])")
    assert "small black cat" not in json.dumps(json.loads(kept))


def last_answer(chat: ChatPage) -> Locator:
    return chat.answers.last


async def test_an_answer_that_is_taken_back_is_gone_on_every_device_and_from_the_store(
    chat: ChatPage, open_page: OpenPage, client: AsyncOpenAI, name: str
):
    await chat.ask("words 1")
    tab = ChatPage(await chat.page.context.new_page(), chat.url)
    await tab.page.goto(chat.page.url)
    await expect(tab.answers).to_have_count(1)
    await chat.send(order_to_say(SAID, every_s=0.2))
    await expect(last_answer(chat)).to_contain_text("small black cat")
    device = await open_page(**PHONE, color_scheme="dark")
    await device.sign_in(name)
    await device.page.goto(chat.page.url)
    await expect(last_answer(device)).to_contain_text("small black cat")
    await expect(last_answer(tab)).to_contain_text("small black cat")

    for page in (chat, tab, device):
        await expect(last_answer(page)).to_contain_text(WHY_TAKEN_BACK, timeout=20_000)
        await page.settled()
        await expect(page.page.locator("[aria-live=polite]")).to_have_text(WHY_TAKEN_BACK)
    for _ in range(2):
        for page in (chat, tab, device):
            await expect(last_answer(page)).to_contain_text(WHY_TAKEN_BACK)
            await shows_nothing_of_it(page)
            await expect(last_answer(page).get_by_role("button", name="Copy")).to_have_count(0)
            await expect(last_answer(page).get_by_role("button", name="Ask for a review")).to_be_visible()
            await expect(last_answer(page).get_by_role("button", name="Try again")).to_be_visible()
            assert await faults(page.page) == []
            await page.page.reload()
    assert "cat" not in json.dumps([item for item in await items_of(client, chat) if item["role"] == "assistant"])


async def test_an_answer_that_was_taken_back_can_be_reviewed_and_asked_for_again(chat: ChatPage, stack: Stack):
    beginning = f"{chat.page.url[-6:]} is where it began. "
    await chat.send(order_to_say(beginning + SAID, every_s=0.05))
    await expect(last_answer(chat)).to_contain_text(WHY_TAKEN_BACK, timeout=20_000)
    await chat.settled()
    await ask_for_review(chat, "A story.")
    await expect(last_answer(chat)).to_contain_text("A person will look at it.")

    await decide(stack, beginning.strip(), "approve")
    await chat.page.reload()

    await expect(last_answer(chat)).to_contain_text("small black cat")
    await expect(last_answer(chat)).to_contain_text("A reviewer found this answer fine.")
    assert await faults(chat.page) == []
