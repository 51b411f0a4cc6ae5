"""Answers that survive: a reload, another tab, a lost line, a stop, an engine that breaks off.

Before an engine that says what it is told, word by word: `words 40 every 0.1`.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI
from playwright.async_api import Page, Request, Route, expect

from local.state import running_state
from tests.browser.chat_page import ANSWER_MS, ChatPage
from tests.browser.conftest import OpenPage, Watch
from tests.browser.speaker import THOUGHTS, TITLE, stack_with_speaker
from tests.browser.test_access import PHONE, faults
from tests.conftest import Stack

SLOWLY = "words 40 every 0.1"
WHOLE = " ".join(f"w{index}" for index in range(40))
# What browsers log of a line that was cut or refused.
LOST = "Failed to load resource"


@pytest.fixture(scope="module")
async def stack() -> AsyncIterator[Stack]:
    async with stack_with_speaker() as running:
        yield running


@pytest.fixture
def asked(chat: ChatPage) -> list[Request]:
    """Every question that the page sends."""
    requests: list[Request] = []
    chat.page.on("request", lambda request: requests.append(request) if _is_question(request) else None)
    return requests


def _is_question(request: Request) -> bool:
    return request.method == "POST" and request.url.endswith("/v1/chat/completions")


async def watch_words(page: Page) -> None:
    """Notes from now on every text that the last answer shows."""
    await page.evaluate(
        """() => {
          window.seen = [];
          const look = () => {
            const prose = [...document.querySelectorAll("article.answer")].at(-1)?.querySelector(".prose");
            const text = (prose?.textContent ?? "").trim();
            if (text !== window.seen.at(-1)) window.seen.push(text);
          };
          new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
          look();
        }"""
    )


async def words_seen(page: Page) -> list[str]:
    return [text for text in await page.evaluate("window.seen") if text]


def only_grew(seen: list[str]) -> bool:
    return all(later.startswith(earlier) for earlier, later in itertools.pairwise(seen))


def kill_gateway(stack: Stack) -> None:
    """The process in which this stack's functions run; its supervisor starts another."""
    state = running_state(stack.home)
    assert state is not None
    mark = next(part.mark for part in state.parts if part.name == "gateway")
    process = mark.process() if mark else None
    assert process is not None
    process.kill()


async def stored(client: AsyncOpenAI, chat: ChatPage) -> list[tuple[str, str]]:
    """Role and text of every message that the server keeps of the open conversation."""
    conversation = chat.page.url.rpartition("/")[2]
    page: Any = await client.conversations.items.list(conversation, order="asc")
    return [(item.role, item.content[0].text.strip()) for item in page.data if item.type == "message"]


async def says(chat: ChatPage, word: str) -> None:
    await expect(chat.answers.last.locator(".prose")).to_contain_text(word, timeout=20_000)


async def test_a_reload_shows_the_answer_going_on_word_by_word(chat: ChatPage, client: AsyncOpenAI):
    await chat.send(SLOWLY)
    await says(chat, "w5")
    lists: list[str] = []

    await chat.page.reload()
    chat.page.on("request", lambda request: lists.append(request.url) if "/items" in request.url else None)
    await says(chat, "w5")
    await watch_words(chat.page)
    await chat.settled()

    seen = await words_seen(chat.page)
    assert only_grew(seen)
    assert len(seen) >= 10
    assert await chat.said() == WHOLE
    assert await stored(client, chat) == [("user", SLOWLY), ("assistant", WHOLE)]
    assert len(lists) <= 1
    await expect(chat.answers).to_have_count(1)


async def test_another_tab_shows_the_answer_as_it_comes(chat: ChatPage):
    await chat.ask("words 1")
    tab = ChatPage(await chat.page.context.new_page(), chat.url)
    await tab.page.goto(chat.page.url)
    await expect(tab.answers).to_have_count(1)

    await chat.send(SLOWLY)

    await says(tab, "w3")
    await watch_words(tab.page)
    await tab.settled()
    assert len(await words_seen(tab.page)) >= 10
    assert await tab.said() == WHOLE
    await expect(tab.questions).to_have_count(2)


async def test_another_device_may_stop_the_answer(chat: ChatPage, open_page: OpenPage, name: str):
    await chat.send(SLOWLY)
    await says(chat, "w3")
    device = await open_page()
    await device.sign_in(name)
    await device.page.goto(chat.page.url)
    await says(device, "w3")

    await device.page.keyboard.press("Escape")

    await device.settled()
    await chat.settled()
    for page in (chat, device):
        await expect(page.answers.last).to_contain_text("You stopped this answer.")
    assert await chat.said() == await device.said()


