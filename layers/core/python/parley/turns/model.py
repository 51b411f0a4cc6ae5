"""One turn: what is asked, how it ends, and the rules between."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from parley.conversations.model import FunctionCall, ItemContent, Message, Role
from parley.errors import ChatError
from parley.ids import ConversationId, ItemId, ResponseId, UserId
from parley.models.model import Delta, Model, Usage


class Status(StrEnum):
    """The life of a response, in OpenAI's words."""

    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    FAILED = "failed"


class StopReason(StrEnum):
    """Why a turn was made to end before its engine was done."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    SHUTDOWN = "shutdown"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class ConversationInput:
    """What a turn adds to a stored conversation. `replaces` is the user item from which on it takes the old items' place."""

    conversation_id: ConversationId
    contents: tuple[ItemContent, ...]
    replaces: ItemId | None = None


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A request that cannot be wrong any more.

    `parameters` go to the engine as they are. Either `messages` is the whole prompt, in OpenAI's shape, or `conversation`
    says what is new and the history is looked up.
    """

    user_id: UserId
    model: Model
    parameters: Mapping[str, Any] = field(repr=False)
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    conversation: ConversationInput | None = None
    max_tokens: int | None = None

    @property
    def answer_tokens(self) -> int:
        """What the answer may take: what was asked for, or else the model's own share."""
        return self.max_tokens or self.model.answer_tokens


@dataclass(frozen=True, slots=True)
class Record:
    """What was stored of a turn when it began."""

    conversation_id: ConversationId
    item_ids: tuple[ItemId, ...]
    output_item_id: ItemId


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended. `error` tells the reader why, where the engine did not end it well."""

    status: Status
    finish_reason: str | None
    usage: Usage | None = None
    error: ChatError | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything an engine said in one turn, put together from its deltas."""

    text: str = field(default="", repr=False)
    reasoning: str = field(default="", repr=False)
    tool_calls: tuple[FunctionCall, ...] = ()
    logprobs: Mapping[str, Any] | None = field(default=None, repr=False)

    def contents(self) -> tuple[ItemContent, ...]:
        """The items to store: the message where there is text, or nothing else, then the calls of tools."""
        said = (Message(Role.ASSISTANT, (self.text,)),) if self.text or not self.tool_calls else ()
        return (*said, *self.tool_calls)


@dataclass(frozen=True, slots=True)
class Response:
    """A stored turn as its owner sees it."""

    response_id: ResponseId
    conversation_id: ConversationId
    output_item_id: ItemId
    model: str
    status: Status
    finish_reason: str | None
    error_code: str | None
    usage: Usage | None
    created_at: datetime


def outcome_of(deltas: Iterable[Delta]) -> Outcome:
    """The outcome of a stream that ended by itself."""
    finish_reason, usage = None, None
    for delta in deltas:
        finish_reason = delta.finish_reason or finish_reason
        usage = delta.usage or usage
    # OpenAI's terms: an answer cut by max_tokens or a filter is incomplete.
    is_whole = finish_reason in {"stop", "tool_calls", "function_call"}
    return Outcome(Status.COMPLETED if is_whole else Status.INCOMPLETE, finish_reason, usage)


def outcome_of_stop(reason: StopReason) -> Outcome:
    """The outcome of a turn that was made to end; what it had said so far is kept."""
    if reason is StopReason.CANCELLED:
        return Outcome(Status.CANCELLED, "stop")
    return Outcome(Status.INCOMPLETE, "length")


def put_together(deltas: Iterable[Delta]) -> Answer:
    """The answer that the deltas add up to. Pieces of a tool call are joined by their `index`."""
    texts: list[str] = []
    reasoning: list[str] = []
    calls: dict[int, FunctionCall] = {}
    token_logprobs: list[Any] = []
    has_logprobs = False
    for delta in deltas:
        texts.append(delta.text)
        reasoning.append(delta.reasoning)
        for piece in delta.tool_calls:
            index = int(piece.get("index") or 0)
            calls[index] = _extended(calls.get(index), piece)
        if delta.logprobs is not None:
            has_logprobs = True
            token_logprobs.extend(delta.logprobs.get("content") or ())
    return Answer(
        "".join(texts),
        "".join(reasoning),
        tuple(calls[index] for index in sorted(calls)),
        {"content": token_logprobs, "refusal": None} if has_logprobs else None,
    )


def _extended(call: FunctionCall | None, piece: Mapping[str, Any]) -> FunctionCall:
    function: Mapping[str, Any] = piece.get("function") or {}
    arguments = str(function.get("arguments") or "")
    if call is None:
        return FunctionCall(str(piece.get("id") or ""), str(function.get("name") or ""), arguments)
    return replace(call, arguments=call.arguments + arguments)
