"""What a decision leaves, and what a label says of the scores."""

from datetime import UTC, datetime
from itertools import product
from typing import Any, get_args

import pytest

from parley.errors import ChatError, NotFound
from parley.ids import new_uuid
from parley.reviews.model import Decision, Label, ReviewId, State, parse_review_id, review_wire_id, state_after

# By the state before and the decision: what is left, or the code of the refusal. Whatever is not named here is left as asked.
REVIEWER: dict[tuple[State, Decision], str] = {
    **{(state, decision): "review_decided" for state in ("approved", "upheld") for decision in get_args(Decision)},
    ("escalated", "approve"): "permission_denied",
    ("escalated", "uphold"): "permission_denied",
    ("escalated", "escalate"): "review_decided",
}
ADMIN: dict[tuple[State, Decision], str] = {
    ("approved", "approve"): "review_decided",
    ("upheld", "uphold"): "review_decided",
    ("escalated", "escalate"): "review_decided",
}
LEFT: dict[Decision, str] = {"approve": "approved", "uphold": "upheld", "escalate": "escalated"}


@pytest.mark.parametrize(("state", "decision"), list(product(get_args(State), get_args(Decision))))
@pytest.mark.parametrize("is_admin", [False, True])
def test_every_decision_in_every_state_leaves_one_or_is_refused(
    state: State, decision: Decision, *, is_admin: bool
) -> None:
    try:
        outcome: str = state_after(state, decision, is_admin=is_admin)
    except ChatError as error:
        outcome = error.code

    assert outcome == (ADMIN if is_admin else REVIEWER).get((state, decision), LEFT[decision])


def label(verdict: dict[str, Any] | None) -> Label:
    return Label(ReviewId(new_uuid()), "input", "Hi", "upheld", (), verdict, datetime.now(UTC))


def test_a_label_has_the_highest_score_of_any_layer_and_each_layer_s_version() -> None:
    layers = [
        {"layer": "keywords", "version": "words-1", "scores": {"hate": 0.5, "sexual": 0.9}},
        {"layer": "classifier", "version": "v7", "scores": {"hate": 0.7}},
    ]

    labelled = label({"action": "block", "layers": layers})

    assert labelled.scores == {"hate": 0.7, "sexual": 0.9}
    assert labelled.versions == {"keywords": "words-1", "classifier": "v7"}


def test_a_label_without_a_verdict_has_neither_scores_nor_versions() -> None:
    assert (label(None).scores, label(None).versions) == ({}, {})


def test_a_review_s_id_on_the_wire_is_read_back() -> None:
    review_id = ReviewId(new_uuid())

    assert parse_review_id(review_wire_id(review_id)) == review_id
    with pytest.raises(NotFound):
        parse_review_id(f"rv_{review_id.hex}")


def test_no_text_is_in_what_is_printed_of_a_label() -> None:
    assert "Hi" not in repr(label(None))