async def test_a_lost_line_doubles_and_loses_nothing(
    chat: ChatPage, client: AsyncOpenAI, watch: Watch, asked: list[Request]
):
    watch.expected.append(LOST)
    resumed: list[str] = []
    chat.page.on("request", lambda request: resumed.append(request.url) if "stream=true" in request.url else None)
    await chat.send(SLOWLY)
    await says(chat, "w5")
    await watch_words(chat.page)

    await chat.page.context.set_offline(True)
    await expect(chat.answers.last).to_contain_text("reconnecting")
    await says(chat, "w5")
    await chat.page.context.set_offline(False)
    await says(chat, "w15")
    await chat.page.context.set_offline(True)
    await expect(chat.answers.last).to_contain_text("reconnecting")
    await chat.page.context.set_offline(False)
    await chat.settled()

    assert only_grew(await words_seen(chat.page))
    assert await chat.said() == WHOLE
    assert await stored(client, chat) == [("user", SLOWLY), ("assistant", WHOLE)]
    assert len(asked) == 1
    assert "starting_after" not in resumed[0]
    assert "starting_after" in resumed[-1]
    await expect(chat.answers.last).not_to_contain_text("cut off")


async def test_an_answer_that_ended_while_the_reader_was_away_is_whole(chat: ChatPage, watch: Watch):
    watch.expected.append(LOST)
    await chat.send("words 10 every 0.1")
    await says(chat, "w2")

    await chat.page.context.set_offline(True)
    await asyncio.sleep(2)
    await chat.page.context.set_offline(False)

    await chat.settled()
    assert await chat.said() == " ".join(f"w{index}" for index in range(10))


async def test_a_stream_that_is_refused_is_looked_for_among_the_messages(chat: ChatPage, watch: Watch):
    watch.expected.append(LOST)
    refusal = {"error": {"message": "", "code": "storage_unavailable"}}
    await chat.page.route("**/v1/responses/*?*", lambda route: route.fulfill(status=503, json=refusal))
    await chat.send("words 20 every 0.1")
    await says(chat, "w2")

    await chat.page.reload()
    await expect(chat.answers.last).to_contain_text("reconnecting")

    await chat.settled()
    assert await chat.said() == " ".join(f"w{index}" for index in range(20))


async def test_stop_works_after_a_reload(chat: ChatPage, client: AsyncOpenAI):
    await chat.send(SLOWLY)
    await says(chat, "w3")
    await chat.page.reload()
    await says(chat, "w5")

    await chat.stop_button.click()
    await chat.settled()

    await expect(chat.answers.last).to_contain_text("You stopped this answer.")
    said = await chat.said()
    assert said != WHOLE
    assert await stored(client, chat) == [("user", SLOWLY), ("assistant", said)]
    await chat.answers.last.get_by_role("button", name="Try again").first.click()
    await says(chat, "w3")
    await expect(chat.questions).to_have_count(1)
    await chat.stop()


@pytest.mark.parametrize(
    ("order", "sentence"),
    [("cut 8 every 0.05", "cut off before its end"), ("long 8", "longest length")],
    ids=["broken", "length"],
)
async def test_an_incomplete_answer_can_be_continued(chat: ChatPage, client: AsyncOpenAI, order: str, sentence: str):
    await chat.send(order)
    await expect(chat.answers.last).to_contain_text(sentence)
    said = await chat.said()
    assert said.startswith("w0 w1")

    await chat.page.reload()
    await expect(chat.answers.last).to_contain_text(sentence)
    assert await chat.said() == said
    assert await faults(chat.page) == []
    await chat.button("Continue").focus()
    await chat.page.keyboard.press("Enter")

    await expect(chat.answers).to_have_count(2)
    await chat.settled()
    assert await chat.said() == "w0 w1 w2"
    await expect(chat.button("Continue")).to_have_count(0)
    roles = [role for role, _ in await stored(client, chat)]
    assert roles == ["user", "assistant", "user", "assistant"]


async def test_a_killed_server_costs_no_word_that_was_kept_and_the_answer_can_be_continued(
    chat: ChatPage, client: AsyncOpenAI, stack: Stack, watch: Watch
):
    watch.expected.append(LOST)
    watch.expected.append("net::ERR")
    await chat.send(SLOWLY)
    await says(chat, "w10")

    kill_gateway(stack)

    await expect(chat.answers.last).to_contain_text("reconnecting")
    await says(chat, "w10")
    await expect(chat.answers.last).to_contain_text("cut off before its end", timeout=ANSWER_MS)
    said = await chat.said()
    assert said.startswith("w0 w1 w2 w3 w4 w5")
    assert await stored(client, chat) == [("user", SLOWLY), ("assistant", said)]
    await chat.button("Continue").click()
    await expect(chat.answers).to_have_count(2)
    await chat.settled()
    assert await chat.said() == "w0 w1 w2"


