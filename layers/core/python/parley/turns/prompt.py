"""From the items of a conversation to the prompt of its next turn."""

from collections.abc import Sequence
from typing import Any

from parley.context.model import Entry, choose_window_start
from parley.conversations.model import FunctionCall, FunctionCallOutput, Item, ItemContent, Message, Role
from parley.models.model import TEMPLATE_TOKENS_IN_FRONT, TEMPLATE_TOKENS_PER_MESSAGE, Model

_INSTRUCTIONS = frozenset({Role.SYSTEM, Role.DEVELOPER})


def prompt_limit_tokens(model: Model, tool_tokens: int = 0) -> int:
    """Tokens that a conversation may take of the model's context: a quarter is kept for the answer.

    It does not depend on the request's max_tokens, for a window that moved with it would miss the prefix cache.
    """
    return model.context_tokens - model.answer_tokens - TEMPLATE_TOKENS_IN_FRONT - tool_tokens


def text_to_count(content: ItemContent) -> str:
    """All of an item that takes tokens."""
    match content:
        case Message():
            return content.text
        case FunctionCall(name=name, arguments=arguments):
            return f"{name}{arguments}"
        case FunctionCallOutput(output=output):
            return output


def window_of(items: Sequence[Item], start: int, limit_tokens: int) -> tuple[int, list[Item]]:
    """Where the prompt's window starts, and the items in it; every item has its token count.

    Raises: ContextLengthExceeded when the newest turn does not fit.
    """
    new_start = choose_window_start([_entry(item) for item in items], start, limit_tokens)
    return new_start, [item for item in items if item.sequence >= new_start or _is_pinned(item)]


def prompt_tokens(window: Sequence[Item]) -> int:
    """An upper bound of what `window` takes in the prompt."""
    return TEMPLATE_TOKENS_IN_FRONT + sum(_entry(item).tokens for item in window)


def to_messages(contents: Sequence[ItemContent]) -> list[dict[str, Any]]:
    """OpenAI chat messages for an engine: one for each item, but the calls of one answer joined to its message."""
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
    return messages


def _message_of_calls(messages: list[dict[str, Any]]) -> dict[str, Any]:
    if not messages or messages[-1]["role"] != "assistant":
        messages.append({"role": "assistant", "content": None})
    messages[-1].setdefault("tool_calls", [])
    return messages[-1]


def _is_pinned(item: Item) -> bool:
    return isinstance(item.content, Message) and item.content.role in _INSTRUCTIONS


def _entry(item: Item) -> Entry:
    assert item.token_count is not None
    return Entry(
        sequence=item.sequence,
        tokens=item.token_count + TEMPLATE_TOKENS_PER_MESSAGE,
        is_pinned=_is_pinned(item),
        starts_turn=isinstance(item.content, Message) and item.content.role is Role.USER,
    )
