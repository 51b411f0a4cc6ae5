"""What clients send about conversations and items: OpenAI's shapes, and `title`, which is ours."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from parley.conversations.model import (
    ConversationChange,
    FunctionCall,
    FunctionCallOutput,
    ItemContent,
    Message,
    NewConversation,
    NewItem,
    Order,
    Role,
)
from parley.edge.bodies import Body
from parley.errors import InvalidRequest, RequestTooLarge

# OpenAI's limits: https://platform.openai.com/docs/api-reference/conversations
ITEMS_LIMIT = 20
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=16),
]
# The length is the database's too.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Text = Annotated[str, StringConstraints(min_length=1)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
# What clients send back of a model's answer with nothing in it; with something in it, it would be lost.
Nothing = Annotated[tuple[Any, ...], Field(max_length=0)]
Status = Literal["completed", "incomplete"]


class TextPart(Body):
    """As clients send it, also when they send back what a model wrote."""

    type: Literal["input_text", "output_text"]
    text: Text
    annotations: Nothing = ()
    logprobs: Nothing = ()


def _content_kind(value: Any) -> str:
    return "as-parts" if isinstance(value, list) else "as-text"


class MessageBody(Body):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Annotated[
        Annotated[Text, Tag("as-text")] | Annotated[list[TextPart], Field(min_length=1), Tag("as-parts")],
        Discriminator(_content_kind),
    ]
    status: Status = "completed"

    def to_content(self) -> Message:
        texts = [self.content] if isinstance(self.content, str) else [part.text for part in self.content]
        return Message(Role(self.role), tuple(texts))


class FunctionCallBody(Body):
    type: Literal["function_call"]
    call_id: Name
    name: Name
    arguments: str
    status: Status = "completed"

    def to_content(self) -> FunctionCall:
        return FunctionCall(self.call_id, self.name, self.arguments)


class FunctionCallOutputBody(Body):
    type: Literal["function_call_output"]
    call_id: Name
    output: str
    status: Status = "completed"

    def to_content(self) -> FunctionCallOutput:
        return FunctionCallOutput(self.call_id, self.output)


def _item_kind(value: Any) -> str | None:
    kind = cast("dict[str, Any]", value).get("type", "message") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


ItemBody = Annotated[
    Annotated[MessageBody, Tag("message")]
    | Annotated[FunctionCallBody, Tag("function_call")]
    | Annotated[FunctionCallOutputBody, Tag("function_call_output")],
    Discriminator(
        _item_kind,
        custom_error_type="item_type",
        custom_error_message="an item is an object of type 'message', 'function_call' or 'function_call_output'",
    ),
]
ItemBodies = Annotated[list[ItemBody], Field(max_length=ITEMS_LIMIT)]


class CreateConversationBody(Body):
    title: Title | None = None
    metadata: Metadata | None = None
    items: ItemBodies | None = None

    def to_new(self, limit_bytes: int) -> NewConversation:
        """Raises: RequestTooLarge."""
        return NewConversation(self.title, self.metadata or {}, to_items(self.items or (), limit_bytes))


class UpdateConversationBody(Body):
    title: Title | None = None
    metadata: Metadata | None = None

    def to_change(self) -> ConversationChange:
        """What the body names is changed, to nothing where it says null. Raises: InvalidRequest when it names nothing."""
        if not self.model_fields_set:
            raise InvalidRequest("Give a title, metadata or both.")
        metadata = (self.metadata or {}) if "metadata" in self.model_fields_set else None
        return ConversationChange(self.title, "title" in self.model_fields_set, metadata)


class CreateItemsBody(Body):
    items: Annotated[ItemBodies, Field(min_length=1)]


class ConversationsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class ItemsQuery(ConversationsQuery):
    order: Order = "desc"


class NoQuery(BaseModel):
    """A route without parameters refuses those it is sent, such as `include`."""

    model_config = ConfigDict(extra="forbid")


def to_items(bodies: Sequence[ItemBody], limit_bytes: int) -> list[NewItem]:
    """Raises: RequestTooLarge when the text of an item has more than `limit_bytes` bytes of UTF-8."""
    items = [NewItem(body.to_content(), body.status) for body in bodies]
    for place, item in enumerate(items):
        if _size_bytes(item.content) > limit_bytes:
            raise RequestTooLarge(f"An item holds at most {limit_bytes} bytes of text.", param=f"items[{place}]")
    return items


def _size_bytes(content: ItemContent) -> int:
    match content:
        case Message(texts=texts):
            return sum(len(text.encode()) for text in texts)
        case FunctionCall(arguments=text) | FunctionCallOutput(output=text):
            return len(text.encode())
