"""Signing in, staying in, and leaving."""

from playwright.async_api import Route, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage, Watch


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


async def test_a_refused_token_is_renewed_without_asking(chat: ChatPage, watch: Watch):
    watch.expected.append("401")
    refused: list[str] = []

    async def refuse_once(route: Route) -> None:
        token = (await route.request.all_headers())["authorization"]
        if not refused:
            refused.append(token)
            await route.fulfill(status=401, json={"error": {"message": "", "code": "invalid_api_key"}})
        else:
            await route.continue_()

    await chat.page.route("**/v1/chat/completions", refuse_once)
    await chat.ask_briefly("Say hello.")

    assert refused
    await expect(chat.answers).to_have_count(1)


async def test_a_session_that_ended_asks_to_sign_in_and_keeps_what_was_typed(chat: ChatPage, name: str):
    await chat.box.fill("half a thought")
    await chat.page.context.clear_cookies()
    await chat.page.reload()
    await expect(chat.page.get_by_text("Your session has ended.")).to_be_visible()

    await chat.button("Sign in").click()
    await chat.page.get_by_label("Name").fill(name)
    await chat.button("Continue").click()

    await expect(chat.box).to_have_value("half a thought")


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
