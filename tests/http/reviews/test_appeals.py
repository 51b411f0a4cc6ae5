"""A user asks that a person look at what was blocked."""

import asyncio
import time
from typing import Any

import pytest

from parley.ids import new_uuid
from tests.http.history.rest import Caller
from tests.http.history.turns import unlist
from tests.http.reviews.flagging import flag_answer, flag_message


async def test_a_blocked_message_says_so_and_can_be_appealed(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice, before=["Hi"])

    before = (await alice.get(f"{flagged.conversation}/items", order="asc")).json["data"]
    reply = await flagged.appeal("It was a joke")
    after = (await alice.get(flagged.item)).json

    assert "moderation" not in before[0]
    assert before[1]["moderation"] == {"blocked": True, "review": {"state": "open", "appealed": False}}
    assert after["moderation"] == {"blocked": True, "review": {"state": "open", "appealed": True}}
    appealed_at = reply.json.pop("appealed_at") if isinstance(reply.json, dict) else None
    assert reply.json | {"appealed_at": 0} == {
        "object": "review.appeal",
        "item_id": flagged.item_id,
        "state": "open",
        "appealed_at": 0,
    }
    assert abs((appealed_at or 0) - time.time()) < 60
    review = (await rita.get(flagged.review)).json
    assert (review["appealed_at"], review["appeal_note"]) == (appealed_at, "It was a joke")
    assert [(each["kind"], each["actor"], each["note"]) for each in review["events"]][:1] == [
        ("appealed", f"usr_{alice.user_id.hex[:8]}", "It was a joke")
    ]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"note": null}'])
async def test_it_needs_no_reason(alice: Caller, rita: Caller, body: bytes) -> None:
    flagged = await flag_answer(alice)

    reply = await alice.send(f"{flagged.item}/appeal", body)

    assert reply.status == 200
    assert (await rita.get(flagged.review)).json["appeal_note"] is None


async def test_who_asks_again_is_told_what_came_of_it(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice)
    first = (await flagged.appeal("First")).json

    second = (await flagged.appeal("Second")).json
    await flagged.decide(rita, "approve")
    third = (await flagged.appeal()).json

    review = (await rita.get(flagged.review)).json
    assert (second, third) == (first, first | {"state": "approved"})
    assert review["appeal_note"] == "First"
    assert [each["kind"] for each in review["events"]] == ["appealed", "approved", "viewed"]


async def test_of_many_at_once_one_is_made(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice)

    replies = await asyncio.gather(*(flagged.appeal(str(number)) for number in range(5)))

    assert [each.json for each in replies] == [replies[0].json] * 5
    assert [each["kind"] for each in (await rita.get(flagged.review)).json["events"]] == ["appealed", "viewed"]


async def test_what_was_upheld_is_looked_at_again_and_then_no_more(alice: Caller, rita: Caller, ralf: Caller) -> None:
    flagged = await flag_message(alice)
    await flagged.decide(rita, "uphold")

    reopened = (await flagged.appeal()).json
    open_again = (await rita.get(flagged.review)).json
    decided = await flagged.decide(ralf, "uphold")
    again = (await flagged.appeal()).json

    assert (reopened["state"], open_again["state"], open_again["decided_at"]) == ("open", "open", None)
    assert (decided.status, again["state"]) == (200, "upheld")


async def test_what_was_escalated_stays_an_admin_s(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice)
    await flagged.decide(rita, "escalate")

    assert (await flagged.appeal()).json["state"] == "escalated"


@pytest.mark.parametrize("changes", [{"action": "review"}, {"is_enforced": False}])
async def test_what_was_only_flagged_says_nothing_and_cannot_be_appealed(
    alice: Caller, changes: dict[str, Any]
) -> None:
    flagged = await flag_message(alice, **changes)

    reply = await flagged.appeal()

    assert (reply.status, reply.error["code"]) == (400, "invalid_request")
    assert "moderation" not in (await alice.get(flagged.item)).json


async def test_what_nobody_blocked_or_was_let_through_cannot_be_appealed(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice, before=["Hi"])
    await flagged.decide(rita, "approve")
    first = (await alice.get(f"{flagged.conversation}/items", order="asc", limit=1)).json["data"][0]["id"]

    replies = [await flagged.appeal(), await alice.post(f"{flagged.conversation}/items/{first}/appeal", {})]

    assert [(each.status, each.error["code"]) for each in replies] == [(400, "invalid_request")] * 2


async def test_another_s_item_is_not_there(alice: Caller, bob: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice)
    own = await bob.create_with("Hi")

    replies = [
        await bob.post(f"{flagged.item}/appeal", {}),
        await bob.post(f"{own}/items/{flagged.item_id}/appeal", {}),
        await alice.post(f"{await alice.create()}/items/{flagged.item_id}/appeal", {}),
        await alice.post(f"{flagged.conversation}/items/msg_{new_uuid().hex}/appeal", {}),
        await alice.post(f"{flagged.conversation}/items/{flagged.item_id.replace('msg', 'fc')}/appeal", {}),
        await alice.post(f"{flagged.conversation}/items/nonsense/appeal", {}),
    ]

    assert [(each.status, each.error["code"]) for each in replies] == [(404, "not_found")] * 6
    assert (await rita.get(flagged.review)).json["appealed_at"] is None


async def test_an_item_of_a_chain_of_responses_is_not_listed(alice: Caller) -> None:
    flagged = await flag_message(alice)
    await unlist(alice.api.app.state.history, alice.user_id, flagged.conversation)

    assert (await flagged.appeal()).status == 404


async def test_a_blocked_item_can_be_added_to_another_conversation_as_it_was_listed(alice: Caller) -> None:
    flagged = await flag_message(alice)
    listed = (await alice.get(f"{flagged.conversation}/items")).json["data"]

    added = await alice.post(f"{await alice.create()}/items", {"items": listed})

    assert added.status == 200
    assert "moderation" not in added.json["data"][0]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b'{"note": 7}', "note"),
        (b'{"note": ["a"]}', "note"),
        (b'{"note": "' + b"x" * 1001 + b'"}', "note"),
        (b'{"note": "a\\u0000b"}', None),
        (b'{"reason": "a"}', "reason"),
        (b"[]", None),
        (b"{", None),
    ],
)
async def test_a_wrong_appeal_is_refused_by_name(alice: Caller, body: bytes, param: str | None) -> None:
    flagged = await flag_message(alice)

    reply = await alice.send(f"{flagged.item}/appeal", body)

    assert (reply.status, reply.error["param"]) == (400, param)


async def test_the_longest_note_fits_whatever_it_is_made_of(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice)

    assert (await flagged.appeal("👍" * 1000)).status == 200
    assert (await flagged.decide(rita, "uphold", "👍" * 2000)).status == 200


async def test_an_appeal_takes_no_parameters(alice: Caller) -> None:
    flagged = await flag_message(alice)

    reply = await alice.send(f"{flagged.item}/appeal", b"{}", "force=true")

    assert (reply.status, reply.error["param"]) == (400, "force")
