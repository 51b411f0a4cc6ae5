"""One turn: what is asked, how it ends, and the rules between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, Self

from parley.conversations.model import ItemContent
from parley.errors import ChatError, ContentBlocked, EngineFailed
from parley.ids import ConversationId, ItemId, ResponseId, UserId
from parley.models.model import Model, Usage
from parley.moderation.model import Verdict, verdict_to_json

Side = Literal["input", "output"]

# How an answer ended that was taken back. Clients read `content_filter`, which an engine may say as well, of what it leaves out.
WITHHELD = "withheld"

# A background turn is tried three times in all. Its lease moves on when it is taken (1, 3, 5) and when it is queued again.
LAST_LEASE = 5


class Status(StrEnum):
    """The life of a response, in OpenAI's words. Only a background turn is ever `queued`."""

    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    INCOMPLETE = "incomplete"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def is_settled(self) -> bool:
        return self not in {Status.QUEUED, Status.IN_PROGRESS}


class StopReason(StrEnum):
    """Why a turn was made to end before its engine was done."""

    CANCELLED = "cancelled"
    DEADLINE = "deadline"
    SHUTDOWN = "shutdown"
    ABANDONED = "abandoned"
    TOO_LONG = "too_long"
    # What was asked is against the policy.
    BLOCKED = "blocked"
    # What was answered is.
    WITHHELD = "withheld"
    # Another process has taken the turn over or settled it: nothing of this one counts any more.
    LEASE_LOST = "lease_lost"


@dataclass(frozen=True, slots=True)
class TurnInput:
    """What a turn adds, as items, and to what: a conversation, the chain of a previous response, or nothing.

    `replaces` is the user item from which on the new items take the old ones' place. With `may_truncate` the older part of
    a history that is too long is left out of the prompt; without, it is refused.
    """

    contents: tuple[ItemContent, ...]
    conversation_id: ConversationId | None = None
    previous_response_id: ResponseId | None = None
    replaces: ItemId | None = None
    is_stored: bool = True
    may_truncate: bool = True

    @property
    def has_history(self) -> bool:
        return self.conversation_id is not None or self.previous_response_id is not None


@dataclass(frozen=True, slots=True)
class Idempotency:
    """By what a request is known when it comes again. `request_hash` is the SHA-256 of path and body.

    With a `key` of the client's it is known for as long as its response is kept; without one only for a moment, and only
    where the client says that it tries again (`is_retry`).
    """

    request_hash: bytes
    key: str | None = None
    is_retry: bool = False


class RouteReason(StrEnum):
    """Why a model answers."""

    REQUESTED = "requested"
    POOL_SATURATED = "pool_saturated"
    POOL_UNAVAILABLE = "pool_unavailable"


