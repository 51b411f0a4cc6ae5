"""`/v1/conversations/{id}/items`: add, list, read, delete, and the answer that is being written."""

import asyncio
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import orjson
import pytest

from parley.ids import new_uuid, parse_conversation_id
from parley.kit.postgres import Connection, transaction
from parley.wiring.history import History
from tests.http.history.rest import Caller, texts_of
from tests.http.history.turns import Turn, begin_turn


def output_text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


THOUGHT = {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Look it up."}]}
TOOL_USE = [
    {"role": "user", "content": "What is the weather?"},
    THOUGHT,
    {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Rome"}'},
    {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    {"type": "message", "role": "assistant", "content": [output_text("Sunny.")]},
]


async def test_items_come_back_in_openai_s_shape_in_the_order_they_came(alice: Caller) -> None:
    path = await alice.create()

    reply = await alice.post(f"{path}/items", {"items": TOOL_USE})

    document = reply.json
    items = [
        {name: value for name, value in each.items() if name not in ("id", "created_at")} for each in document["data"]
    ]
    common = {"object": "conversation.item", "status": "completed", "response": None}
    assert items == [
        common
        | {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "What is the weather?"}]},
        *[common | each for each in TOOL_USE[1:]],
    ]
    assert [each["id"].split("_")[0] for each in document["data"]] == ["msg", "rs", "fc", "fco", "msg"]
    assert (document["object"], document["has_more"]) == ("list", False)
    assert (document["first_id"], document["last_id"]) == (document["data"][0]["id"], document["data"][-1]["id"])
    assert (await alice.get(f"{path}/items", order="asc")).json["data"] == document["data"]


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant"])
async def test_every_role_can_be_said_as_text_or_as_parts(alice: Caller, role: str) -> None:
    parts = [{"type": "input_text", "text": "one"}, {"type": "output_text", "text": "two"}]
    path = await alice.create(items=[{"role": role, "content": "zero"}, {"role": role, "content": parts}])

    plain, parted = (await alice.get(f"{path}/items", order="asc")).json["data"]

    kind = "output_text" if role == "assistant" else "input_text"
    assert [(part["type"], part["text"]) for part in plain["content"]] == [(kind, "zero")]
    assert [(part["type"], part["text"]) for part in parted["content"]] == [(kind, "one"), (kind, "two")]


@pytest.mark.parametrize("status", ["incomplete", "in_progress"])
async def test_an_item_that_was_cut_short_stays_so(alice: Caller, status: str) -> None:
    path = await alice.create(items=[{"role": "assistant", "content": "Once upon", "status": status}])

    assert (await alice.get(f"{path}/items")).json["data"][0]["status"] == "incomplete"


async def test_what_a_list_gave_can_be_added_to_another_conversation(alice: Caller, history: History) -> None:
    path, copy = await alice.create(items=TOOL_USE), await alice.create()
    await (await Turn(history, alice.user_id, path).begin()).settle("Sunny and warm.")
    listed = (await alice.get(f"{path}/items", order="asc")).json["data"]

    added = (await alice.post(f"{copy}/items", {"items": listed})).json["data"]

    own = {"id", "created_at", "response"}
    assert [{name: each[name] for name in each.keys() - own} for each in added] == [
        {name: each[name] for name in each.keys() - own} for each in listed
    ]
    assert {each["id"] for each in added}.isdisjoint(each["id"] for each in listed)
    assert {each["response"] is None for each in added} == {True}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"summary": [{"type": "summary_text", "text": "In short."}]}, "In short."),
        ({"summary": [{"type": "summary_text", "text": "In short."}], "content": None}, "In short."),
        ({"summary": [{"type": "summary_text", "text": "In short."}], **THOUGHT}, "Look it up."),
        ({"summary": [], "content": [{"type": "reasoning_text", "text": each} for each in "ab"]}, "a\nb"),
        ({"summary": [], "encrypted_content": None}, ""),
    ],
)
async def test_reasoning_is_kept_as_it_was_or_as_its_summary(alice: Caller, fields: dict[str, Any], text: str) -> None:
    path = await alice.create(items=[{"type": "reasoning", "id": "rs_of_openai", **fields}])

    item = (await alice.get(f"{path}/items")).json["data"][0]

    assert (item["type"], item["summary"], item["status"]) == ("reasoning", [], "completed")
    assert item["content"] == [{"type": "reasoning_text", "text": text}]
    assert (await alice.get(f"{path}/items/{item['id']}")).json == item
    assert (await alice.get(f"{path}/items/{item['id'].replace('rs', 'msg')}")).status == 404
    assert (await alice.delete(f"{path}/items/{item['id']}")).status == 200
    assert (await alice.get(f"{path}/items")).json["data"] == []


async def test_what_a_function_answered_in_parts_is_kept_as_one_text(alice: Caller) -> None:
    parts = [{"type": "input_text", "text": "sunny"}, {"type": "input_text", "text": "warm"}]

    path = await alice.create(items=[{"type": "function_call_output", "call_id": "c", "output": parts}])

    assert (await alice.get(f"{path}/items")).json["data"][0]["output"] == "sunny\nwarm"


