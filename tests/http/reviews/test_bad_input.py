"""Whatever a reviewer sends is understood or refused by name; nothing is a 500."""

import pytest

from parley.ids import new_uuid
from tests.http.history.rest import Api, Caller
from tests.http.reviews.flagging import REVIEWS, flag_message


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"limit": "abc"}, "limit"),
        ({"limit": ""}, "limit"),
        ({"state": "closed"}, "state"),
        ({"state": ""}, "state"),
        ({"side": "both"}, "side"),
        ({"category": "rudeness"}, "category"),
        ({"appealed": "maybe"}, "appealed"),
        ({"unjudged": "2"}, "unjudged"),
        ({"order": "random"}, "order"),
        ({"user": "usr_00000000"}, "user"),
        ({"before": f"rev_{'0' * 32}"}, "before"),
        ({"after": ""}, "after"),
        ({"after": "rev_1"}, "after"),
        ({"after": f"rev_{'0' * 32}"}, "after"),
        ({"after": f"conv_{'0' * 32}"}, "after"),
        ({"after": f"rev_{'G' * 32}"}, "after"),
    ],
)
async def test_a_wrong_parameter_of_the_queue_is_named(rita: Caller, query: dict[str, object], param: str) -> None:
    reply = await rita.get(REVIEWS, **query)

    assert (reply.status, reply.error["param"]) == (404 if param == "after" else 400, param)


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ({"limit": 0}, 400, "limit"),
        ({"limit": 501}, 400, "limit"),
        ({"limit": "abc"}, 400, "limit"),
        ({"state": "approved"}, 400, "state"),
        ({"after": "x"}, 404, "after"),
        ({"after": f"rev_{'0' * 32}"}, 404, "after"),
    ],
)
async def test_a_wrong_parameter_of_the_labels_is_named(
    rita: Caller, query: dict[str, object], status: int, param: str
) -> None:
    reply = await rita.get(f"{REVIEWS}/labels", **query)

    assert (reply.status, reply.error["param"]) == (status, param)


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", "decision"),
        (b"{}", "decision"),
        (b'{"decision": null}', "decision"),
        (b'{"decision": "delete"}', "decision"),
        (b'{"decision": "approved"}', "decision"),
        (b'{"decision": ["approve"]}', "decision"),
        (b'{"decision": "approve", "note": 7}', "note"),
        (b'{"decision": "approve", "note": "' + b"x" * 2001 + b'"}', "note"),
        (b'{"decision": "approve", "note": "a\\u0000b"}', None),
        (b'{"decision": "approve", "note": "\\ud83d"}', None),
        (b'{"decision": "approve", "state": "open"}', "state"),
        (b'{"decision": "approve", "actor_id": "x"}', "actor_id"),
        (b"[]", None),
        (b"{", None),
        (b"\xff", None),
        (b"[" * 100_000, None),
    ],
)
async def test_a_wrong_decision_is_refused_by_name_and_decides_nothing(
    alice: Caller, rita: Caller, body: bytes, param: str | None
) -> None:
    flagged = await flag_message(alice)

    reply = await rita.send(f"{flagged.review}/decision", body)

    assert (reply.status, reply.error["param"]) == (400, param)
    assert (await rita.get(flagged.review)).json["state"] == "open"


@pytest.mark.parametrize(
    "review_id", ["x", "rev_", "rev_" + "G" * 32, "conv_" + "0" * 32, "%00", f"rev_{new_uuid().hex}"]
)
async def test_an_id_that_names_nothing_is_not_found(rita: Caller, review_id: str) -> None:
    replies = [
        await rita.get(f"{REVIEWS}/{review_id}"),
        await rita.post(f"{REVIEWS}/{review_id}/decision", {"decision": "approve"}),
    ]

    assert [(each.status, each.error["code"]) for each in replies] == [(404, "not_found")] * 2


async def test_routes_without_parameters_refuse_them(alice: Caller, rita: Caller) -> None:
    flagged = await flag_message(alice)

    opened = await rita.get(flagged.review, include="user")
    decided = await rita.send(f"{flagged.review}/decision", b'{"decision": "approve"}', "force=true")

    assert [(each.status, each.error["param"]) for each in (opened, decided)] == [(400, "include"), (400, "force")]
    assert (await rita.get(flagged.review)).json["state"] == "open"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", REVIEWS),
        ("DELETE", f"{REVIEWS}/rev_{'0' * 32}"),
        ("GET", f"{REVIEWS}/rev_{'0' * 32}/decision"),
        ("POST", f"{REVIEWS}/labels"),
    ],
)
async def test_other_methods_are_refused(reviews_api: Api, rita: Caller, method: str, path: str) -> None:
    reply = await reviews_api.call(method, path, user_id=rita.user_id, verdict=rita.verdict)

    assert (reply.status, reply.error["code"]) == (405, "method_not_allowed")