async def test_an_answer_lost_on_its_way_is_not_asked_for_twice(
    chat: ChatPage, client: AsyncOpenAI, watch: Watch, asked: list[Request]
):
    watch.expected.append(LOST)

    async def lose_once(route: Route) -> None:
        if len(asked) == 1:
            await route.fetch()  # the server hears it, and its answer never arrives
            await route.abort()
        else:
            await route.continue_()

    await chat.page.route("**/v1/chat/completions", lose_once)
    await chat.send("words 5")

    await says(chat, "w4")
    await chat.settled()
    assert await stored(client, chat) == [("user", "words 5"), ("assistant", "w0 w1 w2 w3 w4")]
    keys = {await request.header_value("idempotency-key") for request in asked}
    assert len(asked) == 2
    assert len(keys) == 1
    assert None not in keys
    await chat.ask("words 5")
    assert await asked[-1].header_value("idempotency-key") not in keys


async def test_what_was_given_back_and_is_sent_again_is_the_same_request(
    chat: ChatPage, client: AsyncOpenAI, watch: Watch, asked: list[Request]
):
    await chat.ask("words 1")
    watch.expected.append(LOST)
    asked.clear()
    await chat.page.route("**/v1/chat/completions", lambda route: route.abort())
    await chat.send("words 3")
    await expect(chat.page.get_by_role("alert")).to_contain_text("could not be sent", timeout=20_000)
    await expect(chat.box).to_have_value("words 3")
    await chat.page.unroute("**/v1/chat/completions")

    await chat.page.get_by_role("alert").get_by_role("button", name="Try again").click()

    await expect(chat.answers).to_have_count(2)
    await chat.settled()
    assert len({await request.header_value("idempotency-key") for request in asked}) == 1
    assert len(await stored(client, chat)) == 4


async def test_a_question_to_an_engine_that_is_away_stays_once_and_can_be_asked_again(
    chat: ChatPage, client: AsyncOpenAI, watch: Watch, asked: list[Request]
):
    watch.expected.append(LOST)
    await chat.send("status 500")

    await expect(chat.page.get_by_text("No answer came to this message.")).to_be_visible(timeout=20_000)
    assert len(asked) > 1
    assert await stored(client, chat) == [("user", "status 500")]
    await chat.page.reload()
    await expect(chat.page.get_by_text("No answer came to this message.")).to_be_visible()
    assert await faults(chat.page) == []

    await chat.box.press("ArrowUp")
    await chat.send("words 2")
    await says(chat, "w1")
    await chat.settled()
    assert await stored(client, chat) == [("user", "words 2"), ("assistant", "w0 w1")]


@pytest.mark.parametrize("options", [{}, {**PHONE, "color_scheme": "dark"}], ids=["desktop", "phone"])
async def test_thoughts_show_while_they_come_and_are_folded_away_then(
    open_page: OpenPage, name: str, options: dict[str, Any]
):
    chat = await open_page(**options)
    await chat.page.goto(chat.url)
    await chat.sign_in(name)
    await chat.box.fill("think 20 every 0.3")
    await chat.button("Send message").click()
    thought = chat.answers.last.get_by_role("region", name="Thought")
    await expect(thought).to_contain_text(THOUGHTS[0].strip())
    assert await faults(chat.page) == []

    await says(chat, "w1")
    await expect(thought).to_be_hidden()
    await chat.page.reload()
    await says(chat, "w3")
    await chat.stop_button.click()
    await chat.settled()

    for _ in range(2):
        await expect(thought).to_be_hidden()
        assert "w3" in await chat.said()
        await chat.answers.last.get_by_text("Thought", exact=True).focus()
        await chat.page.keyboard.press("Enter")
        await expect(thought).to_have_text("".join(THOUGHTS).strip())
        assert await faults(chat.page) == []
        await chat.page.reload()


async def test_the_title_that_the_server_gives_later_appears_by_itself(chat: ChatPage):
    await chat.ask("words 3")

    await expect(chat.conversations).to_contain_text(TITLE, timeout=15_000)
    await expect(chat.page).to_have_title(f"{TITLE} · Parley")
