"""From the items of a conversation to the prompt of its next turn."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from parley.context.model import Entry, choose_window_start
from parley.conversations.model import (
    FunctionCall,
    FunctionCallOutput,
    Item,
    ItemContent,
    Message,
    Reasoning,
    Role,
)
from parley.models.model import TEMPLATE_TOKENS_IN_FRONT, TEMPLATE_TOKENS_PER_MESSAGE, Model

_INSTRUCTIONS = frozenset({Role.SYSTEM, Role.DEVELOPER})


def prompt_limit_tokens(model: Model, fixed_tokens: int = 0) -> int:
    """Tokens that a conversation may take of the model's context: a quarter is kept for the answer, and the room for what
    stands in every prompt beside it.

    It does not depend on the request's max_tokens, for a window that moved with it would miss the prefix cache.
    """
    return model.context_tokens - model.answer_tokens - TEMPLATE_TOKENS_IN_FRONT - fixed_tokens


def text_to_count(content: ItemContent) -> str:
    """All of an item that takes tokens."""
    match content:
        case Message():
            return content.text
        case FunctionCall(name=name, arguments=arguments):
            return f"{name}{arguments}"
        case FunctionCallOutput(output=output):
            return output
        case Reasoning():
            return ""  # it is in no prompt


def token_bound(text: str) -> int:
    """What `text` takes at most: byte-level tokenizers never make more tokens than there are bytes of UTF-8."""
    return len(text.encode())


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a conversation that is in the prompt: the items from `start` on, and the instructions before it."""

    items: Sequence[Item]
    entries: Sequence[Entry]
    start: int
    is_counted: bool

    @property
    def shown(self) -> list[Item]:
        return [item for item, entry in zip(self.items, self.entries, strict=True) if self._has(entry)]

    @property
    def tokens(self) -> int:
        """An upper bound of what they take, templates included."""
        return sum(entry.tokens for entry in self.entries if self._has(entry))

    def within(self, limit_tokens: int) -> "Window":
        """The same, moved on where it is over the limit. Raises: ContextLengthExceeded when the newest turn does not fit."""
        return replace(self, start=choose_window_start(self.entries, self.start, limit_tokens))

    def _has(self, entry: Entry) -> bool:
        return entry.is_pinned or entry.sequence >= self.start


def open_window(items: Sequence[Item], tokenizer: str, start: int) -> Window:
    """The window from `start` on. Items that `tokenizer` has not counted stand in it with their bound."""
    is_counted = all(item.tokenizer == tokenizer for item in items)
    return Window(items, [_entry(item, tokenizer) for item in items], start, is_counted)


def to_messages(contents: Sequence[ItemContent]) -> list[dict[str, Any]]:
    """OpenAI chat messages for an engine: one for each item, the calls of one answer joined to its message, no reasoning."""
    messages: list[dict[str, Any]] = []
    for content in contents:
        match content:
            case Message(role=Role.DEVELOPER):
                # Chat templates of open models know no developer; OpenAI calls it the system message of newer models.
                messages.append({"role": "system", "content": content.text})
            case Message():
                messages.append({"role": content.role.value, "content": content.text})
            case FunctionCall():
                _message_of_calls(messages)["tool_calls"].append(
                    {
                        "id": content.call_id,
                        "type": "function",
                        "function": {"name": content.name, "arguments": content.arguments},
                    }
                )
            case FunctionCallOutput():
                messages.append({"role": "tool", "tool_call_id": content.call_id, "content": content.output})
            case Reasoning():
                pass
    return messages


def _message_of_calls(messages: list[dict[str, Any]]) -> dict[str, Any]:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", [])
    return messages[-1]


def _entry(item: Item, tokenizer: str) -> Entry:
    is_counted = item.tokenizer == tokenizer and item.token_count is not None
    tokens = item.token_count if is_counted else token_bound(text_to_count(item.content))
    role = item.content.role if isinstance(item.content, Message) else None
    return Entry(
        sequence=item.sequence,
        tokens=(tokens or 0) + TEMPLATE_TOKENS_PER_MESSAGE,
        is_pinned=role in _INSTRUCTIONS,
        starts_turn=role is Role.USER,
    )
