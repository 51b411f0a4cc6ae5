"""API keys: made, shown once, used and revoked."""

import re

import pytest
from playwright.async_api import Locator, Page, expect

from tests.browser.chat_page import ChatPage
from tests.browser.conftest import OpenPage, Watch
from tests.browser.test_access import PHONE, faults

STATUS = "key => fetch('/v1/models', {headers: {authorization: `Bearer ${key}`}}).then(answer => answer.status)"


async def open_keys(chat: ChatPage, name: str) -> Locator:
    await chat.page.get_by_role("button", name=name).click()
    await chat.page.get_by_role("menuitem", name="API keys").click()
    dialog = chat.page.get_by_role("dialog", name="API keys", exact=True)
    await expect(dialog).to_be_visible()
    return dialog


async def make_key(chat: ChatPage, key_name: str) -> str:
    """The secret."""
    await chat.button("Create key").click()
    await expect(chat.page.get_by_label("Name")).to_be_focused()
    assert await faults(chat.page) == []
    await chat.page.keyboard.type(key_name)
    await chat.page.get_by_label("Expires").select_option("In 30 days")
    await chat.page.get_by_label("Name").press("Enter")
    return await chat.page.get_by_role("textbox", name="API key").input_value()


async def status_with(page: Page, key: str) -> int:
    return await page.evaluate(STATUS, key)


async def test_a_key_works_until_it_is_revoked_and_its_secret_is_shown_once(chat: ChatPage, name: str, watch: Watch):
    await chat.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    dialog = await open_keys(chat, name)
    await expect(dialog).to_contain_text("You have no keys yet.")
    await expect(dialog).to_contain_text(f"{chat.url}/v1")
    secret = await make_key(chat, "laptop")
    await chat.button("Copy key").click()
    await expect(chat.button("Copied")).to_be_visible()

    assert await chat.page.evaluate("navigator.clipboard.readText()") == secret
    assert await status_with(chat.page, secret) == 200

    await chat.button("Done").click()
    row = dialog.get_by_role("listitem")
    await expect(row).to_contain_text(re.compile(r"laptop.*sk-parley-.*Created.*Last used today.*Expires in 30 days"))
    await expect(row).to_contain_text(secret[-4:])
    assert secret not in await chat.page.content()
    await chat.button("Revoke “laptop”").click()
    await expect(chat.button("Cancel")).to_be_focused()
    await chat.page.keyboard.press("Enter")
    await expect(chat.button("Revoke “laptop”")).to_be_focused()
    await chat.page.keyboard.press("Enter")
    await chat.button("Revoke").click()
    await expect(dialog).to_contain_text("You have no keys yet.")

    watch.expected.append("401")
    assert await status_with(chat.page, secret) == 401
    await chat.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await expect(chat.page.get_by_role("button", name=name)).to_be_focused()


@pytest.mark.parametrize(
    "options", [{"color_scheme": "light"}, {"color_scheme": "dark", **PHONE}], ids=["light", "phone"]
)
async def test_axe_finds_nothing_in_the_dialog_of_keys(open_page: OpenPage, name: str, options: dict[str, object]):
    chat = await open_page(**options)
    await chat.sign_in(name)
    if "is_mobile" in options:
        await chat.button("Open sidebar").click()
    dialog = await open_keys(chat, name)
    await expect(dialog).to_contain_text("You have no keys yet.")
    assert await faults(chat.page) == []
    await make_key(chat, "a phone far away")
    assert await faults(chat.page) == []
    await chat.button("Done").click()
    await chat.button("Revoke “a phone far away”").click()
    await expect(chat.button("Cancel")).to_be_focused()
    assert await faults(chat.page) == []
    assert await chat.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