@dataclass(frozen=True, slots=True)
class ChatTurn:
    """A request that cannot be wrong any more.

    `parameters` go to the engine as they are. Either `messages` is the whole prompt, in OpenAI's chat shape, or `input`
    says what is new and the history, if there is one, is looked up. `instructions` stand in front of the prompt and are kept
    with the response, not in the conversation. `request` is what the response says of its request; it is stored and given
    back, never read here. `model` is the one that answers: `degraded_from` is the name of the one that was asked for, where
    its pool has no room (`route_reason`). `tier` is None for what no user asks for.
    """

    user_id: UserId
    model: Model
    parameters: Mapping[str, Any] = field(repr=False)
    messages: Sequence[Mapping[str, Any]] = field(default=(), repr=False)
    input: TurnInput | None = None
    instructions: str | None = field(default=None, repr=False)
    max_tokens: int | None = None
    request: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    is_background: bool = False
    idempotency: Idempotency | None = None
    request_id: str | None = None
    tier: str | None = None
    degraded_from: str | None = None
    route_reason: RouteReason = RouteReason.REQUESTED

    def moved_to(self, model: Model, reason: RouteReason) -> Self:
        """The same turn, answered by another model than the one it is with."""
        return replace(self, model=model, degraded_from=self.degraded_from or self.model.name, route_reason=reason)

    @property
    def answer_tokens(self) -> int:
        """What the answer may take: what was asked for, or else the model's own share."""
        return self.max_tokens or self.model.answer_tokens

    @property
    def is_stored(self) -> bool:
        return self.input is not None and self.input.is_stored


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """What was found in one text. `item_id` is None where it stands in no item, `review` where nobody has to look at it."""

    item_id: ItemId | None
    verdict: Verdict
    is_blocked: bool
    # As `settle_turn` takes it.
    review: Mapping[str, Any] | None = field(default=None, repr=False)

    def of_first(self, promised: ItemId, written: Sequence[ItemId]) -> Self:
        """The same, about the first item of an answer that has no message, which was promised."""
        if self.item_id != promised or promised in written or not written:
            return self
        review = {**self.review, "item_id": written[0]} if self.review else None
        return replace(self, item_id=written[0], review=review)

    def to_json(self) -> dict[str, Any]:
        """As `settle_turn` takes it."""
        return {
            "item_id": self.item_id,
            "verdict": verdict_to_json(self.verdict),
            "is_blocked": self.is_blocked,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a turn ended. `error` tells the reader why, where the engine did not end it well."""

    status: Status
    finish_reason: str | None
    usage: Usage | None = None
    error: ChatError | None = None

    @property
    def is_withheld(self) -> bool:
        """Whether the answer was taken back: nothing of it is shown any more."""
        return self.finish_reason == WITHHELD


@dataclass(frozen=True, slots=True)
class Response:
    """What is known of a turn from its beginning on, the same in every process and for as long as it is kept.

    `conversation_id` is None where nothing is stored. A conversation that is not listed holds a chain of responses and is
    never shown. The items of the answer have ids that follow from `output_item_id`: `answer.item_ids_for`.
    """

    response_id: ResponseId
    user_id: UserId
    model: str
    created_at: datetime
    output_item_id: ItemId
    conversation_id: ConversationId | None = None
    is_listed: bool = False
    # With the type of each item, for its id on the wire; empty where the response was looked up.
    input_items: tuple[tuple[ItemId, ItemContent], ...] = field(default=(), repr=False)
    previous_response_id: ResponseId | None = None
    instructions: str | None = field(default=None, repr=False)
    request: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)
    is_background: bool = False
    # The model that was asked for, where another answers; known only to the process that runs the turn, and to its receipt.
    degraded_from: str | None = None

    @property
    def is_stored(self) -> bool:
        return self.conversation_id is not None


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """A stored turn as it is now. `output` is empty until it is settled."""

    response: Response
    status: Status
    finish_reason: str | None = None
    error_code: str | None = None
    usage: Usage | None = None
    settled_at: datetime | None = None
    output: tuple[ItemContent, ...] = field(default=(), repr=False)
    lease_epoch: int = 1


_ERRORS: Mapping[str, type[ChatError]] = {each.code: each for each in ChatError.__subclasses__()}


def error_of(code: str | None) -> ChatError | None:
    """The error that a settled turn is remembered by."""
    if code is None:
        return None
    if code == ContentBlocked.code:
        return blocked()
    kind = _ERRORS.get(code, EngineFailed)
    return kind("The answer broke off. What it had written is kept.")


def blocked(*, is_reviewed: bool = False) -> ContentBlocked:
    """`is_reviewed`: what is blocked stands in an item that people can look at."""
    return ContentBlocked(
        "This message is against the rules of this service, and was not answered. Nothing was charged for it. "
        f"If you think that is a mistake, say it in other words{', or ask for a review' if is_reviewed else ''}."
    )


def withheld_message(response: Response) -> str:
    """What the reader of an answer is told that was taken back. Of what is not stored there is nothing to review."""
    return (
        "This answer was against the rules of this service, and was taken back. "
        f"If you think that is a mistake, {'ask for a review, or ' if response.is_stored else ''}ask in other words."
    )


def wire_finish_reason(finish_reason: str | None) -> str | None:
    """In OpenAI's words."""
    return "content_filter" if finish_reason == WITHHELD else finish_reason


def outcome_of(finish_reason: str | None, usage: Usage | None) -> Outcome:
    """The outcome of a stream that ended by itself."""
    # OpenAI's terms: an answer cut by max_tokens or a filter is incomplete.
    is_whole = finish_reason in {"stop", "tool_calls", "function_call"}
    return Outcome(Status.COMPLETED if is_whole else Status.INCOMPLETE, finish_reason, usage)


def outcome_of_stored(stored: StoredResponse) -> Outcome:
    """How a settled turn ended, as the database has it."""
    return Outcome(stored.status, stored.finish_reason, stored.usage, error_of(stored.error_code))


def outcome_of_stop(reason: StopReason, *, is_reviewed: bool = False) -> Outcome:
    """The outcome of a turn that was made to end; what it had said so far is kept. `is_reviewed`: as for `blocked`."""
    if reason is StopReason.CANCELLED:
        return Outcome(Status.CANCELLED, "stop")
    if reason is StopReason.BLOCKED:
        return Outcome(Status.FAILED, None, error=blocked(is_reviewed=is_reviewed))
    if reason is StopReason.WITHHELD:
        return Outcome(Status.INCOMPLETE, WITHHELD)
    if reason is StopReason.LEASE_LOST:
        return Outcome(Status.INCOMPLETE, None, error=error_of(EngineFailed.code))
    return Outcome(Status.INCOMPLETE, "length")
