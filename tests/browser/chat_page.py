"""The chat page as its reader uses it: by names one can read, never by structure."""

from dataclasses import dataclass

from playwright.async_api import Locator, Page, expect

# The small engine shares two cores with everything else.
ANSWER_MS = 60_000


@dataclass(frozen=True, slots=True)
class ChatPage:
    page: Page
    url: str

    @property
    def box(self) -> Locator:
        return self.page.get_by_role("textbox", name="Message", exact=True)

    @property
    def answers(self) -> Locator:
        return self.page.get_by_role("article", name="Parley said")

    @property
    def questions(self) -> Locator:
        return self.page.get_by_role("article", name="You said")

    @property
    def conversations(self) -> Locator:
        return self.page.get_by_role("navigation", name="Conversations").get_by_role("listitem")

    @property
    def stop_button(self) -> Locator:
        return self.page.get_by_role("button", name="Stop answer")

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    async def sign_in(self, name: str, role: str | None = None) -> None:
        """Through the local form, as a newcomer would; `role` is one that the form offers."""
        await self.page.goto(self.url)
        await self.button("Sign in").click()
        await self.page.get_by_label("Name").fill(name)
        if role:
            await self.page.get_by_text("Roles", exact=True).click()
            await self.page.get_by_label(role).check()
        await self.button("Continue").click()
        await expect(self.box).to_be_visible()
        await expect(self.page.get_by_role("heading", level=1)).to_contain_text(name.split(maxsplit=1)[0])

    async def send(self, words: str) -> None:
        await self.box.fill(words)
        await self.box.press("Enter")

    async def settled(self) -> None:
        """Waits until no answer is being written."""
        await expect(self.stop_button).to_have_count(0, timeout=ANSWER_MS)
        await expect(self.page.locator("[aria-busy=true]")).to_have_count(0, timeout=ANSWER_MS)

    async def ask(self, words: str) -> str:
        """The answer, whole."""
        count = await self.answers.count()
        await self.send(words)
        await expect(self.answers).to_have_count(count + 1)
        await self.settled()
        return await self.said()

    async def ask_briefly(self, words: str) -> str:
        """The answer, stopped after its first words: a small model rambles."""
        count = await self.answers.count()
        await self.send(words)
        await expect(self.answers).to_have_count(count + 1)
        await self.stop()
        return await self.said()

    async def stop(self) -> None:
        """Stops the answer once it has begun to speak; one that ended meanwhile is as good."""
        await self.speaking()
        if await self.stop_button.count():
            await self.page.keyboard.press("Escape")
        await self.settled()

    async def said(self) -> str:
        """What the last answer says, without the buttons under it."""
        return await self.answers.last.locator(".prose").inner_text()

    async def speaking(self) -> None:
        """Waits until the answer's first words are there."""
        await expect(self.answers.last.locator(".prose")).not_to_be_empty(timeout=ANSWER_MS)

    async def choose(self, conversation: str, action: str) -> None:
        """Takes an entry of a conversation's menu."""
        row = self.conversations.filter(has_text=conversation)
        await row.hover()
        await row.get_by_role("button", name="More for").click()
        await self.page.get_by_role("menuitem", name=action).click()
