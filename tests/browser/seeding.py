"""Conversations made through the API, for tests that look at what a small model would never say."""

from collections.abc import Iterator, Sequence
from typing import Any

from openai import AsyncOpenAI

# The most the API takes at once.
BATCH = 20


def exchange(question: str, answer: str) -> list[dict[str, Any]]:
    return [
        {"type": "message", "role": "user", "content": question},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": answer}]},
    ]


def many_exchanges(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield from exchange(f"Question {number}", f"Answer {number}, in **two** lines.\n\n- a point\n- another point")


async def make_conversation(client: AsyncOpenAI, title: str, items: Sequence[dict[str, Any]]) -> str:
    """The new conversation's id."""
    made = await client.conversations.create(extra_body={"title": title})
    for start in range(0, len(items), BATCH):
        await client.conversations.items.create(made.id, items=items[start : start + BATCH])  # pyright: ignore[reportArgumentType]
    return made.id
