"""What reviewers get. Users are shown by the beginning of their id: enough to tell them apart in a queue."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from parley.conversations.model import typed_wire_id
from parley.ids import UserId
from parley.reviews.model import Event, Label, LabelPage, OpenedReview, Review, SeenItem, review_wire_id


def review_document(review: Review) -> dict[str, Any]:
    return {
        "id": review_wire_id(review.review_id),
        "object": "review",
        "state": review.state,
        "side": review.side,
        "action": review.action,
        "enforced": review.is_enforced,
        "unjudged": review.is_unjudged,
        "categories": review.categories,
        "score": round(review.score, 4),
        "created_at": _unix_s(review.created_at),
        "decided_at": _unix_s(review.decided_at) if review.decided_at else None,
        "appealed_at": _unix_s(review.appealed_at) if review.appealed_at else None,
        "appeal_note": review.appeal_note,
        "user": _user(review.user_id),
        "excerpt": review.excerpt,
    }


def opened_document(opened: OpenedReview) -> dict[str, Any]:
    return {
        **review_document(opened.review),
        "text": opened.subject.text,
        "verdict": opened.subject.verdict,
        "context": [_seen_document(each) for each in opened.context],
        "events": [_event_document(each) for each in opened.events],
    }


def decided_document(review: Review, events: Sequence[Event]) -> dict[str, Any]:
    return {**review_document(review), "events": [_event_document(each) for each in events]}


def labels_document(page: LabelPage) -> dict[str, Any]:
    data = [_label_document(each) for each in page.data]
    return {
        "object": "list",
        "data": data,
        "first_id": data[0]["review_id"] if data else None,
        "last_id": data[-1]["review_id"] if data else None,
        "has_more": page.has_more,
    }


def _label_document(label: Label) -> dict[str, Any]:
    return {
        "object": "review.label",
        "review_id": review_wire_id(label.review_id),
        "side": label.side,
        "text": label.text,
        "label": label.label,
        "categories": label.categories,
        "scores": label.scores,
        "versions": label.versions,
        "decided_at": _unix_s(label.decided_at),
    }


def _seen_document(seen: SeenItem) -> dict[str, Any]:
    return {
        "id": typed_wire_id(seen.type, seen.item_id),
        "role": seen.role,
        "type": seen.type,
        "text": seen.text,
        "is_subject": seen.is_subject,
    }


def _event_document(event: Event) -> dict[str, Any]:
    return {"at": _unix_s(event.at), "kind": event.kind, "actor": _user(event.actor_id), "note": event.note}


def _user(user_id: UserId) -> str:
    return f"usr_{user_id.hex[:8]}"


def _unix_s(moment: datetime) -> int:
    return int(moment.timestamp())
