"""The README's picture, made only when asked for: `PARLEY_SCREENSHOT=1 pytest tests/browser/test_screenshot.py`."""

import os
from pathlib import Path

import pytest
from openai import AsyncOpenAI
from playwright.async_api import expect

from tests.browser.conftest import OpenPage
from tests.browser.seeding import exchange, make_conversation

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "chat.png"
OTHERS = ("Names for a small black cat", "Why is the night sky dark?", "Weekly report", "Lentil soup for six")
ANSWER = """\
A queue puts **time** between those who ask and those who answer. A short burst does no harm.

| Broker | Order | Delivery |
|---|---|---|
| SQS | none, or by group | at least once |
| Kafka | by partition | at least once |

A worker that handles each message once it has room:

```python
async def work(queue: asyncio.Queue[str]) -> None:
    while True:
        message = await queue.get()
        await handle(message)
        queue.task_done()
```
"""


@pytest.fixture
def name() -> str:
    return "Ada Lovelace"


@pytest.mark.skipif(os.environ.get("PARLEY_SCREENSHOT") != "1", reason="PARLEY_SCREENSHOT=1 makes it")
async def test_the_picture_of_the_readme_shows_a_conversation(open_page: OpenPage, client: AsyncOpenAI, name: str):
    for title in OTHERS:
        await make_conversation(client, title, exchange("Hello", "Hello to you."))
    shown = await make_conversation(client, "What a queue is good for", exchange("What is a queue good for?", ANSWER))
    chat = await open_page(device_scale_factor=2)
    await chat.sign_in(name)

    await chat.page.goto(f"{chat.url}/c/{shown}")
    await expect(chat.page.locator(".hljs-keyword").first).to_be_visible()
    await expect(chat.page.get_by_role("button", name="Model:")).to_be_visible()

    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    await chat.page.screenshot(path=PICTURE)
