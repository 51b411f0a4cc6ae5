"""Decisions: what they leave, who may take them, and the trail."""

import asyncio
from typing import Any

import orjson
import pytest

from parley.ids import parse_conversation_id
from parley.kit.postgres import transaction
from tests.http.history.rest import Caller, Reply
from tests.http.reviews.flagging import REVIEWS, Flagged, flag_answer, flag_message


async def prompt_of(flagged: Flagged) -> list[Any]:
    """What later prompts of the conversation are read from."""
    user = flagged.user
    async with transaction(user.api.app.state.history.pool, user.user_id) as connection:
        cursor = await connection.execute(
            "SELECT content -> 'texts', token_count FROM read_conversation(%s, %s, NULL)",
            (user.user_id, parse_conversation_id(flagged.conversation.rpartition("/")[2])),
        )
        return await cursor.fetchall()


def trail(reply: Reply) -> list[tuple[str, str | None]]:
    return [(each["kind"], each["note"]) for each in reply.json["events"]]


def metrics(output: str) -> list[str]:
    """The names of what was counted."""
    lines = [orjson.loads(line) for line in output.splitlines()]
    return [
        each["Name"] for line in lines if "_aws" in line for each in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]
    ]


async def test_what_is_approved_is_let_through(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice, "Fine words", ["Hi"])
    blocked = await prompt_of(flagged)

    reply = await flagged.decide(rita, "approve", "Nothing wrong with it")

    item = (await alice.get(flagged.item)).json
    assert (reply.status, reply.json["state"]) == (200, "approved")
    assert abs(reply.json["decided_at"] - reply.json["created_at"]) < 60
    assert trail(reply) == [("approved", "Nothing wrong with it")]
    assert reply.json["events"][0]["actor"] == f"usr_{rita.user_id.hex[:8]}"
    assert [texts for texts, _ in blocked] == [["Hi"]]
    assert [texts for texts, _ in await prompt_of(flagged)] == [["Hi"], ["Fine words"]]
    assert item["moderation"] == {"blocked": False, "review": {"state": "approved", "appealed": False}}


async def test_an_approved_answer_has_its_text_again(alice: Caller, rita: Caller) -> None:
    flagged = await flag_answer(alice, "A good answer", score=0.8)

    await flagged.decide(rita, "approve")

    item = (await alice.get(flagged.item)).json
    assert [each["text"] for each in item["content"]] == ["A good answer"]
    # It broke off there, and has to be counted anew.
    assert item["status"] == "incomplete"
    assert await prompt_of(flagged) == [(["Tell me"], None), (["A good answer"], None)]
    assert (await rita.get(flagged.review)).json["verdict"]["action"] == "block"


async def test_an_answer_whose_text_was_not_kept_is_let_through_without(alice: Caller, rita: Caller) -> None:
    flagged = await flag_answer(alice, withheld=None)

    await flagged.decide(rita, "approve")

    item = (await alice.get(flagged.item)).json
    assert (item["content"], item["moderation"]["blocked"]) == ([], False)


async def test_what_is_upheld_stays_blocked(alice: Caller, rita: Caller) -> None:
    flagged = await flag_answer(alice)

    reply = await flagged.decide(rita, "uphold")

    item = (await alice.get(flagged.item)).json
    assert (reply.json["state"], [each["text"] for each in item["content"]]) == ("upheld", [""])
    assert item["moderation"] == {"blocked": True, "review": {"state": "upheld", "appealed": False}}


@pytest.mark.parametrize("decision", ["approve", "uphold", "escalate"])
@pytest.mark.parametrize("changes", [{"action": "review"}, {"is_enforced": False}])
async def test_what_was_let_through_stays_so_whatever_is_decided(
    alice: Caller, rita: Caller, decision: str, changes: dict[str, Any]
) -> None:
    flagged = await flag_message(alice, "Words", **changes)

    reply = await flagged.decide(rita, decision)

    assert reply.status == 200
    assert [texts for texts, _ in await prompt_of(flagged)] == [["Words"]]


async def test_what_was_escalated_is_for_an_admin_to_decide(
    alice: Caller, rita: Caller, ralf: Caller, ada: Caller
) -> None:
    flagged = await flag_message(alice)
    escalated = await flagged.decide(rita, "escalate", "Not sure")

    by_reviewer = [await flagged.decide(ralf, decision) for decision in ("approve", "uphold")]
    again = await flagged.decide(ralf, "escalate")
    by_admin = await flagged.decide(ada, "approve")

    assert (escalated.json["state"], escalated.json["decided_at"]) == ("escalated", None)
    assert [(each.status, each.error["code"]) for each in by_reviewer] == [(403, "permission_denied")] * 2
    assert (again.status, again.error["code"]) == (400, "review_decided")
    assert trail(by_admin) == [("escalated", "Not sure"), ("approved", None)]


