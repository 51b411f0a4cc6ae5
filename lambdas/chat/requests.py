"""From a parsed request to a turn that cannot be wrong."""

from collections.abc import Iterable, Sequence

from lambdas.chat.origin import Origin
from lambdas.chat.schemas import (
    AssistantMessage,
    ChatMessage,
    CompletionRequest,
    SystemMessage,
    ToolMessage,
    UserMessage,
    engine_messages,
    engine_parameters,
    texts_of,
)
from parley.accounts.model import Identity
from parley.conversations.model import FunctionCall, FunctionCallOutput, ItemContent, Message, Role, parse_item_id
from parley.errors import InvalidRequest, RequestTooLarge, UnsupportedParameter
from parley.ids import ItemId, parse_conversation_id
from parley.models.model import Model, needs_of, require
from parley.models.service import Catalogue
from parley.turns.model import ChatTurn, TurnInput


async def to_turn(
    request: CompletionRequest,
    asker: Identity,
    catalogue: Catalogue,
    message_limit_bytes: int,
    origin: Origin,
) -> ChatTurn:
    """Raises: InvalidRequest, UnsupportedParameter, RequestTooLarge, NotFound, ModelNotFound, EngineUnavailable."""
    messages = _messages(request)
    _check_texts(messages, message_limit_bytes)
    turn_input = _turn_input(request, messages)
    model, parameters = await _model(request, catalogue, asker.tier), engine_parameters(request)
    require(model, needs_of(parameters))
    return ChatTurn(
        user_id=asker.user_id,
        tier=asker.tier,
        model=model,
        parameters=parameters,
        messages=() if turn_input else engine_messages(messages),
        input=turn_input,
        max_tokens=_max_tokens(request),
        idempotency=origin.idempotency,
        request_id=origin.request_id,
    )


def _messages(request: CompletionRequest) -> Sequence[ChatMessage]:
    if request.message is None:
        if request.messages is None:
            raise InvalidRequest("Missing required parameter: 'messages'.", param="messages")
        return request.messages
    if request.messages is not None:
        raise InvalidRequest("Send either 'messages' or 'message', not both.", param="message")
    if request.conversation_id is None:
        raise InvalidRequest("'message' goes with 'conversation_id'.", param="conversation_id")
    return [UserMessage(role="user", content=request.message)]


def _check_texts(messages: Sequence[ChatMessage], limit_bytes: int) -> None:
    for index, message in enumerate(messages):
        texts = texts_of(message.content)
        param = f"messages[{index}].content"
        if isinstance(message, UserMessage) and not any(text.strip() for text in texts):
            raise InvalidRequest("A message of the user is empty.", param=param)
        if isinstance(message, AssistantMessage) and message.content is None and not message.tool_calls:
            raise InvalidRequest("A message of the assistant has neither content nor tool calls.", param=param)
        size_bytes = sum(len(text.encode()) for text in texts)
        if size_bytes > limit_bytes:
            raise RequestTooLarge(f"A message of {size_bytes} bytes is over the limit of {limit_bytes}.", param=param)


def _turn_input(request: CompletionRequest, messages: Sequence[ChatMessage]) -> TurnInput | None:
    if request.conversation_id is None:
        if request.replaces_item_id is not None:
            raise InvalidRequest("'replaces_item_id' goes with 'conversation_id'.", param="conversation_id")
        return None
    return TurnInput(
        tuple(content for message in messages for content in _contents(message)),
        conversation_id=parse_conversation_id(request.conversation_id),
        replaces=_replaces(request),
    )


def _replaces(request: CompletionRequest) -> ItemId | None:
    if request.replaces_item_id is None:
        return None
    return parse_item_id(request.replaces_item_id).item_id


def _contents(message: ChatMessage) -> Iterable[ItemContent]:
    match message:
        case SystemMessage() | UserMessage() | AssistantMessage() if message.name is not None:
            raise UnsupportedParameter("Stored conversations keep no names of speakers.", param="messages.name")
        case ToolMessage():
            yield FunctionCallOutput(message.tool_call_id, "\n".join(texts_of(message.content)))
        case AssistantMessage():
            if message.content is not None:
                yield Message(Role.ASSISTANT, texts_of(message.content))
            for call in message.tool_calls or ():
                yield FunctionCall(call.id, call.function.name, call.function.arguments)
        case SystemMessage() | UserMessage():
            yield Message(Role(message.role), texts_of(message.content))


async def _model(request: CompletionRequest, catalogue: Catalogue, tier: str) -> Model:
    if request.model is not None:
        return await catalogue.get(request.model, tier)
    if request.message is None:
        raise InvalidRequest("Missing required parameter: 'model'.", param="model")
    return await catalogue.default(tier)


def _max_tokens(request: CompletionRequest) -> int | None:
    if request.max_tokens is not None and request.max_completion_tokens is not None:
        raise InvalidRequest("Send either 'max_tokens' or 'max_completion_tokens', not both.", param="max_tokens")
    return request.max_completion_tokens or request.max_tokens
