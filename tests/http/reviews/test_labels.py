"""Decisions as labelled data."""

import time

from parley.reviews.store import LABELS_LIMIT_BYTES
from tests.http.history.rest import Caller
from tests.http.reviews.flagging import REVIEWS, Flagged, flag_answer, flag_message

LABELS = f"{REVIEWS}/labels"


async def upheld(alice: Caller, rita: Caller, text: str = "Words") -> Flagged:
    flagged = await flag_message(alice, text)
    await flagged.decide(rita, "uphold")
    return flagged


async def test_a_decision_is_a_label_with_the_text_and_what_was_thought_of_it(alice: Caller, rita: Caller) -> None:
    before = await upheld(alice, rita)
    answer = await flag_answer(alice, "What it said", categories=["hate", "violence"])
    await answer.decide(rita, "approve")

    page = (await rita.get(LABELS, after=before.review_id)).json

    (label,) = page["data"]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (answer.review_id, answer.review_id)
    assert abs(label.pop("decided_at") - time.time()) < 60
    assert label == {
        "object": "review.label",
        "review_id": answer.review_id,
        "side": "output",
        "text": "What it said",
        "label": "approved",
        "categories": ["hate", "violence"],
        "scores": {"hate": 0.9, "violence": 0.2},
        "versions": {"keywords": "words-1", "classifier": "v7"},
    }


async def test_the_oldest_decision_comes_first_whatever_was_flagged_first(alice: Caller, rita: Caller) -> None:
    before = await upheld(alice, rita)
    first, second, third = [await flag_message(alice) for _ in range(3)]
    for flagged in (second, third, first):
        await flagged.decide(rita, "approve")

    page = (await rita.get(LABELS, after=before.review_id, limit=2)).json
    rest = (await rita.get(LABELS, after=page["last_id"], limit=2)).json

    assert [each["review_id"] for each in page["data"]] == [second.review_id, third.review_id]
    assert [each["review_id"] for each in rest["data"]] == [first.review_id]
    assert (page["has_more"], rest["has_more"]) == (True, False)


async def test_what_is_undecided_deleted_or_was_not_kept_is_no_label(alice: Caller, rita: Caller) -> None:
    before = await upheld(alice, rita)
    await flag_message(alice)
    escalated, deleted, unkept = await flag_message(alice), await upheld(alice, rita), await flag_answer(alice, None)
    await escalated.decide(rita, "escalate")
    await unkept.decide(rita, "uphold")
    await alice.delete(deleted.conversation)

    assert (await rita.get(LABELS, after=before.review_id)).json["data"] == []


async def test_a_page_of_long_texts_is_short(alice: Caller, rita: Caller) -> None:
    before = await upheld(alice, rita)
    # Control characters take six bytes each on the wire.
    long = [await upheld(alice, rita, "\x01" * 200_000) for _ in range(5)]

    first = await rita.get(LABELS, after=before.review_id)
    second = await rita.get(LABELS, after=first.json["last_id"])

    ids = [each["review_id"] for reply in (first, second) for each in reply.json["data"]]
    assert ids == [each.review_id for each in long]
    assert (len(first.json["data"]), first.json["has_more"], second.json["has_more"]) == (4, True, False)
    assert len(first.body) < LABELS_LIMIT_BYTES + 1_300_000


async def test_behind_what_is_open_again_there_is_no_page(alice: Caller, rita: Caller) -> None:
    flagged = await upheld(alice, rita)
    await flagged.appeal()

    reply = await rita.get(LABELS, after=flagged.review_id)

    assert (reply.status, reply.error["param"]) == (404, "after")
