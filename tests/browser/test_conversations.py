"""The list at the side, and long conversations."""

import asyncio

import pytest
from openai import AsyncOpenAI, NotFoundError
from playwright.async_api import Route, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage, Watch
from tests.browser.seeding import exchange, make_conversation, many_exchanges

SHORT = exchange("Hello", "Hello to you.")


async def test_another_conversation_starts_empty_and_both_are_kept(chat: ChatPage):
    await chat.ask_briefly("Say one.")
    await chat.button("New chat").click()
    await expect(chat.answers).to_have_count(0)
    await chat.ask_briefly("Say two.")

    await expect(chat.conversations).to_have_count(2)
    await chat.page.get_by_role("link", name="Say one.").click()

    await expect(chat.questions).to_have_count(1)
    await expect(chat.questions).to_contain_text("Say one.")
    await chat.page.go_back()
    await expect(chat.questions).to_contain_text("Say two.")


async def test_a_new_title_stays(chat: ChatPage, client: AsyncOpenAI):
    await make_conversation(client, "Old title", SHORT)
    await chat.page.reload()

    await chat.choose("Old title", "Rename")
    await chat.page.get_by_role("textbox", name="Title of the chat").fill("New title")
    await chat.page.keyboard.press("Enter")

    await expect(chat.conversations).to_contain_text("New title")
    await chat.page.reload()
    await expect(chat.conversations).to_contain_text("New title")


async def test_a_delete_can_be_undone(chat: ChatPage, client: AsyncOpenAI):
    conversation = await make_conversation(client, "Precious", SHORT)
    await chat.page.goto(f"{chat.url}/c/{conversation}")

    await chat.choose("Precious", "Delete")
    await expect(chat.conversations).to_have_count(0)
    await chat.button("Undo").click()

    await expect(chat.conversations).to_contain_text("Precious")
    await expect(chat.questions).to_have_count(1)
    assert (await client.conversations.retrieve(conversation)).id == conversation


async def test_a_deleted_conversation_is_gone_when_the_note_goes(chat: ChatPage, client: AsyncOpenAI):
    conversation = await make_conversation(client, "Obsolete", SHORT)
    await chat.page.reload()
    await chat.choose("Obsolete", "Delete")

    async with chat.page.expect_response(lambda answer: answer.request.method == "DELETE"):
        await chat.button("Dismiss").click()

    with pytest.raises(NotFoundError):
        await client.conversations.retrieve(conversation)


async def test_leaving_the_page_does_not_bring_a_deleted_conversation_back(chat: ChatPage, client: AsyncOpenAI):
    await make_conversation(client, "Obsolete", SHORT)
    await make_conversation(client, "Kept", SHORT)
    await chat.page.reload()
    await chat.choose("Obsolete", "Delete")

    await chat.page.reload()

    await expect(chat.conversations).to_have_count(1)
    await expect(chat.conversations).to_contain_text("Kept")


async def test_search_narrows_the_list_by_title(chat: ChatPage, client: AsyncOpenAI):
    for title in ("Lentil soup", "Tax return", "Onion soup"):
        await make_conversation(client, title, SHORT)
    await chat.page.reload()
    await expect(chat.conversations).to_have_count(3)

    await chat.page.keyboard.press("Control+k")
    await chat.page.keyboard.type("SOUP")

    await expect(chat.conversations).to_have_count(2)
    await chat.page.keyboard.press("Escape")
    await expect(chat.conversations).to_have_count(3)


async def test_nobody_sees_anothers_conversation(
    chat: ChatPage, client: AsyncOpenAI, open_page: OpenPage, watch: Watch
):
    watch.expected.append("404")
    conversation = await make_conversation(client, "Private", SHORT)
    other = await open_page()
    await other.sign_in("Somebody Else")

    await other.page.goto(f"{chat.url}/c/{conversation}")

    await expect(other.page.get_by_role("alert")).to_contain_text("does not exist")
    await expect(other.questions).to_have_count(0)


async def test_a_long_conversation_mounts_its_end_and_earlier_messages_on_demand(chat: ChatPage, client: AsyncOpenAI):
    conversation = await make_conversation(client, "Long", list(many_exchanges(100)))

    await chat.page.goto(f"{chat.url}/c/{conversation}")

    await expect(chat.questions.last).to_contain_text("Question 99")
    await expect(chat.questions.last).to_be_in_viewport()
    assert await chat.questions.count() == 30
    await chat.page.get_by_role("region", name="Chat").hover()
    first = chat.page.get_by_text("Question 0", exact=True)
    while not await first.count():
        await chat.page.mouse.wheel(0, -4000)
        await chat.page.evaluate("new Promise(requestAnimationFrame)")
    assert await chat.questions.count() <= 90
    await chat.button("To the end").click()
    await expect(chat.questions.last).to_be_in_viewport()
    await expect(chat.questions.last).to_contain_text("Question 99")


async def test_what_one_reads_stays_in_place_when_earlier_messages_come(chat: ChatPage, client: AsyncOpenAI):
    conversation = await make_conversation(client, "Long", list(many_exchanges(80)))
    read = asyncio.Event()

    async def wait_for_reader(route: Route) -> None:
        await read.wait()
        await route.continue_()

    await chat.page.route("**/items?*after=*", wait_for_reader)
    await chat.page.goto(f"{chat.url}/c/{conversation}")
    anchor = chat.page.get_by_text("Question 51", exact=True)
    await anchor.scroll_into_view_if_needed()
    await expect(anchor).to_be_in_viewport()
    before = await anchor.bounding_box()

    read.set()
    await expect(chat.page.get_by_text("Question 45", exact=True)).to_have_count(1)

    after = await anchor.bounding_box()
    assert before
    assert after
    assert abs(before["y"] - after["y"]) <= 1
