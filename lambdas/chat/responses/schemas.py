"""What a request to the Responses API may say: OpenAI's fields, and the few of ours that are marked so.

A field that is not here is refused by name. https://platform.openai.com/docs/api-reference/responses/create
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, StringConstraints, Tag

from lambdas.chat.schemas import JsonObject, Penalty
from parley.conversations.model import Order
from parley.edge.bodies import Body, BodyPart
from parley.edge.items import InputItem, Name

ITEMS_LIMIT = 10_000
LOGPROBS = "message.output_text.logprobs"

# OpenAI's limits, as for conversations.
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=16),
]
# What may be asked for beside a response that is kept. These belong to items that never occur here, so there is never anything
# to include; and reasoning is given in plain, so that nobody needs it encrypted.
KeptIncludable = Literal[
    "reasoning.encrypted_content",
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
]
# Log probabilities are given with a new answer and in its events; they are not stored.
Includable = Literal["message.output_text.logprobs", KeptIncludable]


class ConversationBody(BodyPart):
    id: str


class FunctionTool(BodyPart):
    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: JsonObject | None = None
    strict: bool | None = None


class NamedTool(BodyPart):
    type: Literal["function"]
    name: Name


class PlainFormat(BodyPart):
    type: Literal["text", "json_object"]


class JsonSchemaFormat(BodyPart):
    type: Literal["json_schema"]
    name: Name
    # `schema` is a method of pydantic's models.
    schema_: Annotated[JsonObject, Field(alias="schema")]
    description: str | None = None
    strict: bool | None = None


class TextOptions(BodyPart):
    """How talkative a model is cannot be set for open models: only the middle, which is what they are, is accepted."""

    format: Annotated[PlainFormat | JsonSchemaFormat, Field(discriminator="type")] | None = None
    verbosity: Literal["medium"] | None = None


class ReasoningOptions(BodyPart):
    """Reasoning is given as the model wrote it; nobody summarises it, which `auto` leaves to us."""

    effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    summary: Literal["auto"] | None = None


class StreamOptions(BodyPart):
    # Padding against eavesdroppers on the length of tokens is not made here; asking for none of it is fine.
    include_obfuscation: Literal[False] | None = None


def _kind(value: Any) -> str:
    return "as-text" if isinstance(value, str) else "as-other"


# Told apart before they are checked, so that an error speaks of the form that was sent.
Input = Annotated[
    Annotated[str, Tag("as-text")]
    | Annotated[list[InputItem], Field(min_length=1, max_length=ITEMS_LIMIT), Tag("as-other")],
    Discriminator(_kind),
]
ConversationField = Annotated[
    Annotated[str, Tag("as-text")] | Annotated[ConversationBody, Tag("as-other")], Discriminator(_kind)
]
ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("as-text")] | Annotated[NamedTool, Tag("as-other")],
    Discriminator(_kind),
]
ModelName = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class PromptBody(Body):
    """What a prompt is made of. `POST /v1/responses/input_tokens` takes no more than this, and counts it."""

    model: ModelName | None = None
    input: Input | None = None
    instructions: str | None = None
    previous_response_id: str | None = None
    conversation: ConversationField | None = None
    tools: Annotated[list[FunctionTool], Field(max_length=128)] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    # `auto`, our default, leaves the older part of a history that has become too long out of the prompt.
    truncation: Literal["auto", "disabled"] | None = None


class CreateResponseBody(PromptBody):
    """`POST /v1/responses`."""

    stream: bool | None = None
    stream_options: StreamOptions | None = None
    background: bool | None = None
    store: bool | None = None
    include: list[Includable] | None = None
    metadata: Metadata | None = None

    max_output_tokens: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    user: Annotated[str, StringConstraints(max_length=256)] | None = None
    # Not OpenAI's: the penalties are of its chat completions, the rest vLLM's and llama.cpp's.
    presence_penalty: Penalty | None = None
    frequency_penalty: Penalty | None = None
    top_k: Annotated[int, Field(ge=-1, lt=2**31)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=10)] | None = None

    # Accepted only where they ask for what happens anyway. `max_tool_calls` bounds calls of tools that run on the server.
    max_tool_calls: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    service_tier: Literal["auto", "default"] | None = None


class RetrieveQuery(BaseModel):
    """Of `GET /v1/responses/{id}`. The SDKs send lists as `include[]`."""

    model_config = ConfigDict(extra="forbid")

    stream: bool = False
    starting_after: Annotated[int, Field(ge=0)] | None = None
    include: list[KeptIncludable] = []
    include_bracketed: Annotated[list[KeptIncludable], Field(alias="include[]")] = []
    include_obfuscation: Literal["false"] | None = None


class InputItemsQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None
    order: Order = "desc"
    include: list[KeptIncludable] = []
    include_bracketed: Annotated[list[KeptIncludable], Field(alias="include[]")] = []


class NoQuery(BaseModel):
    """A route without parameters refuses those it is sent."""

    model_config = ConfigDict(extra="forbid")
