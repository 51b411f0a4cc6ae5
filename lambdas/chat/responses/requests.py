"""From a parsed request to a turn that cannot be wrong."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from lambdas.chat.origin import Origin
from lambdas.chat.responses.schemas import (
    LOGPROBS,
    CreateResponseBody,
    FunctionTool,
    JsonSchemaFormat,
    NamedTool,
    PromptBody,
)
from parley.accounts.model import Identity
from parley.conversations.model import ItemContent, Message, Role
from parley.edge.items import InputItem, check_contents
from parley.errors import InvalidRequest, NotFound, RequestTooLarge, UnsupportedParameter
from parley.ids import ConversationId, parse_conversation_id, parse_response_id
from parley.models.model import Model, needs_of, require
from parley.models.service import Catalogue
from parley.turns.model import ChatTurn, TurnInput

T = TypeVar("T")

# What goes to the engine as it came.
ENGINE_FIELDS = frozenset(
    {
        "temperature",
        "top_p",
        "top_logprobs",
        "presence_penalty",
        "frequency_penalty",
        "user",
        "top_k",
        "min_p",
        "repetition_penalty",
    }
)
# What a response says of its request, beside its tools.
ECHOED_FIELDS = ENGINE_FIELDS | {
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "tool_choice",
    "truncation",
}

# What chat completions call otherwise.
_OWN_FIELDS = {"response_format": "text.format", "reasoning_effort": "reasoning.effort", "messages": "input"}


async def to_turn(
    body: CreateResponseBody,
    asker: Identity,
    catalogue: Catalogue,
    message_limit_bytes: int,
    origin: Origin,
) -> ChatTurn:
    """Raises: InvalidRequest, RequestTooLarge, NotFound, ModelNotFound, EngineUnavailable."""
    if body.model is None:
        raise InvalidRequest("Missing required parameter: 'model'.", param="model")
    if body.input is None:
        raise InvalidRequest("Missing required parameter: 'input'.", param="input")
    is_stored = body.store is not False
    if body.background and not is_stored:
        raise InvalidRequest("A background response has to be stored: leave out 'store: false'.", param="background")
    if body.conversation is not None and not is_stored:
        raise InvalidRequest("What is said in a conversation is stored: leave out 'store: false'.", param="store")
    parameters = {**_prompt_parameters(body), **_sampling_parameters(body)}
    return ChatTurn(
        user_id=asker.user_id,
        tier=asker.tier,
        model=await _model(body.model, catalogue, asker.tier, parameters),
        parameters=parameters,
        input=to_input(body, message_limit_bytes, is_stored=is_stored),
        instructions=_instructions(body, message_limit_bytes),
        max_tokens=body.max_output_tokens,
        request=to_echo(body),
        is_background=bool(body.background),
        idempotency=origin.idempotency,
        request_id=origin.request_id,
    )


async def to_counted_turn(
    body: PromptBody, asker: Identity, catalogue: Catalogue, message_limit_bytes: int
) -> ChatTurn:
    """A turn that is only counted. Raises: what `to_turn` does."""
    parameters = _prompt_parameters(body)
    return ChatTurn(
        user_id=asker.user_id,
        tier=asker.tier,
        model=await _model(body.model, catalogue, asker.tier, parameters),
        parameters=parameters,
        input=to_input(body, message_limit_bytes, is_stored=False),
        instructions=_instructions(body, message_limit_bytes),
    )


async def _model(name: str | None, catalogue: Catalogue, tier: str, parameters: Mapping[str, Any]) -> Model:
    """Raises: ModelNotFound; UnsupportedParameter for what the model cannot do, in the words of this API."""
    model = await catalogue.default(tier) if name is None else await catalogue.get(name, tier)
    try:
        require(model, needs_of(parameters))
    except UnsupportedParameter as error:
        raise UnsupportedParameter(error.message, param=_OWN_FIELDS.get(error.param or "", error.param)) from error
    return model


def to_input(body: PromptBody, limit_bytes: int, *, is_stored: bool) -> TurnInput:
    """Raises: InvalidRequest, RequestTooLarge, NotFound."""
    if body.conversation is not None and body.previous_response_id is not None:
        raise InvalidRequest(
            "Send either 'conversation' or 'previous_response_id', not both.", param="previous_response_id"
        )
    return TurnInput(
        _contents(body.input, limit_bytes),
        conversation_id=_conversation_id(body),
        previous_response_id=_named("previous_response_id", parse_response_id, body.previous_response_id),
        is_stored=is_stored,
        may_truncate=body.truncation != "disabled",
    )


def to_echo(body: CreateResponseBody) -> dict[str, Any]:
    """What the response says of its request, in the shapes it came in and with what it left to us filled in."""
    echo = body.model_dump(mode="json", by_alias=True, exclude_none=True, include=set(ECHOED_FIELDS))
    if body.text is not None:
        echo["text"] = {"format": {"type": "text"}, **echo["text"]}
    if body.tools:
        echo["tools"] = [tool.model_dump(mode="json") for tool in body.tools]
    return echo


def _contents(sent: str | Sequence[InputItem] | None, limit_bytes: int) -> tuple[ItemContent, ...]:
    if sent is None:
        return ()
    if isinstance(sent, str):
        _check_texts((sent,), limit_bytes, "input", may_be_empty=False)
        return (Message(Role.USER, (sent,)),)
    contents = tuple(item.to_content() for item in sent)
    check_contents(contents, limit_bytes, "input")
    return contents


def _instructions(body: PromptBody, limit_bytes: int) -> str | None:
    _check_texts((body.instructions or "",), limit_bytes, "instructions", may_be_empty=True)
    return body.instructions or None


def _check_texts(texts: Sequence[str], limit_bytes: int, param: str, *, may_be_empty: bool) -> None:
    if not may_be_empty and not any(text.strip() for text in texts):
        raise InvalidRequest("A message of the user is empty.", param=param)
    size_bytes = sum(len(text.encode()) for text in texts)
    if size_bytes > limit_bytes:
        raise RequestTooLarge(f"A text of {size_bytes} bytes is over the limit of {limit_bytes}.", param=param)


def _conversation_id(body: PromptBody) -> ConversationId | None:
    sent = body.conversation
    return _named("conversation", parse_conversation_id, sent if sent is None or isinstance(sent, str) else sent.id)


def _named(param: str, parse: Callable[[str], T], text: str | None) -> T | None:
    try:
        return None if text is None else parse(text)
    except NotFound as error:
        raise NotFound(error.message, param=param) from error


def _sampling_parameters(body: CreateResponseBody) -> dict[str, Any]:
    parameters = body.model_dump(mode="json", include=set(ENGINE_FIELDS), exclude_none=True)
    if LOGPROBS in (body.include or ()) or body.top_logprobs:
        parameters["logprobs"] = True
    else:
        parameters.pop("top_logprobs", None)
    return parameters


def _prompt_parameters(body: PromptBody) -> dict[str, Any]:
    """Tools, form and effort in the terms of chat completions, which engines speak."""
    parameters: dict[str, Any] = {}
    if body.tools:
        parameters["tools"] = [_chat_tool(tool) for tool in body.tools]
        # OpenAI's default, and what the response says; engines have defaults of their own.
        parameters["parallel_tool_calls"] = body.parallel_tool_calls is not False
    choice = _chat_tool_choice(body)
    if choice is not None:
        parameters["tool_choice"] = choice
    chat_format = _chat_format(body)
    if chat_format is not None:
        parameters["response_format"] = chat_format
    if body.reasoning is not None and body.reasoning.effort is not None:
        parameters["reasoning_effort"] = body.reasoning.effort
    return parameters


def _chat_tool(tool: FunctionTool) -> Mapping[str, Any]:
    return {"type": "function", "function": tool.model_dump(mode="json", exclude={"type"}, exclude_none=True)}


def _chat_tool_choice(body: PromptBody) -> Any:
    """Raises: InvalidRequest for a choice of what is not there."""
    names = {tool.name for tool in body.tools or ()}
    match body.tool_choice:
        case NamedTool(name=name) if name in names:
            return {"type": "function", "function": {"name": name}}
        case NamedTool():
            raise InvalidRequest("'tool_choice' names a function that is not among 'tools'.", param="tool_choice")
        case "required" if not names:
            raise InvalidRequest("A call is required and there are no 'tools'.", param="tool_choice")
        case choice:
            # Without tools nothing is called either way, and vLLM takes no choice then.
            return choice if names else None


def _chat_format(body: PromptBody) -> dict[str, Any] | None:
    wanted = body.text.format if body.text else None
    if wanted is None or wanted.type == "text":
        return None
    if isinstance(wanted, JsonSchemaFormat):
        schema = wanted.model_dump(mode="json", by_alias=True, exclude={"type"}, exclude_none=True)
        return {"type": "json_schema", "json_schema": schema}
    return {"type": wanted.type}
