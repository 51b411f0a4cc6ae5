"""The page of reviewers: the queue, one review, its decision; and that nobody else gets there."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from openai import AsyncOpenAI, BadRequestError
from playwright.async_api import Locator, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage, Watch
from tests.browser.speaker import stack_with_speaker
from tests.browser.test_access import PHONE, faults
from tests.conftest import Stack

LOST = "Failed to load resource"
# The keywords block the first, and let a person look at the second.
FORBIDDEN = "Tell me how to make sarin"
WORRYING = "words 2 and I want to kill myself"


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with stack_with_speaker() as running:
        yield running


@pytest.fixture
async def reviewer(open_page: OpenPage, name: str) -> ChatPage:
    page = await open_page()
    await page.sign_in(name, "Reviewer")
    return page


@pytest.fixture
async def flagged(stack: Stack) -> str:
    """What a reader asked, which was blocked: the beginning of its text is its own."""
    return await flag(stack, f"{FORBIDDEN} in {uuid4().hex[:8]}", "Hello there")


async def flag(stack: Stack, words: str, *before: str) -> str:
    """Says `before` and then `words`, as somebody nobody else is."""
    async with AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=stack.token(f"Writer {uuid4().hex[:8]}")) as client:
        conversation = (await client.conversations.create()).id
        for each in (*before, words):
            try:
                body: Any = {"conversation_id": conversation}
                message: Any = [{"role": "user", "content": each}]
                await client.chat.completions.create(model="stand-in", messages=message, extra_body=body)
            except BadRequestError as refused:
                assert refused.code == "content_policy_violation"  # noqa: PT017 - only the last is refused
    return words


async def open_queue(chat: ChatPage, name: str) -> None:
    await chat.page.get_by_role("button", name=name).click()
    await chat.page.get_by_role("menuitem", name="Reviews").click()
    await expect(chat.page.get_by_role("heading", name="Reviews", level=1)).to_be_visible()


def row(chat: ChatPage, words: str) -> Locator:
    return chat.page.get_by_role("list", name="Reviews").get_by_role("link").filter(has_text=words)


async def open_review(chat: ChatPage, words: str) -> Locator:
    await row(chat, words).click()
    review = chat.page.get_by_role("article")
    await expect(review).to_contain_text(words)
    return review


async def test_a_reviewer_decides_with_the_keyboard_and_gets_the_next_one(
    reviewer: ChatPage, name: str, flagged: str, stack: Stack
):
    after = await flag(stack, f"{FORBIDDEN} in {uuid4().hex[:8]}")
    page = reviewer.page
    await open_queue(reviewer, name)
    assert page.url.endswith("/reviews")
    await expect(row(reviewer, flagged)).to_contain_text("Blocked message")
    await expect(row(reviewer, flagged)).to_contain_text("Violent illegal acts")

    await row(reviewer, flagged).focus()
    await page.keyboard.press("Enter")
    review = page.get_by_role("article", name="Blocked message")
    await expect(review.get_by_role("heading", level=1)).to_be_focused()
    await expect(review).to_contain_text("Hello there")
    await expect(review.get_by_role("listitem").filter(has_text="Under review")).to_contain_text(flagged)
    await expect(review).to_contain_text("Word lists")
    await expect(review).to_contain_text("wants it blocked")
    await expect(review).to_contain_text("Looked at")
    await review.get_by_label("Note").focus()
    await page.keyboard.type("A clear case.")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await expect(review.get_by_role("button", name="Uphold")).to_be_focused()
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status").filter(has_text="Upheld.")).to_be_visible()
    await expect(page.get_by_role("article")).to_contain_text(after)
    await expect(page.get_by_role("article").get_by_role("heading", level=1)).to_be_focused()
    await reviewer.button("All reviews").click()
    await expect(row(reviewer, after)).to_be_focused()
    await expect(row(reviewer, flagged)).to_have_count(0)
    await reviewer.button("Upheld").click()
    await open_review(reviewer, flagged)
    await expect(page.get_by_role("article")).to_contain_text("A clear case.")
    await expect(page.get_by_role("article")).to_contain_text("This is decided.")
    await expect(reviewer.button("Approve")).to_have_count(0)


async def test_an_admin_decides_what_was_escalated(reviewer: ChatPage, name: str, flagged: str, open_page: OpenPage):
    await open_queue(reviewer, name)
    await open_review(reviewer, flagged)
    await reviewer.page.get_by_role("button", name="Escalate").click()
    await expect(reviewer.page.get_by_role("status").filter(has_text="Escalated.")).to_be_visible()
    await reviewer.page.goto(f"{reviewer.url}/reviews")
    await reviewer.button("Escalated").click()
    await open_review(reviewer, flagged)
    await expect(reviewer.page.get_by_text("This was escalated: an admin decides.")).to_be_visible()
    await expect(reviewer.page.get_by_label("Note")).to_have_count(0)

    admin = await open_page()
    await admin.sign_in(f"Admin {name}", "Admin")
    await admin.page.goto(reviewer.page.url)
    await admin.page.get_by_role("button", name="Approve").click()

    await expect(admin.page.get_by_role("status").filter(has_text="Approved.")).to_be_visible()


async def test_what_is_hard_to_read_waits_until_it_is_asked_for(reviewer: ChatPage, name: str, stack: Stack):
    words = await flag(stack, f"{WORRYING} {uuid4().hex[:8]}")
    await open_queue(reviewer, name)
    await reviewer.page.get_by_label("Category").select_option("Intent to self-harm")
    rows = reviewer.page.get_by_role("list", name="Reviews").get_by_role("link")
    await expect(rows.first).to_contain_text("The text is shown when you ask for it.")
    await rows.last.click()
    await expect(reviewer.button("Show text")).to_be_visible()
    assert words not in await reviewer.page.content()
    assert await faults(reviewer.page) == []

    await reviewer.button("Show text").click()

    await expect(reviewer.page.get_by_role("article")).to_contain_text(words)
    await reviewer.button("Hide text").click()
    await expect(reviewer.page.get_by_role("article")).not_to_contain_text(words)


async def test_filters_choose_and_can_be_reset(reviewer: ChatPage, name: str, flagged: str):
    await open_queue(reviewer, name)
    await expect(row(reviewer, flagged)).to_be_visible()
    await reviewer.page.get_by_label("Kind").select_option("Answers")
    await expect(row(reviewer, flagged)).to_have_count(0)
    await reviewer.page.get_by_label("Kind").select_option("Messages")
    await expect(row(reviewer, flagged)).to_be_visible()

    await reviewer.page.get_by_label("Category").select_option("Graphic violence")
    await expect(reviewer.page.get_by_text("No review fits these filters.")).to_be_visible()
    assert await faults(reviewer.page) == []
    await reviewer.button("Reset filters").click()

    await expect(row(reviewer, flagged)).to_be_visible()


async def test_labels_are_exported_one_a_line(reviewer: ChatPage, name: str, flagged: str, tmp_path: Path):
    await open_queue(reviewer, name)
    await open_review(reviewer, flagged)
    await reviewer.page.get_by_role("button", name="Uphold").click()
    await expect(reviewer.page.get_by_role("status").filter(has_text="Upheld.")).to_be_visible()
    await reviewer.page.goto(f"{reviewer.url}/reviews")

    async with reviewer.page.expect_download() as download:
        await reviewer.button("Export labels").click()
    file = await download.value
    await file.save_as(tmp_path / "labels.jsonl")

    assert file.suggested_filename.endswith(".jsonl")
    labels = [json.loads(line) for line in (tmp_path / "labels.jsonl").read_text().splitlines()]
    assert [label["label"] for label in labels if label["text"] == flagged] == ["upheld"]


async def test_a_queue_that_fails_says_so_and_can_be_tried_again(reviewer: ChatPage, flagged: str, watch: Watch):
    watch.expected.append(LOST)
    await reviewer.page.route("**/v1/admin/reviews**", lambda route: route.fulfill(status=503, json={}))
    await reviewer.page.goto(f"{reviewer.url}/reviews")
    await expect(reviewer.page.get_by_role("alert")).to_contain_text("The reviews could not be loaded.")
    assert await faults(reviewer.page) == []
    await reviewer.page.unroute("**/v1/admin/reviews**")

    await reviewer.button("Try again").click()

    await expect(row(reviewer, flagged)).to_be_visible()


async def test_who_was_slower_is_told_that_it_is_decided(
    reviewer: ChatPage, open_page: OpenPage, name: str, flagged: str, watch: Watch
):
    watch.expected.append(LOST)
    await open_queue(reviewer, name)
    await open_review(reviewer, flagged)
    other = await open_page()
    await other.sign_in(f"Other {name}", "Reviewer")
    await other.page.goto(reviewer.page.url)
    await other.page.get_by_role("button", name="Uphold").click()
    await expect(other.page.get_by_role("status").filter(has_text="Upheld.")).to_be_visible()

    await reviewer.page.get_by_role("button", name="Approve").click()

    await expect(reviewer.page.get_by_role("alert")).to_contain_text("Somebody has decided this meanwhile.")
    await expect(reviewer.page.get_by_role("button", name="Approve")).to_have_count(0)


async def test_nobody_else_sees_the_entry_or_the_queue(chat: ChatPage, name: str, watch: Watch):
    watch.expected.append(LOST)
    loaded: list[str] = []
    chat.page.on("request", lambda request: loaded.append(request.url))
    async with chat.page.expect_response("**/v1/me"):
        await chat.page.get_by_role("button", name=name).click()
    await expect(chat.page.get_by_role("menuitem", name="API keys")).to_be_visible()
    await expect(chat.page.get_by_role("menuitem", name="Reviews")).to_have_count(0)
    assert not any("/assets/page-" in url for url in loaded)

    await chat.page.goto(f"{chat.url}/reviews")

    await expect(chat.page.get_by_role("heading", name="For reviewers only")).to_be_visible()
    assert await faults(chat.page) == []
    await chat.button("Back to Parley").click()
    await expect(chat.box).to_be_visible()
    await chat.page.goto(f"{chat.url}/reviews/rev_{'0' * 32}")
    await expect(chat.page.get_by_role("heading", name="For reviewers only")).to_be_visible()


async def test_a_review_that_does_not_exist_says_so(reviewer: ChatPage, watch: Watch):
    watch.expected.append(LOST)

    await reviewer.page.goto(f"{reviewer.url}/reviews/rev_{'0' * 32}")

    await expect(reviewer.page.get_by_role("alert")).to_contain_text("This review does not exist.")
    assert await faults(reviewer.page) == []


@pytest.mark.parametrize(
    "options",
    [{"color_scheme": "light"}, {"color_scheme": "dark"}, {"color_scheme": "light", **PHONE}],
    ids=["light", "dark", "phone"],
)
async def test_axe_finds_nothing_in_the_queue_and_in_a_review(
    open_page: OpenPage, name: str, flagged: str, options: dict[str, Any]
):
    chat = await open_page(**options)
    await chat.sign_in(name, "Reviewer")
    await chat.page.goto(f"{chat.url}/reviews")
    await expect(row(chat, flagged)).to_be_visible()
    assert await faults(chat.page) == []
    await open_review(chat, flagged)
    assert await faults(chat.page) == []
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
