"""Signing in, staying in, and leaving."""

from playwright.async_api import expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage


async def test_signing_out_leaves_nothing_behind(chat: ChatPage, name: str):
    await chat.box.fill("a private thought")
    await chat.page.get_by_role("button", name=name).click()
    await chat.page.get_by_role("menuitem", name="Sign out").click()
    await expect(chat.button("Sign in")).to_be_visible()

    await chat.page.reload()

    await expect(chat.button("Sign in")).to_be_visible()
    assert "private" not in await chat.page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")


async def test_tokens_are_kept_nowhere_but_in_memory(chat: ChatPage):
    stored = await chat.page.evaluate("JSON.stringify(localStorage) + JSON.stringify(sessionStorage)")
    cookies = await chat.page.context.cookies()

    assert "eyJ" not in stored
    assert "access_token" not in stored
    assert all(cookie.get("httpOnly") for cookie in cookies)


async def test_a_link_to_a_conversation_survives_signing_in(open_page: OpenPage, chat: ChatPage, name: str):
    await chat.ask_briefly("Say hello.")
    address = chat.page.url
    elsewhere = await open_page()

    await elsewhere.page.goto(address)
    await elsewhere.button("Sign in").click()
    await elsewhere.page.get_by_label("Name").fill(name)
    await elsewhere.button("Continue").click()

    await expect(elsewhere.questions).to_contain_text("Say hello.")
    assert elsewhere.page.url == address


async def test_the_chosen_theme_stays(chat: ChatPage, name: str):
    await chat.page.get_by_role("button", name=name).click()
    await chat.page.get_by_role("menuitemradio", name="Dark").click()

    await chat.page.reload()

    await expect(chat.box).to_be_visible()
    background = await chat.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == "rgb(28, 28, 27)"
