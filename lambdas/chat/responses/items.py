"""The items of a request's `input`: messages, calls of functions and what they answered, and reasoning sent back.

Clients send back what they were given, whole: an item's own `id` and `status`, and the parts of it that are empty, are read
over. What an item would lose by that is refused by name. https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Annotated, Any, Literal, cast

from pydantic import Discriminator, Field, StringConstraints, Tag

from lambdas.chat.schemas import BodyPart, Name
from parley.conversations.model import FunctionCall, FunctionCallOutput, ItemContent, Message, Reasoning, Role

CallId = Annotated[str, StringConstraints(min_length=1, max_length=128)]
ItemStatus = Literal["in_progress", "completed", "incomplete"]
# Annotations are never made here, so there is nothing to be lost in sending them back.
Nothing = Annotated[list[Any], Field(max_length=0)]


class TextPart(BodyPart):
    """`logprobs` come back from clients that asked for them; they are no part of what was said."""

    type: Literal["input_text", "output_text"]
    text: str
    annotations: Nothing | None = None
    logprobs: list[dict[str, Any]] | None = None


def _kind(content: Any) -> str:
    return "as-parts" if isinstance(content, list) else "as-text"


# Told apart before they are checked, so that an error speaks of the form that was sent.
Text = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[list[TextPart], Field(min_length=1), Tag("as-parts")],
    Discriminator(_kind),
]


class MessageItem(BodyPart):
    type: Literal["message"] = "message"
    role: Literal["system", "developer", "user", "assistant"]
    content: Text
    id: str | None = None
    status: ItemStatus | None = None
    # Which of several messages is the final one is told of OpenAI's newest models only.
    phase: None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return _texts(self.content)

    def to_content(self) -> ItemContent:
        return Message(Role(self.role), self.texts)


class FunctionCallItem(BodyPart):
    type: Literal["function_call"]
    call_id: CallId
    name: Name
    arguments: str
    id: str | None = None
    status: ItemStatus | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return (self.arguments,)

    def to_content(self) -> ItemContent:
        return FunctionCall(self.call_id, self.name, self.arguments)


class FunctionCallOutputItem(BodyPart):
    type: Literal["function_call_output"]
    call_id: CallId
    output: Text
    id: str | None = None
    status: ItemStatus | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return _texts(self.output)

    def to_content(self) -> ItemContent:
        return FunctionCallOutput(self.call_id, "\n".join(self.texts))


class SummaryPart(BodyPart):
    type: Literal["summary_text"]
    text: str


class ReasoningPart(BodyPart):
    type: Literal["reasoning_text"]
    text: str


class ReasoningItem(BodyPart):
    """Kept and given back; no part of a prompt, as everywhere. What only OpenAI can decrypt is refused."""

    type: Literal["reasoning"]
    summary: list[SummaryPart] | None = None
    content: list[ReasoningPart] | None = None
    encrypted_content: None = None
    id: str | None = None
    status: ItemStatus | None = None

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(part.text for part in self.content or self.summary or ())

    def to_content(self) -> ItemContent:
        return Reasoning("\n".join(self.texts))


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


def _texts(content: str | list[TextPart]) -> tuple[str, ...]:
    return (content,) if isinstance(content, str) else tuple(part.text for part in content)
