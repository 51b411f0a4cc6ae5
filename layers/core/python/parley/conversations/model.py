"""What a conversation is made of: items, in OpenAI's terms, with typed content."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Generic, Literal, NamedTuple, TypeVar

from parley.errors import NotFound
from parley.ids import ConversationId, ItemId, ResponseId, parse_wire_id, wire_id

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


@dataclass(frozen=True, slots=True)
class Reasoning:
    """What a reasoning model thought before it spoke. It is shown and kept, and never part of a later prompt."""

    text: str = field(repr=False)


ItemContent = Message | FunctionCall | FunctionCallOutput | Reasoning
ItemType = Literal["message", "function_call", "function_call_output", "reasoning"]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
ResponseStatus = Literal["queued", "in_progress", "completed", "incomplete", "cancelled", "failed"]
Order = Literal["asc", "desc"]

_TYPE_OF_PREFIX: Mapping[str, ItemType] = {
    "msg": "message",
    "fc": "function_call",
    "fco": "function_call_output",
    "rs": "reasoning",
}
_PREFIX_OF_TYPE: Mapping[ItemType, str] = {kind: prefix for prefix, kind in _TYPE_OF_PREFIX.items()}


@dataclass(frozen=True, slots=True)
class Item:
    """`token_count` is by `tokenizer`, both None until counted. `sequence` orders the items of a conversation, from 1.

    `is_judged`: whether moderation has looked at it already.
    """

    item_id: ItemId
    conversation_id: ConversationId
    sequence: int
    content: ItemContent
    status: ItemStatus
    created_at: datetime
    response_id: ResponseId | None = None
    token_count: int | None = None
    tokenizer: str | None = None
    is_judged: bool = False


class ItemKey(NamedTuple):
    """What an item's id on the wire says. The type is part of it: `fc_` before the id of a message names nothing."""

    type: ItemType
    item_id: ItemId


@dataclass(frozen=True, slots=True)
class ResponseFacts:
    """What the list of items tells of the response that wrote an item. Token counts are None until it is settled."""

    response_id: ResponseId
    status: ResponseStatus
    model: str
    began_at: datetime
    settled_at: datetime | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Moderation blocked an item; where `is_over`, a reviewer has found it fine since. `review_state` is None where there is no
    review; `is_appealed`: its owner asked for one.
    """

    review_state: Literal["open", "approved", "upheld", "escalated"] | None
    is_appealed: bool
    is_over: bool = False


@dataclass(frozen=True, slots=True)
class ListedItem:
    """An item as its owner sees it. `response` is None for what no response wrote, `block` for what never was blocked."""

    item: Item
    response: ResponseFacts | None = None
    block: Block | None = None


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item that is not stored yet, and so has neither id nor place."""

    content: ItemContent
    status: Literal["completed", "incomplete"] = "completed"


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


@dataclass(frozen=True, slots=True)
class NewConversation:
    title: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])
    items: Sequence[NewItem] = ()


@dataclass(frozen=True, slots=True)
class ConversationChange:
    """What is to be other than it was: None leaves the metadata, and the title unless `sets_title`."""

    title: str | None = None
    sets_title: bool = False
    metadata: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ItemQuery:
    """Which part of a conversation: at most `limit` items behind `after`, in `order` of their sequence."""

    limit: int = 20
    after: ItemKey | None = None
    order: Order = "desc"


def item_wire_id(item: Item) -> str:
    """`msg_0199…`, `fc_…`, `fco_…` or `rs_…`: the prefix tells the type."""
    return content_wire_id(item.content, item.item_id)


def content_wire_id(content: ItemContent, item_id: ItemId) -> str:
    """The wire id of an item with this content."""
    return typed_wire_id(item_type(content), item_id)


def typed_wire_id(kind: ItemType, item_id: ItemId) -> str:
    return wire_id(_PREFIX_OF_TYPE[kind], item_id)


def parse_item_id(text: str) -> ItemKey:
    """The inverse of `item_wire_id`. Raises: NotFound for any other text."""
    prefix = text.partition("_")[0]
    if prefix not in _TYPE_OF_PREFIX:
        raise NotFound(
            "No such item: an item's id looks like 'msg_', 'fc_', 'fco_' or 'rs_' and 32 hexadecimal digits."
        )
    return ItemKey(_TYPE_OF_PREFIX[prefix], ItemId(parse_wire_id(prefix, text)))


def item_type(content: ItemContent) -> ItemType:
    """The item's `type` on the wire and in the database."""
    match content:
        case Message():
            return "message"
        case FunctionCall():
            return "function_call"
        case FunctionCallOutput():
            return "function_call_output"
        case Reasoning():
            return "reasoning"


def content_to_json(content: ItemContent) -> dict[str, Any]:
    """The form kept in the database; the role stands in a column of its own."""
    match content:
        case Message(texts=texts):
            return {"texts": list(texts)}
        case FunctionCall(call_id=call_id, name=name, arguments=arguments):
            return {"call_id": call_id, "name": name, "arguments": arguments}
        case FunctionCallOutput(call_id=call_id, output=output):
            return {"call_id": call_id, "output": output}
        case Reasoning(text=text):
            return {"text": text}


def content_from_json(kind: str, role: str | None, stored: Mapping[str, Any]) -> ItemContent:
    """The inverse of `content_to_json`. Raises: ValueError for a type this version does not know."""
    match kind:
        case "message":
            return Message(Role(role), tuple(stored["texts"]))
        case "function_call":
            return FunctionCall(stored["call_id"], stored["name"], stored["arguments"])
        case "function_call_output":
            return FunctionCallOutput(stored["call_id"], stored["output"])
        case "reasoning":
            return Reasoning(stored["text"])
        case _:
            raise ValueError(f"an item of unknown type {kind!r}")


def title_of(contents: Iterable[ItemContent]) -> str | None:
    """A title made of the first thing the user says among `contents`; None when there is none."""
    said = (each.text for each in contents if isinstance(each, Message) and each.role is Role.USER)
    return next((title for title in map(title_from, said) if title), None)


def title_from(text: str) -> str | None:
    """A title made of the first line that says something, cut at a word; None when there is none."""
    line = next((each.strip() for each in text.splitlines() if each.strip()), None)
    if line is None or len(line) <= TITLE_LIMIT:
        return line
    return line[:TITLE_LIMIT].rsplit(" ", 1)[0].rstrip() + "…"
