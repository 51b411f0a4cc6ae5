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
    Reasoning,
    Role,
)
from parley.edge.bodies import Body
from parley.errors import InvalidRequest, RequestTooLarge, UnsupportedParameter

# OpenAI's limits: https://platform.openai.com/docs/api-reference/conversations
ITEMS_LIMIT = 20
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=16),
]
# The length is the database's too.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+$")]
CallId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
# Annotations are never made here, so there is nothing to be lost in sending them back.
Nothing = Annotated[tuple[Any, ...], Field(max_length=0)]
# What may be asked for beside items: parts of items that never occur here, so that there is never anything to include.
INCLUDABLE = frozenset(
    {
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    }
)
# Parts that the items here would have, and which are not kept.
NOT_KEPT = frozenset({"message.output_text.logprobs", "reasoning.encrypted_content"})


class SentItem(Body):
    """What every item may bring along that comes out of a list, ours or OpenAI's: it is a new item here, with its own id."""

    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    object: Literal["conversation.item"] | None = None
    created_at: int | None = None
    response: dict[str, Any] | None = None

    @property
    def is_cut(self) -> bool:
        """Nobody goes on writing here what was in progress elsewhere."""
        return self.status in {"in_progress", "incomplete"}


class TextPart(Body):
    """`logprobs` come back from clients that asked for them, and `parsed` from helpers of the Node SDK, which read the text into
    a schema: they are no part of what was said.
    """

    type: Literal["input_text", "output_text"]
    text: str
    annotations: Nothing | None = None
    logprobs: list[dict[str, Any]] | None = None
    parsed: Any = None


def _content_kind(value: Any) -> str:
    return "as-parts" if isinstance(value, list) else "as-text"


# Told apart before they are checked, so that an error speaks of the form that was sent.
Text = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[list[TextPart], Field(min_length=1), Tag("as-parts")],
    Discriminator(_content_kind),
]


class MessageBody(SentItem):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Text
    # Which of several messages is the final one is told of OpenAI's newest models only.
    phase: None = None

    def to_content(self) -> Message:
        return Message(Role(self.role), _texts(self.content))


class FunctionCallBody(SentItem):
    type: Literal["function_call"]
    call_id: CallId
    name: Name
    arguments: str
    # The Node SDK's own reading of them.
    parsed_arguments: Any = None

    def to_content(self) -> FunctionCall:
        return FunctionCall(self.call_id, self.name, self.arguments)


class FunctionCallOutputBody(SentItem):
    type: Literal["function_call_output"]
    call_id: CallId
    output: Text

    def to_content(self) -> FunctionCallOutput:
        return FunctionCallOutput(self.call_id, "\n".join(_texts(self.output)))


class SummaryPart(Body):
    type: Literal["summary_text"]
    text: str


class ReasoningPart(Body):
    type: Literal["reasoning_text"]
    text: str


class ReasoningBody(SentItem):
    """Where there is no more of it than a summary, that is kept. What only OpenAI can decrypt is refused."""

    type: Literal["reasoning"]
    summary: list[SummaryPart]
    content: list[ReasoningPart] | None = None
    encrypted_content: None = None

    def to_content(self) -> Reasoning:
        return Reasoning("\n".join(part.text for part in self.content or self.summary))


def _item_kind(value: Any) -> str | None:
    kind = cast("dict[str, Any]", value).get("type", "message") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


ItemBody = Annotated[
    Annotated[MessageBody, Tag("message")]
    | Annotated[FunctionCallBody, Tag("function_call")]
    | Annotated[FunctionCallOutputBody, Tag("function_call_output")]
    | Annotated[ReasoningBody, Tag("reasoning")],
    Discriminator(
        _item_kind,
        custom_error_type="item_type",
        custom_error_message=(
            "an item is an object of type 'message', 'function_call', 'function_call_output' or 'reasoning'"
        ),
    ),
]
ItemBodies = Annotated[list[ItemBody], Field(max_length=ITEMS_LIMIT)]


class CreateConversationBody(Body):
    title: Title | None = None
    metadata: Metadata | None = None
    items: ItemBodies | None = None

    def to_new(self, limit_bytes: int) -> NewConversation:
        """Raises: InvalidRequest, RequestTooLarge."""
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


class NoQuery(BaseModel):
    """A route without parameters refuses those it is sent."""

    model_config = ConfigDict(extra="forbid")


class ConversationsQuery(NoQuery):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class IncludeQuery(NoQuery):
    """The SDKs send lists as `include[]`."""

    include: list[str] = []
    include_bracketed: Annotated[list[str], Field(alias="include[]")] = []

    def check(self) -> None:
        """Raises: UnsupportedParameter for what is not kept, InvalidRequest for what OpenAI does not have either."""
        asked = {*self.include, *self.include_bracketed}
        if unkept := sorted(asked & NOT_KEPT):
            raise UnsupportedParameter(f"'{unkept[0]}' cannot be included: it is not kept.", param="include")
        if asked - INCLUDABLE:
            raise InvalidRequest(f"'include' names none of {', '.join(sorted(INCLUDABLE))}.", param="include")


class ItemsQuery(IncludeQuery, ConversationsQuery):
    order: Order = "desc"


def to_items(bodies: Sequence[ItemBody], limit_bytes: int) -> list[NewItem]:
    """Raises: InvalidRequest when the user says nothing; RequestTooLarge for over `limit_bytes` bytes of UTF-8 in an item."""
    items = [NewItem(body.to_content(), "incomplete" if body.is_cut else "completed") for body in bodies]
    for place, item in enumerate(items):
        param = f"items[{place}]"
        if _size_bytes(item.content) > limit_bytes:
            raise RequestTooLarge(f"An item holds at most {limit_bytes} bytes of text.", param=param)
        if isinstance(item.content, Message) and item.content.role is Role.USER and not item.content.text.strip():
            raise InvalidRequest("A message of the user is empty.", param=param)
    return items


def _texts(content: str | list[TextPart]) -> tuple[str, ...]:
    return (content,) if isinstance(content, str) else tuple(part.text for part in content)


def _size_bytes(content: ItemContent) -> int:
    match content:
        case Message(texts=texts):
            return sum(len(text.encode()) for text in texts)
        case FunctionCall(arguments=text) | FunctionCallOutput(output=text) | Reasoning(text=text):
            return len(text.encode())
