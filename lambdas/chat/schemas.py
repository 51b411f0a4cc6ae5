"""What a chat completion request may say: OpenAI's fields, and the few of ours that are marked so.

A field that is not here is refused by name. https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag
from pydantic_core import PydanticCustomError

from parley.edge.bodies import Body, BodyPart
from parley.edge.items import Name

Penalty = Annotated[float, Field(ge=-2, le=2)]


def _check_can_be_written(document: dict[str, Any]) -> dict[str, Any]:
    """JSON knows integers of any length, what writes it on (orjson) those of 64 bits."""
    try:
        orjson.dumps(document)
    except orjson.JSONEncodeError as error:
        raise PydanticCustomError("not_writable", "it nests too deep or holds an integer of over 64 bits") from error
    return document


JsonObject = Annotated[dict[str, Any], AfterValidator(_check_can_be_written)]


class TextPart(BodyPart):
    type: Literal["text"]
    text: str


def _kind(content: Any) -> str:
    return "parts" if isinstance(content, list) else "text"


# Told apart before they are checked, so that an error speaks of the form that was sent.
Text = Annotated[
    Annotated[str, Tag("text")] | Annotated[list[TextPart], Field(min_length=1), Tag("parts")], Discriminator(_kind)
]


class SystemMessage(BodyPart):
    role: Literal["system", "developer"]
    content: Text
    name: Name | None = None


class UserMessage(BodyPart):
    role: Literal["user"]
    content: Text
    name: Name | None = None


class CalledFunction(BodyPart):
    name: Name
    arguments: str


class ToolCall(BodyPart):
    id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    type: Literal["function"]
    function: CalledFunction


class AssistantMessage(BodyPart):
    role: Literal["assistant"]
    content: Text | None = None
    tool_calls: Annotated[list[ToolCall], Field(min_length=1, max_length=128)] | None = None
    refusal: None = None
    name: Name | None = None


class ToolMessage(BodyPart):
    role: Literal["tool"]
    tool_call_id: Annotated[str, StringConstraints(min_length=1, max_length=128)]
    content: Text


ChatMessage = Annotated[SystemMessage | UserMessage | AssistantMessage | ToolMessage, Field(discriminator="role")]


class Function(BodyPart):
    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class Tool(BodyPart):
    type: Literal["function"]
    function: Function


class NamedFunction(BodyPart):
    name: Name


class NamedTool(BodyPart):
    type: Literal["function"]
    function: NamedFunction


class PlainFormat(BodyPart):
    type: Literal["text", "json_object"]


class JsonSchema(BodyPart):
    name: Name
    description: str | None = None
    # `schema` is a method of pydantic's models.
    schema_: Annotated[JsonObject | None, Field(alias="schema")] = None
    strict: bool | None = None


class JsonSchemaFormat(BodyPart):
    type: Literal["json_schema"]
    json_schema: JsonSchema


class StreamOptions(BodyPart):
    include_usage: bool | None = None
    # Padding against eavesdroppers on the length of tokens is not made here; asking for none of it is fine.
    include_obfuscation: Literal[False] | None = None


class CompletionRequest(Body):
    """`POST /v1/chat/completions`. Either `messages`, or our short form with `conversation_id` and `message`."""

    model: Annotated[str, StringConstraints(min_length=1, max_length=256)] | None = None
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=10_000)] | None = None

    # Ours: a stored conversation, a message alone, and the user item that the new messages take the place of.
    conversation_id: str | None = None
    message: str | None = None
    replaces_item_id: str | None = None

    stream: bool | None = None
    stream_options: StreamOptions | None = None

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(min_length=1, max_length=4)] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: Annotated[PlainFormat | JsonSchemaFormat, Field(discriminator="type")] | None = None
    tools: Annotated[list[Tool], Field(min_length=1, max_length=128)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedTool | None = None
    parallel_tool_calls: bool | None = None
    user: Annotated[str, StringConstraints(max_length=256)] | None = None
    # Not OpenAI's, but vLLM's and llama.cpp's, and their users expect them.
    top_k: Annotated[int, Field(ge=-1, lt=2**31)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None

    # Accepted only where they ask for what happens anyway.
    n: Literal[1] | None = None
    store: Literal[False] | None = None
    service_tier: Literal["auto", "default"] | None = None
    modalities: list[Literal["text"]] | None = None


# What goes to the engine as it came.
ENGINE_FIELDS = frozenset(
    {
        "temperature",
        "top_p",
        "presence_penalty",
        "frequency_penalty",
        "logit_bias",
        "seed",
        "stop",
        "logprobs",
        "top_logprobs",
        "response_format",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "user",
        "top_k",
        "min_p",
        "repetition_penalty",
    }
)


def texts_of(content: Text | None) -> tuple[str, ...]:
    """The texts of a message's content, in order."""
    if content is None:
        return ()
    if isinstance(content, str):
        return (content,)
    return tuple(part.text for part in content)


def engine_parameters(request: CompletionRequest) -> dict[str, Any]:
    return request.model_dump(mode="json", by_alias=True, include=set(ENGINE_FIELDS), exclude_none=True)


def engine_messages(messages: Sequence[ChatMessage]) -> list[dict[str, Any]]:
    """The client's own messages for the engine. Chat templates of open models know no `developer`."""
    plain = [message.model_dump(mode="json", exclude_none=True) for message in messages]
    for message in plain:
        if message["role"] == "developer":
            message["role"] = "system"
    return plain
