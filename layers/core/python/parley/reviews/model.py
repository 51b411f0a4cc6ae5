"""What moderation flagged, for people to look at, and what they may decide about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NewType
from uuid import UUID

from parley.errors import PermissionDenied, ReviewDecided
from parley.ids import ItemId, UserId, parse_wire_id, wire_id

ReviewId = NewType("ReviewId", UUID)

State = Literal["open", "approved", "upheld", "escalated"]
Side = Literal["input", "output"]
Decision = Literal["approve", "uphold", "escalate"]
EventKind = Literal["viewed", "approved", "upheld", "escalated", "appealed"]
ItemType = Literal["message", "function_call", "function_call_output", "reasoning"]

# What a decision leaves: the event of that name is the trail's.
STATE_AFTER: Mapping[Decision, Literal["approved", "upheld", "escalated"]] = {
    "approve": "approved",
    "uphold": "upheld",
    "escalate": "escalated",
}


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Whoever reads the queue. Only an admin decides what was escalated or decided before."""

    user_id: UserId
    is_admin: bool = False


@dataclass(frozen=True, slots=True)
class Review:
    """A flagged item. `user_id` said it, or was answered with it; `excerpt` is its first 200 characters, None where there is no
    text any more. `item_id` is None once its user has deleted it. `is_enforced`: what `action` says was done, not only recorded.
    """

    user_id: UserId
    review_id: ReviewId
    item_id: ItemId | None
    state: State
    side: Side
    action: Literal["review", "block"]
    is_enforced: bool
    is_unjudged: bool
    categories: Sequence[str]
    score: float
    appealed_at: datetime | None
    appeal_note: str | None = field(repr=False)
    created_at: datetime
    decided_at: datetime | None
    excerpt: str | None = field(repr=False)

    @property
    def was_blocked(self) -> bool:
        return self.action == "block" and self.is_enforced


@dataclass(frozen=True, slots=True)
class SeenItem:
    """An item around the flagged one, or that one itself. Of long texts only the beginning."""

    item_id: ItemId
    type: ItemType
    role: str | None
    text: str = field(repr=False)
    is_subject: bool


@dataclass(frozen=True, slots=True)
class Event:
    at: datetime
    kind: EventKind
    actor_id: UserId
    note: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a review is about, in full: both None where its user has deleted it, the text also where it was not kept."""

    text: str | None = field(repr=False)
    verdict: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class OpenedReview:
    """A review as whoever decides it sees it; `events` oldest first."""

    review: Review
    subject: Subject
    context: Sequence[SeenItem]
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class ReviewQuery:
    """Which reviews: None leaves a property open. Without `state` also those whose item is gone and that nobody decided."""

    state: State | None = "open"
    side: Side | None = None
    category: str | None = None
    is_appealed: bool | None = None
    is_unjudged: bool | None = None
    order: Literal["asc", "desc"] = "asc"
    limit: int = 20
    after: ReviewId | None = None


@dataclass(frozen=True, slots=True)
class ReviewPage:
    data: Sequence[Review]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Label:
    """A text and what a person decided about it."""

    review_id: ReviewId
    side: Side
    text: str = field(repr=False)
    label: Literal["approved", "upheld"]
    categories: Sequence[str]
    verdict: Mapping[str, Any] | None
    decided_at: datetime

    @property
    def scores(self) -> dict[str, float]:
        """The highest that any layer gave each category, of those that were stored."""
        scores: dict[str, float] = {}
        for layer in self._layers:
            for category, score in layer["scores"].items():
                scores[category] = max(score, scores.get(category, 0.0))
        return scores

    @property
    def versions(self) -> dict[str, str]:
        """By the layer's name."""
        return {layer["layer"]: layer["version"] for layer in self._layers}

    @property
    def _layers(self) -> Sequence[Mapping[str, Any]]:
        return self.verdict["layers"] if self.verdict else ()


@dataclass(frozen=True, slots=True)
class LabelPage:
    data: Sequence[Label]
    has_more: bool


@dataclass(frozen=True, slots=True)
class Appeal:
    """`is_new`: made just now, not before."""

    state: State
    appealed_at: datetime
    is_new: bool


def review_wire_id(review_id: ReviewId) -> str:
    return wire_id("rev", review_id)


def parse_review_id(text: str) -> ReviewId:
    """Raises: NotFound."""
    return ReviewId(parse_wire_id("rev", text))


def state_after(state: State, decision: Decision, *, is_admin: bool) -> Literal["approved", "upheld", "escalated"]:
    """The state that `decision` leaves. Raises: ReviewDecided, PermissionDenied."""
    after = STATE_AFTER[decision]
    if state == after:
        raise ReviewDecided(f"This review is {state} already.")
    if state in {"approved", "upheld"} and not is_admin:
        raise ReviewDecided(f"This review is {state} already. Only an admin can decide it again.")
    if state == "escalated" and not is_admin:
        raise PermissionDenied("This review was escalated: it is for an admin to decide.")
    return after