@pytest.mark.parametrize("name", ["include", "include[]"])
async def test_parts_of_items_that_never_occur_here_are_included_at_no_cost(alice: Caller, name: str) -> None:
    path = await alice.create_with("Hi")
    plain = await alice.get(f"{path}/items")
    item = plain.json["data"][0]
    asked = ["file_search_call.results", "code_interpreter_call.outputs", "message.input_image.image_url"]
    asked += ["computer_call_output.output.image_url", "web_search_call.results", "web_search_call.action.sources"]
    query = urlencode([(name, each) for each in asked])

    listed = await alice.api.call("GET", f"{path}/items", query=query.encode(), user_id=alice.user_id)
    got = await alice.api.call("GET", f"{path}/items/{item['id']}", query=query.encode(), user_id=alice.user_id)
    added = await alice.send(f"{path}/items", orjson.dumps({"items": [item]}), query)

    assert (listed.json, got.json) == (plain.json, item)
    assert added.json["data"][0]["content"] == item["content"]


async def test_pages_run_newest_first_and_back_again(alice: Caller) -> None:
    path = await alice.create_with(*"abcde")

    descending = [await alice.get(f"{path}/items", limit=2)]
    ascending = [await alice.get(f"{path}/items", limit=2, order="asc")]
    for _ in range(2):
        descending.append(await alice.get(f"{path}/items", limit=2, after=descending[-1].json["last_id"]))
        ascending.append(await alice.get(f"{path}/items", limit=2, order="asc", after=ascending[-1].json["last_id"]))

    assert [texts_of(page) for page in descending] == [["e", "d"], ["c", "b"], ["a"]]
    assert [texts_of(page) for page in ascending] == [["a", "b"], ["c", "d"], ["e"]]
    assert [page.json["has_more"] for page in descending] == [True, True, False]
    assert [page.json["has_more"] for page in ascending] == [True, True, False]


async def test_nothing_follows_the_last_item(alice: Caller) -> None:
    path = await alice.create_with("only")
    only = (await alice.get(f"{path}/items")).json["last_id"]

    reply = await alice.get(f"{path}/items", after=only)

    assert reply.json == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_order_is_asc_or_desc(alice: Caller) -> None:
    path = await alice.create()

    reply = await alice.get(f"{path}/items", order="random")

    assert (reply.status, reply.error["param"]) == (400, "order")


async def test_an_item_is_found_by_its_own_id_only(alice: Caller) -> None:
    path = await alice.create_with("Hi")
    other = await alice.create()
    item = (await alice.get(f"{path}/items")).json["data"][0]
    digits = item["id"].removeprefix("msg_")

    assert (await alice.get(f"{path}/items/{item['id']}")).json == item
    for wrong in (
        f"fc_{digits}",
        f"item_{digits}",
        digits,
        f"msg_{digits.upper()}x",
        f"msg_{uuid4().hex}",
        "msg_",
        "%00",
    ):
        assert (await alice.get(f"{path}/items/{wrong}")).status == 404
        assert (await alice.get(f"{path}/items", after=wrong)).error["param"] == "after"
        assert (await alice.delete(f"{path}/items/{wrong}")).status == 404
    assert (await alice.get(f"{other}/items/{item['id']}")).status == 404
    assert (await alice.get(f"{other}/items", after=item["id"])).status == 404


async def test_a_deleted_item_leaves_the_others_and_answers_with_the_conversation(alice: Caller) -> None:
    path = await alice.create_with("a", "b", "c")
    middle = (await alice.get(f"{path}/items")).json["data"][1]["id"]

    reply = await alice.delete(f"{path}/items/{middle}")

    assert (reply.status, reply.json["object"]) == (200, "conversation")
    assert texts_of(await alice.get(f"{path}/items", order="asc")) == ["a", "c"]
    await alice.post(f"{path}/items", {"items": [{"role": "user", "content": "d"}]})
    assert texts_of(await alice.get(f"{path}/items", order="asc")) == ["a", "c", "d"]


async def test_a_running_turn_shows_its_answer_as_the_newest_item(alice: Caller, history: History) -> None:
    path = await alice.create_with("Hi")
    turn = await Turn(history, alice.user_id, path).begin()

    listed = await alice.get(f"{path}/items")

    answer = listed.json["data"][0]
    assert isinstance(answer.pop("created_at"), int)
    assert answer["response"].pop("created_at") > 1_700_000_000
    assert answer == {
        "id": turn.item_id,
        "object": "conversation.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
        "response": {
            "id": turn.response_id,
            "status": "in_progress",
            "model": "smollm2",
            "completed_at": None,
            "finish_reason": None,
            "error": None,
            "usage": None,
        },
    }
    assert (await alice.get(f"{path}/items/{turn.item_id}")).json["status"] == "in_progress"


