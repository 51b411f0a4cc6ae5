"""`/v1/admin/reviews`: the queue, and one review in its context."""

import time
from typing import Any

import pytest

from parley.ids import new_uuid
from tests.http.history.rest import Api, Caller
from tests.http.reviews.flagging import REVIEWS, VERDICT, Flagged, flag_answer, flag_message


async def ids_of(reviewer: Caller, after: Flagged, **query: object) -> list[str]:
    """What was flagged after `after`, as the queue has it."""
    found: list[str] = []
    last = after.review_id
    while True:
        page = (await reviewer.get(REVIEWS, after=last, limit=2, **query)).json
        found += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            return found
        last = page["last_id"]


async def test_a_flagged_message_stands_in_the_queue_as_documented(alice: Caller, rita: Caller) -> None:
    before = await flag_message(alice)
    flagged = await flag_message(alice, "é" * 300, categories=["hate", "violence"], score=0.87654321)

    page = (await rita.get(REVIEWS, after=before.review_id)).json

    (review,) = page["data"]
    assert (page["object"], page["has_more"]) == ("list", False)
    assert (page["first_id"], page["last_id"]) == (flagged.review_id, flagged.review_id)
    assert abs(review.pop("created_at") - time.time()) < 60
    assert review == {
        "id": flagged.review_id,
        "object": "review",
        "state": "open",
        "side": "input",
        "action": "block",
        "enforced": True,
        "unjudged": False,
        "categories": ["hate", "violence"],
        "score": 0.8765,
        "decided_at": None,
        "appealed_at": None,
        "appeal_note": None,
        "user": f"usr_{alice.user_id.hex[:8]}",
        "excerpt": "é" * 200,
    }


async def test_pages_go_from_the_oldest_to_the_newest_and_back(alice: Caller, rita: Caller) -> None:
    before = await flag_message(alice)
    flagged = [(await flag_message(alice)).review_id for _ in range(5)]

    forwards = await ids_of(rita, before)
    backwards = (await rita.get(REVIEWS, after=flagged[-1], order="desc", limit=5)).json

    assert forwards == flagged
    assert [each["id"] for each in backwards["data"]] == [*reversed(flagged[:-1]), before.review_id]


async def test_a_review_that_is_decided_between_two_pages_keeps_its_place(alice: Caller, rita: Caller) -> None:
    first, second = await flag_message(alice), await flag_message(alice)

    await first.decide(rita, "uphold")

    assert await ids_of(rita, first) == [second.review_id]


async def test_each_filter_leaves_what_it_names(alice: Caller, rita: Caller) -> None:
    before = await flag_message(alice)
    plain = await flag_message(alice, action="review", categories=["violence"])
    answer = await flag_answer(alice)
    unjudged = await flag_message(alice, is_unjudged=True, categories=[])
    appealed = await flag_message(alice)
    await appealed.appeal()
    upheld, approved, escalated = [await flag_message(alice) for _ in range(3)]
    await upheld.decide(rita, "uphold")
    await approved.decide(rita, "approve")
    await escalated.decide(rita, "escalate")

    async def left(**query: object) -> list[str]:
        return await ids_of(rita, before, **query)

    names = [plain, answer, unjudged, appealed]
    assert await left() == await left(state="open") == [each.review_id for each in names]
    assert await left(state="all") == [each.review_id for each in (*names, upheld, approved, escalated)]
    for each, query in (
        (plain, {"category": "violence"}),
        (answer, {"side": "output"}),
        (unjudged, {"unjudged": "true"}),
        (appealed, {"appealed": "true"}),
        (upheld, {"state": "upheld"}),
        (approved, {"state": "approved"}),
        (escalated, {"state": "escalated"}),
    ):
        assert await left(**query) == [each.review_id]
    assert await left(side="input", appealed="false", unjudged="false") == [plain.review_id]


async def test_what_its_user_deleted_is_not_in_the_way_and_not_forgotten(alice: Caller, rita: Caller) -> None:
    before, deleted = await flag_message(alice), await flag_message(alice)
    await alice.delete(deleted.item)

    review = (await rita.get(deleted.review)).json

    assert await ids_of(rita, before) == []
    assert await ids_of(rita, before, state="all") == [deleted.review_id]
    assert (review["excerpt"], review["text"], review["verdict"], review["context"]) == (None, None, None, [])
    assert (review["categories"], review["score"]) == (["hate"], 0.9)


async def test_an_opened_review_shows_the_text_its_verdict_and_what_stood_around_it(
    alice: Caller, rita: Caller
) -> None:
    text = "Bad\n" + "x" * 300
    said = [f"Message {number}" for number in range(5)]
    flagged = await flag_message(alice, text, said, is_answered=True, context_items=2)
    await alice.post(f"{flagged.conversation}/items", {"items": [{"role": "user", "content": "Said later"}]})

    review = (await rita.get(flagged.review)).json

    assert (review["text"], review["excerpt"], review["verdict"]) == (text, text[:200], VERDICT)
    shown = [(each["role"], each["type"], each["text"], each["is_subject"]) for each in review["context"]]
    assert shown == [
        ("user", "message", "Message 3", False),
        ("user", "message", "Message 4", False),
        ("user", "message", text, True),
        ("assistant", "message", "An answer", False),
    ]
    assert review["context"][2]["id"] == flagged.item_id


