"""Asking, and what becomes of the answer."""

import asyncio

from openai import AsyncOpenAI
from playwright.async_api import Route, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import Watch
from tests.browser.seeding import exchange, make_conversation

STORY = "Tell me a very long story about the sea, with many chapters."


async def test_a_newcomer_signs_in_and_gets_an_answer(chat: ChatPage):
    answer = await chat.ask("Say hello.")

    assert answer.strip()
    # Under its first line, or the title that the model has given it meanwhile.
    await expect(chat.conversations).to_have_count(1)
    await expect(chat.box).to_have_value("")
    assert "/c/conv_" in chat.page.url


async def test_a_reload_keeps_the_reader_and_the_conversation(chat: ChatPage):
    answer = await chat.ask_briefly("Say hello.")

    await chat.page.reload()

    await expect(chat.answers).to_have_count(1)
    assert await chat.said() == answer
    await expect(chat.questions).to_contain_text("Say hello.")
    await expect(chat.button("Sign in")).to_have_count(0)


async def test_stopping_keeps_what_was_said(chat: ChatPage):
    await chat.send(STORY)
    await chat.speaking()
    await chat.stop_button.click()
    await chat.settled()
    kept = await chat.said()

    await chat.page.reload()

    await expect(chat.answers.last).to_contain_text("You stopped this answer.")
    assert kept.strip()
    assert await chat.said() == kept


async def test_an_answer_goes_on_through_a_reload(chat: ChatPage):
    await chat.send(STORY)
    await chat.speaking()

    await chat.page.reload()

    await chat.speaking()
    await chat.stop_button.click()
    await chat.settled()
    assert (await chat.said()).strip()


async def test_another_try_replaces_the_answer(chat: ChatPage):
    await chat.ask_briefly("Name a colour.")

    await chat.answers.last.hover()
    await chat.button("Try again").first.click()
    await chat.stop()

    await expect(chat.questions).to_have_count(1)
    await expect(chat.answers).to_have_count(1)
    await chat.page.reload()
    await expect(chat.answers).to_have_count(1)


async def test_editing_the_last_message_replaces_what_followed(chat: ChatPage):
    await chat.ask_briefly("Name a colour.")

    await chat.box.press("ArrowUp")
    await expect(chat.box).to_have_value("Name a colour.")
    await chat.send("Name a fruit.")
    await expect(chat.questions).to_contain_text("Name a fruit.")
    await chat.stop()

    await expect(chat.questions).to_have_count(1)
    await expect(chat.questions).to_contain_text("Name a fruit.")
    await chat.page.reload()
    await expect(chat.questions).to_have_count(1)
    await expect(chat.questions).to_contain_text("Name a fruit.")


async def test_text_returns_to_the_box_when_it_could_not_be_sent(chat: ChatPage, watch: Watch):
    watch.expected.append("Failed to load resource")
    await chat.page.route("**/v1/chat/completions", lambda route: route.abort())
    await chat.send("Something I thought about for long.")

    await expect(chat.answers.last).to_contain_text("Trying again")
    await expect(chat.page.get_by_role("alert")).to_contain_text("could not be sent", timeout=20_000)
    await expect(chat.box).to_have_value("Something I thought about for long.")
    await expect(chat.conversations).to_have_count(0)
    await chat.page.unroute("**/v1/chat/completions")
    await chat.button("Try again").click()
    await expect(chat.answers).to_have_count(1)
    await chat.stop()
    assert (await chat.said()).strip()


async def test_a_quick_reader_may_send_before_the_models_are_known(chat: ChatPage):
    sent = asyncio.Event()

    async def wait_until_sent(route: Route) -> None:
        await sent.wait()
        await route.continue_()

    await chat.page.route("**/v1/models", wait_until_sent)
    await chat.page.reload()
    await chat.send("Say hello.")
    await expect(chat.stop_button).to_be_visible()

    sent.set()

    await chat.stop()
    assert (await chat.said()).strip()


async def test_a_draft_survives_a_reload(chat: ChatPage):
    await chat.box.fill("half a thought")

    await chat.page.reload()

    await expect(chat.box).to_have_value("half a thought")


async def test_being_offline_is_said_and_passes_by_itself(chat: ChatPage):
    await chat.page.context.set_offline(True)
    notice = chat.page.get_by_text("You are offline")
    await expect(notice).to_be_visible()

    await chat.page.context.set_offline(False)

    await expect(notice).to_have_count(0)


async def test_an_answer_shows_markdown_and_loads_nothing_by_itself(chat: ChatPage, client: AsyncOpenAI):
    beacons: list[str] = []
    chat.page.on("request", lambda request: beacons.append(request.url) if "beacon" in request.url else None)
    answer = f"![picture]({chat.url}/beacon.png)\n\n```python\nprint('hi')\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    conversation = await make_conversation(client, "Formats", exchange("Show me.", answer))

    await chat.page.goto(f"{chat.url}/c/{conversation}")

    last = chat.answers.last
    await expect(last.get_by_role("link", name="picture")).to_be_visible()
    await expect(last.get_by_role("cell", name="2")).to_be_visible()
    await expect(last.locator(".hljs-string")).to_have_text("'hi'")
    await expect(last.get_by_text("Python", exact=True)).to_be_visible()
    await expect(last.locator("img")).to_have_count(0)
    assert beacons == []


async def test_code_is_copied_as_it_was_written(chat: ChatPage, client: AsyncOpenAI):
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    conversation = await make_conversation(client, "Code", exchange("Code?", "```python\nx = 1\n\ny = 2\n```"))
    await chat.page.goto(f"{chat.url}/c/{conversation}")

    await chat.button("Copy code").click()
    await expect(chat.button("Copied")).to_be_visible()

    assert await chat.page.evaluate("navigator.clipboard.readText()") == "x = 1\n\ny = 2"