async def test_a_turn_that_waits_shows_its_answer_too(alice: Caller, history: History) -> None:
    path = await alice.create_with("Hi")
    turn = await Turn(history, alice.user_id, path).begin("queued")

    answer = (await alice.get(f"{path}/items")).json["data"][0]

    assert (answer["id"], answer["status"], answer["response"]["status"]) == (turn.item_id, "in_progress", "queued")
    assert (await alice.get(f"{path}/items/{turn.item_id}")).json == answer


async def test_a_settled_answer_keeps_its_id_and_tells_of_its_response(alice: Caller, history: History) -> None:
    path = await alice.create_with("Hi")
    turn = await Turn(history, alice.user_id, path).begin()

    await turn.settle("Hello!")

    answer, question = (await alice.get(f"{path}/items")).json["data"]
    assert (answer["id"], answer["status"]) == (turn.item_id, "completed")
    assert answer["content"] == [output_text("Hello!")]
    assert answer["response"]["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 2,
        "total_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 3},
    }
    assert (answer["response"]["status"], answer["response"]["finish_reason"]) == ("completed", "stop")
    assert answer["response"]["completed_at"] >= answer["response"]["created_at"]
    assert question["response"] is None


async def test_an_answer_that_failed_says_why(alice: Caller, history: History) -> None:
    path = await alice.create_with("Hi")
    turn = await Turn(history, alice.user_id, path).begin()
    await turn.settle("Hel")

    await turn.fail("engine_failed")

    error = (await alice.get(f"{path}/items")).json["data"][0]["response"]["error"]
    assert error == {"code": "engine_failed", "message": "The model broke off in the middle of its answer."}


@pytest.mark.parametrize("order", ["asc", "desc"])
async def test_a_running_answer_is_paged_like_any_other_item(alice: Caller, history: History, order: str) -> None:
    path = await alice.create_with("a", "b", "c")
    await Turn(history, alice.user_id, path).begin()

    first = await alice.get(f"{path}/items", limit=3, order=order)
    second = await alice.get(f"{path}/items", limit=3, order=order, after=first.json["last_id"])
    behind = await alice.get(f"{path}/items", limit=3, order=order, after=second.json["last_id"])

    expected = (["a", "b", "c"], [""]) if order == "asc" else (["", "c", "b"], ["a"])
    assert (texts_of(first), texts_of(second), texts_of(behind)) == (*expected, [])
    assert (first.json["has_more"], second.json["has_more"]) == (True, False)


async def test_a_running_answer_is_a_cursor_too(alice: Caller, history: History) -> None:
    path = await alice.create_with("a", "b")
    turn = await Turn(history, alice.user_id, path).begin()

    before = texts_of(await alice.get(f"{path}/items", after=turn.item_id))
    after = texts_of(await alice.get(f"{path}/items", after=turn.item_id, order="asc"))

    assert (before, after) == (["b", "a"], [])


@pytest.mark.parametrize("status", ["queued", "in_progress"])
async def test_items_stay_as_they_are_while_a_turn_runs_or_waits(alice: Caller, history: History, status: str) -> None:
    path = await alice.create_with("Hi")
    question = (await alice.get(f"{path}/items")).json["last_id"]
    turn = await Turn(history, alice.user_id, path).begin(status)

    refused = [
        await alice.post(f"{path}/items", {"items": [{"role": "user", "content": "And?"}]}),
        await alice.delete(f"{path}/items/{question}"),
        await alice.delete(f"{path}/items/{turn.item_id}"),
    ]

    assert [(each.status, each.error["code"]) for each in refused] == [(409, "conversation_busy")] * 3
    await turn.settle("Hello!")
    assert (await alice.delete(f"{path}/items/{turn.item_id}")).status == 200


async def test_items_that_wait_for_a_beginning_turn_find_it_running(alice: Caller, history: History) -> None:
    path = await alice.create_with("Hi")
    conversation_id = parse_conversation_id(path.rsplit("/", 1)[1])
    async with transaction(history.pool, alice.user_id) as connection:
        await begin_turn(connection, alice.user_id, conversation_id, new_uuid(), new_uuid())
        adding = asyncio.create_task(alice.post(f"{path}/items", {"items": [{"role": "user", "content": "And?"}]}))
        async with transaction(history.pool, alice.user_id) as watcher:
            await _until_somebody_waits(watcher)

    assert (await adding).status == 409


async def test_items_added_at_once_never_share_a_place(alice: Caller) -> None:
    path = await alice.create()
    bodies = [{"items": [{"role": "user", "content": f"{number}{part}"} for part in "abc"]} for number in range(8)]

    replies = await asyncio.gather(*(alice.post(f"{path}/items", body) for body in bodies))

    texts = texts_of(await alice.get(f"{path}/items", order="asc", limit=100))
    assert {each.status for each in replies} == {200}
    assert sorted(texts) == sorted(f"{number}{part}" for number in range(8) for part in "abc")
    assert [text[1] for text in texts] == list("abc") * 8


async def _until_somebody_waits(connection: Connection) -> None:
    """Until a session of this database waits for a row's lock."""
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple') LIMIT 1"
    while await (await connection.execute(waiting)).fetchone() is None:
        pass