async def test_long_texts_around_it_are_cut(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice, "Bad", ["y" * 20_000])

    context = (await rita.get(flagged.review)).json["context"]

    assert [len(each["text"]) for each in context] == [10_000, 3]


async def test_another_kind_of_item_around_it_has_its_own_id_and_text(alice: Caller, rita: Caller) -> None:
    items: list[dict[str, Any]] = [
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c", "output": "sunny"},
    ]
    path = await alice.create(items=[*items, {"role": "user", "content": "Bad"}])
    listed = (await alice.get(f"{path}/items", order="asc")).json["data"]
    flagged = await flag_message(alice, path=path)

    context = (await rita.get(flagged.review)).json["context"]

    assert [(each["id"], each["role"], each["text"]) for each in context] == [
        (listed[0]["id"], None, "Hm"),
        (listed[1]["id"], None, '{"a": 1}'),
        (listed[2]["id"], None, "sunny"),
        (listed[3]["id"], "user", "Bad"),
    ]


async def test_what_an_answer_said_is_shown_to_its_reviewer_alone(alice: Caller, rita: Caller) -> None:
    flagged = await flag_answer(alice, "Something withheld")

    review = (await rita.get(flagged.review)).json
    item = (await alice.get(flagged.item)).json

    assert (review["text"], review["excerpt"]) == ("Something withheld",) * 2
    assert [each["text"] for each in review["context"]] == ["Tell me", "Something withheld"]
    assert item["content"] == []


async def test_an_answer_whose_text_was_not_kept_can_be_decided_by_what_was_asked(alice: Caller, rita: Caller) -> None:
    flagged = await flag_answer(alice, withheld=None)

    review = (await rita.get(flagged.review)).json

    assert (review["text"], review["excerpt"]) == (None, None)
    assert [each["text"] for each in review["context"]] == ["Tell me", ""]


async def test_of_two_reviews_side_by_side_each_shows_its_own_part(alice: Caller, rita: Caller) -> None:
    first = await flag_answer(alice, "First secret", context_items=1)
    await alice.post(f"{first.conversation}/items", {"items": [{"role": "user", "content": "Bad"}]})
    second = await flag_message(alice, path=first.conversation, context_items=1)

    opened = (await rita.get(second.review)).json
    await alice.delete(second.item)
    deleted = (await rita.get(second.review)).json

    assert [each["text"] for each in opened["context"]] == ["", "Bad"]
    assert deleted["context"] == []


async def test_who_looks_is_noted_once_an_hour(alice: Caller, rita: Caller, ralf: Caller) -> None:
    flagged = await flag_message(alice)

    for reviewer in (rita, ralf, rita):
        review = (await reviewer.get(flagged.review)).json

    events = [(each["kind"], each["actor"], each["note"]) for each in review["events"]]
    assert events == [("viewed", f"usr_{each.user_id.hex[:8]}", None) for each in (rita, ralf)]
    assert abs(review["events"][0]["at"] - time.time()) < 60


@pytest.mark.parametrize(
    "verdict",
    [
        {"roles": "", "credential": "token"},
        {"roles": "user", "credential": "token"},
        {"roles": "", "credential": "key"},
        {"roles": "admin,reviewer", "credential": "key"},
        {"roles": "reviewer"},
    ],
)
async def test_no_route_is_open_to_who_is_no_reviewer_or_came_by_a_key(
    reviews_api: Api, alice: Caller, rita: Caller, verdict: dict[str, str]
) -> None:
    flagged, nobody = await flag_message(alice), Caller(reviews_api, verdict=verdict)
    unknown = f"rev_{new_uuid().hex}"

    replies = [
        await nobody.get(REVIEWS),
        await nobody.get(REVIEWS, limit="x"),
        await nobody.get(f"{REVIEWS}/labels"),
        await nobody.get(flagged.review),
        await nobody.get(f"{REVIEWS}/{unknown}"),
        await nobody.get(f"{REVIEWS}/wrong", limit=1),
        await flagged.decide(nobody, "approve"),
        await nobody.send(f"{REVIEWS}/{unknown}/decision", b"{"),
    ]

    assert [(each.status, each.error["code"]) for each in replies] == [(403, "permission_denied")] * len(replies)
    assert (await rita.get(flagged.review)).json["state"] == "open"


async def test_without_an_identity_there_is_no_queue(reviews_api: Api) -> None:
    assert (await reviews_api.call("GET", REVIEWS)).status == 401