@pytest.mark.parametrize("first", ["approve", "uphold"])
@pytest.mark.parametrize("second", ["approve", "uphold", "escalate"])
async def test_what_is_decided_is_not_decided_again_by_a_reviewer(
    alice: Caller, rita: Caller, ralf: Caller, first: str, second: str
) -> None:
    flagged = await flag_message(alice)
    await flagged.decide(rita, first)

    reply = await flagged.decide(ralf, second)

    assert (reply.status, reply.error["code"]) == (400, "review_decided")
    assert len((await rita.get(flagged.review)).json["events"]) == 2  # the decision, and this look


async def test_an_admin_takes_a_decision_back(alice: Caller, rita: Caller, ada: Caller) -> None:
    flagged = await flag_answer(alice, "An answer")
    await flagged.decide(rita, "approve")

    again = await flagged.decide(ada, "approve")
    reply = await flagged.decide(ada, "uphold", "It is not fine")

    item = (await alice.get(flagged.item)).json
    assert (again.status, again.error["code"]) == (400, "review_decided")
    assert trail(reply) == [("approved", None), ("upheld", "It is not fine")]
    # As an answer is stored that is taken back at once.
    assert [each["text"] for each in item["content"]] == [""]
    assert item["moderation"]["review"]["state"] == "upheld"
    assert [texts for texts, _ in await prompt_of(flagged)] == [["Tell me"]]


async def test_an_admin_opens_the_question_again_for_another_admin(alice: Caller, rita: Caller, ada: Caller) -> None:
    flagged = await flag_message(alice)
    await flagged.decide(rita, "uphold")

    reply = await flagged.decide(ada, "escalate")

    assert (reply.json["state"], reply.json["decided_at"]) == ("escalated", None)


@pytest.mark.parametrize("role", ["reviewer", "admin"])
async def test_nobody_decides_about_an_item_of_his_own(alice: Caller, rita: Caller, role: str) -> None:
    flagged = await flag_message(alice)
    herself = Caller(rita.api, alice.user_id, {"roles": role, "credential": "token"})

    reply = await flagged.decide(herself, "approve")

    assert (reply.status, reply.error["code"]) == (403, "permission_denied")
    assert "your own" in reply.error["message"]
    opened = (await herself.get(flagged.review)).json
    assert (opened["state"], [each["kind"] for each in opened["events"]]) == ("open", ["viewed"])


async def test_of_two_who_decide_at_once_one_is_told_so(alice: Caller, rita: Caller, ralf: Caller) -> None:
    flagged = await flag_message(alice)

    replies = await asyncio.gather(flagged.decide(rita, "approve"), flagged.decide(ralf, "uphold"))

    won, lost = sorted(replies, key=lambda each: each.status)
    assert (won.status, lost.status, lost.error["code"]) == (200, 400, "review_decided")
    review = (await rita.get(flagged.review)).json
    assert review["state"] == won.json["state"]
    assert [each["kind"] for each in review["events"]] == [won.json["state"], "viewed"]


async def test_what_its_user_deleted_meanwhile_can_still_be_decided(alice: Caller, rita: Caller) -> None:
    flagged = await flag_answer(alice)
    await alice.delete(flagged.conversation)

    reply = await flagged.decide(rita, "approve")

    assert (reply.json["state"], reply.json["excerpt"]) == ("approved", None)
    assert (await alice.get(flagged.item)).status == 404


@pytest.mark.parametrize("what", ["item", "conversation"])
async def test_neither_a_decision_nor_a_deletion_stands_in_the_other_s_way(
    alice: Caller, rita: Caller, what: str
) -> None:
    flagged = [await flag_answer(alice) for _ in range(25)]

    for each in flagged:
        decided, deleted = await asyncio.gather(each.decide(rita, "approve"), alice.delete(getattr(each, what)))
        assert (decided.status, deleted.status) == (200, 200)
    reviews = [(await rita.get(each.review)).json for each in flagged]

    assert {(each["state"], each["text"]) for each in reviews} == {("approved", None)}


async def test_each_decision_is_counted_and_none_of_the_text_is_logged(
    alice: Caller, rita: Caller, ada: Caller, capfd: pytest.CaptureFixture[str]
) -> None:
    flagged = await flag_answer(alice, "WITHHELD-WORDS")
    capfd.readouterr()

    await flagged.appeal("APPEAL-WORDS")
    await rita.get(flagged.review)
    await rita.get(REVIEWS)
    await flagged.decide(rita, "escalate", "NOTE-WORDS")
    await flagged.decide(ada, "uphold", "NOTE-WORDS")
    await flagged.decide(ada, "approve", "NOTE-WORDS")
    await flagged.decide(ada, "approve", "NOTE-WORDS")
    await ada.get(f"{REVIEWS}/labels")

    output = capfd.readouterr()
    assert metrics(output.out) == ["ReviewsAppealed", "ReviewsEscalated", "ReviewsUpheld", "ReviewsApproved"]
    assert "WORDS" not in output.out + output.err
