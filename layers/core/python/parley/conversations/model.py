"""What a conversation is made of: items, in OpenAI's terms, with typed content."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, TypeVar

from parley.ids import ConversationId, ItemId, ResponseId

TITLE_LIMIT = 60

T = TypeVar("T")


class Role(StrEnum):
    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True)
class Message:
    """What somebody said. The texts are kept apart as they came."""

    role: Role
    texts: tuple[str, ...] = field(repr=False)

    @property
    def text(self) -> str:
        return "\n".join(self.texts)


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """The assistant asks for a tool; `arguments` is JSON text just as the model wrote it."""

    call_id: str
    name: str
    arguments: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class FunctionCallOutput:
    """What the tool answered."""

    call_id: str
    output: str = field(repr=False)


ItemContent = Message | FunctionCall | FunctionCallOutput
ItemStatus = Literal["in_progress", "completed", "incomplete"]


@dataclass(frozen=True, slots=True)
class Item:
    """`token_count` is by `tokenizer`, both None until counted. `sequence` orders the items of a conversation, from 1."""

    item_id: ItemId
    conversation_id: ConversationId
    sequence: int
    content: ItemContent
    status: ItemStatus
    created_at: datetime
    response_id: ResponseId | None = None
    token_count: int | None = None
    tokenizer: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    conversation_id: ConversationId
    title: str | None
    metadata: Mapping[str, str]
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list, in the order asked for."""

    data: Sequence[T]
    has_more: bool


def item_type(content: ItemContent) -> str:
    """The item's `type` on the wire and in the database."""
    match content:
        case Message():
            return "message"
        case FunctionCall():
            return "function_call"
        case FunctionCallOutput():
            return "function_call_output"


def content_to_json(content: ItemContent) -> dict[str, Any]:
    """The form kept in the database; the role stands in a column of its own."""
    match content:
        case Message(texts=texts):
            return {"texts": list(texts)}
        case FunctionCall(call_id=call_id, name=name, arguments=arguments):
            return {"call_id": call_id, "name": name, "arguments": arguments}
        case FunctionCallOutput(call_id=call_id, output=output):
            return {"call_id": call_id, "output": output}


def content_from_json(kind: str, role: str | None, stored: Mapping[str, Any]) -> ItemContent:
    """The inverse of `content_to_json`. Raises: ValueError for a type this version does not know."""
    match kind:
        case "message":
            return Message(Role(role), tuple(stored["texts"]))
        case "function_call":
            return FunctionCall(stored["call_id"], stored["name"], stored["arguments"])
        case "function_call_output":
            return FunctionCallOutput(stored["call_id"], stored["output"])
        case _:
            raise ValueError(f"an item of unknown type {kind!r}")


def title_from(text: str) -> str | None:
    """A title made of the first line that says something, cut at a word; None when there is none."""
    line = next((each.strip() for each in text.splitlines() if each.strip()), None)
    if line is None or len(line) <= TITLE_LIMIT:
        return line
    return line[:TITLE_LIMIT].rsplit(" ", 1)[0].rstrip() + "…"
