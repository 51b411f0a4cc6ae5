"""Items on the wire: what clients send of them, and what they are given.

Clients send back what they were given, whole, and what the SDKs' helpers add to it: an item's own `id` and `status`, and
what only describes it, are read over. What an item would lose by that is refused by name.
https://platform.openai.com/docs/api-reference/conversations/create-items
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import Discriminator, Field, StringConstraints, Tag

from parley.conversations.model import (
    FunctionCall,
    FunctionCallOutput,
    ItemContent,
    Message,
    Page,
    Reasoning,
    Role,
)
from parley.edge.bodies import BodyPart
from parley.errors import InvalidRequest, RequestTooLarge

T = TypeVar("T")

Name = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[a-zA-Z0-9_.-]+$")]
CallId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
# Annotations are never made here, so there is nothing to be lost in sending them back.
Nothing = Annotated[list[Any], Field(max_length=0)]


class SentItem(BodyPart):
    """What every item may bring along that comes out of a list, ours or OpenAI's: it is a new item here, with its own id."""

    id: str | None = None
    status: Literal["in_progress", "completed", "incomplete"] | None = None
    object: Literal["conversation.item"] | None = None
    created_at: int | None = None
    response: dict[str, Any] | None = None
    moderation: dict[str, Any] | None = None

    @property
    def is_cut(self) -> bool:
        """Nobody goes on writing here what was in progress elsewhere."""
        return self.status in {"in_progress", "incomplete"}


class TextPart(BodyPart):
    """`logprobs` come back from clients that asked for them, and `parsed` from helpers of the Node SDK, which read the text into
    a schema: they are no part of what was said.
    """

    type: Literal["input_text", "output_text"]
    text: str
    annotations: Nothing | None = None
    logprobs: list[dict[str, Any]] | None = None
    parsed: Any = None


def _kind(content: Any) -> str:
    return "as-parts" if isinstance(content, list) else "as-text"


# Told apart before they are checked, so that an error speaks of the form that was sent.
Text = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[list[TextPart], Field(min_length=1), Tag("as-parts")],
    Discriminator(_kind),
]


class MessageItem(SentItem):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Text
    # Which of several messages is the final one is told of OpenAI's newest models only.
    phase: None = None

    def to_content(self) -> ItemContent:
        return Message(Role(self.role), _texts(self.content))


class FunctionCallItem(SentItem):
    type: Literal["function_call"]
    call_id: CallId
    name: Name
    arguments: str
    # The Node SDK's own reading of them.
    parsed_arguments: Any = None

    def to_content(self) -> ItemContent:
        return FunctionCall(self.call_id, self.name, self.arguments)


class FunctionCallOutputItem(SentItem):
    type: Literal["function_call_output"]
    call_id: CallId
    output: Text

    def to_content(self) -> ItemContent:
        return FunctionCallOutput(self.call_id, "\n".join(_texts(self.output)))


class SummaryPart(BodyPart):
    type: Literal["summary_text"]
    text: str


class ReasoningPart(BodyPart):
    type: Literal["reasoning_text"]
    text: str


class ReasoningItem(SentItem):
    """Where there is no more of it than a summary, that is kept. What only OpenAI can decrypt is refused."""

    type: Literal["reasoning"]
    summary: list[SummaryPart]
    content: list[ReasoningPart] | None = None
    encrypted_content: None = None

    def to_content(self) -> ItemContent:
        return Reasoning("\n".join(part.text for part in self.content or self.summary))


def _item_kind(value: Any) -> str | None:
    kind = cast("dict[str, Any]", value).get("type", "message") if isinstance(value, dict) else None
    return kind if isinstance(kind, str) else None


InputItem = Annotated[
    Annotated[MessageItem, Tag("message")]
    | Annotated[FunctionCallItem, Tag("function_call")]
    | Annotated[FunctionCallOutputItem, Tag("function_call_output")]
    | Annotated[ReasoningItem, Tag("reasoning")],
    Discriminator(
        _item_kind,
        custom_error_type="item_type",
        custom_error_message=(
            "an item is an object of type 'message', 'function_call', 'function_call_output' or 'reasoning'"
        ),
    ),
]


def check_contents(contents: Sequence[ItemContent], limit_bytes: int, param: str) -> None:
    """Raises: InvalidRequest when the user says nothing; RequestTooLarge for over `limit_bytes` bytes of UTF-8 in an item."""
    for place, content in enumerate(contents):
        size_bytes = sum(len(text.encode()) for text in _texts_of(content))
        if size_bytes > limit_bytes:
            raise RequestTooLarge(
                f"An item of {size_bytes} bytes is over the limit of {limit_bytes}.", param=f"{param}[{place}]"
            )
        if isinstance(content, Message) and content.role is Role.USER and not content.text.strip():
            raise InvalidRequest("A message of the user is empty.", param=f"{param}[{place}]")


def item_fields(content: ItemContent, logprobs: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """What an item's document says beside its id, type and status."""
    match content:
        case Message(role=Role.ASSISTANT, texts=texts):
            return {"role": "assistant", "content": [output_text_part(text, logprobs) for text in texts]}
        case Message(role=role, texts=texts):
            return {"role": role.value, "content": [{"type": "input_text", "text": text} for text in texts]}
        case FunctionCall(call_id=call_id, name=name, arguments=arguments):
            return {"call_id": call_id, "name": name, "arguments": arguments}
        case FunctionCallOutput(call_id=call_id, output=output):
            return {"call_id": call_id, "output": output}
        case Reasoning(text=text):
            return {"summary": [], "content": [reasoning_part(text)]}


def output_text_part(text: str, logprobs: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": logprobs}


def reasoning_part(text: str) -> dict[str, Any]:
    return {"type": "reasoning_text", "text": text}


def list_document(page: Page[T], to_document: Callable[[T], dict[str, Any]]) -> dict[str, Any]:
    data = [to_document(each) for each in page.data]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": page.has_more,
    }


def _texts(content: str | list[TextPart]) -> tuple[str, ...]:
    return (content,) if isinstance(content, str) else tuple(part.text for part in content)


def _texts_of(content: ItemContent) -> tuple[str, ...]:
    match content:
        case Message(texts=texts):
            return texts
        case FunctionCall(arguments=text) | FunctionCallOutput(output=text) | Reasoning(text=text):
            return (text,)
