"""`/v1/conversations`: create, list, open, change, delete."""

import asyncio
from uuid import uuid4

import pytest

from parley.conversations.store import list_conversations
from parley.kit.postgres import Connection, transaction
from parley.wiring.history import History
from tests.http.history.rest import Api, Caller
from tests.http.history.turns import Turn, unlist


async def test_an_empty_conversation_has_openai_s_shape_and_ours(alice: Caller) -> None:
    reply = await alice.post("/v1/conversations", {})

    conversation = reply.json
    assert reply.status == 200
    assert reply.headers["x-request-id"]
    assert conversation["id"].startswith("conv_")
    assert len(conversation["id"]) == 37
    assert isinstance(conversation.pop("created_at"), int)
    assert isinstance(conversation.pop("updated_at"), int)
    assert conversation | {"id": ""} == {"id": "", "object": "conversation", "title": None, "metadata": {}}


async def test_no_body_at_all_makes_an_empty_conversation(alice: Caller) -> None:
    reply = await alice.send("/v1/conversations", b"")

    assert reply.status == 200


async def test_nulls_are_the_same_as_nothing(alice: Caller) -> None:
    reply = await alice.post("/v1/conversations", {"title": None, "metadata": None, "items": None})

    assert (reply.json["title"], reply.json["metadata"]) == (None, {})


async def test_a_conversation_keeps_its_title_and_metadata(alice: Caller) -> None:
    path = await alice.create(title="  Trip to Rome ", metadata={"topic": "travel"})

    reply = await alice.get(path)

    assert reply.json["title"] == "Trip to Rome"
    assert reply.json["metadata"] == {"topic": "travel"}


async def test_the_first_thing_the_user_says_gives_the_title(alice: Caller) -> None:
    path = await alice.create(
        items=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "\n Where is Rome?\nTell me."}]
    )

    assert (await alice.get(path)).json["title"] == "Where is Rome?"


async def test_a_title_once_given_stays_when_the_user_says_more(alice: Caller) -> None:
    path = await alice.create(title="Rome")

    await alice.post(f"{path}/items", {"items": [{"role": "user", "content": "And Paris?"}]})

    assert (await alice.get(path)).json["title"] == "Rome"


async def test_a_rename_leaves_the_metadata_and_the_place_in_the_list(alice: Caller) -> None:
    first = await alice.create(metadata={"a": "1"})
    second = await alice.create()

    reply = await alice.post(first, {"title": "Renamed"})

    listed = await alice.get("/v1/conversations")
    assert (reply.json["title"], reply.json["metadata"]) == ("Renamed", {"a": "1"})
    assert [f"/v1/conversations/{each['id']}" for each in listed.json["data"]] == [second, first]


async def test_metadata_are_replaced_as_a_whole_and_leave_the_title(alice: Caller) -> None:
    path = await alice.create(title="Rome", metadata={"a": "1", "b": "2"})

    reply = await alice.post(path, {"metadata": {"c": "3"}})

    assert (reply.json["title"], reply.json["metadata"]) == ("Rome", {"c": "3"})


async def test_null_takes_title_and_metadata_away(alice: Caller) -> None:
    path = await alice.create(title="Rome", metadata={"a": "1"})

    reply = await alice.post(path, {"title": None, "metadata": None})

    assert (reply.json["title"], reply.json["metadata"]) == (None, {})


async def test_a_change_of_nothing_is_refused(alice: Caller) -> None:
    path = await alice.create()

    reply = await alice.post(path, {})

    assert (reply.status, reply.error["code"]) == (400, "invalid_request")


async def test_a_deleted_conversation_is_gone_with_its_items(alice: Caller) -> None:
    path = await alice.create_with("Hi")
    item_id = (await alice.get(f"{path}/items")).json["data"][0]["id"]

    reply = await alice.delete(path)

    assert reply.json == {"id": path.rsplit("/", 1)[1], "object": "conversation.deleted", "deleted": True}
    for left in (path, f"{path}/items", f"{path}/items/{item_id}"):
        assert (await alice.get(left)).status == 404
    assert (await alice.delete(path)).status == 404


async def test_a_conversation_can_be_deleted_while_a_turn_runs(alice: Caller, history: History) -> None:
    path = await alice.create_with("Hi")
    turn = await Turn(history, alice.user_id, path).begin()

    reply = await alice.delete(path)

    assert reply.status == 200
    await turn.settle("Too late")
    assert (await alice.get(f"{path}/items")).status == 404


@pytest.mark.parametrize("status", ["queued", "in_progress"])
async def test_what_holds_a_chain_of_responses_is_no_conversation(alice: Caller, history: History, status: str) -> None:
    path = await alice.create_with("Hi")
    item_id = (await alice.get(f"{path}/items")).json["last_id"]
    turn = await Turn(history, alice.user_id, path).begin(status)
    await unlist(history, alice.user_id, path)

    replies = [
        await alice.get(path),
        await alice.post(path, {"title": "Mine"}),
        await alice.delete(path),
        await alice.get(f"{path}/items"),
        await alice.get(f"{path}/items", after=item_id),
        await alice.post(f"{path}/items", {"items": [{"role": "user", "content": "Hi"}]}),
        *[await alice.get(f"{path}/items/{each}") for each in (item_id, turn.item_id)],
        *[await alice.delete(f"{path}/items/{each}") for each in (item_id, turn.item_id)],
        await alice.get("/v1/conversations", after=path.rsplit("/", 1)[1]),
    ]

    assert {(each.status, each.error["code"]) for each in replies} == {(404, "not_found")}
    assert (await alice.get("/v1/conversations")).json["data"] == []
    async with transaction(history.pool, alice.user_id) as connection:
        left = await (
            await connection.execute("SELECT count(*) FROM items WHERE user_id = %s", (alice.user_id,))
        ).fetchone()
    assert left == (1,)


async def test_a_page_of_conversations_is_full_however_many_chains_there_are(alice: Caller, history: History) -> None:
    made = [await alice.create(title=str(number)) for number in range(6)]
    for path in made[::2]:
        await unlist(history, alice.user_id, path)

    first = (await alice.get("/v1/conversations", limit=2)).json
    second = (await alice.get("/v1/conversations", limit=2, after=first["last_id"])).json

    assert [each["title"] for each in first["data"] + second["data"]] == ["5", "3", "1"]
    assert (first["has_more"], second["has_more"]) == (True, False)


async def test_a_page_is_read_off_the_index_of_what_is_listed(alice: Caller, history: History) -> None:
    """So it costs the same however many chains or conversations there are."""
    await alice.create()
    async with transaction(history.pool, alice.user_id) as connection:
        await connection.execute(
            "INSERT INTO conversations (user_id, conversation_id, is_listed, updated_at) "
            "SELECT %s, uuidv7(), number %% 10 = 0, now() - make_interval(secs => number) "
            "FROM generate_series(1, 3000) AS number",
            (alice.user_id,),
        )
        # The planner has seen no statistics of these rows, and may think that there are few enough to sort.
        await connection.execute("SET LOCAL enable_sort = off")
        for after in (None, (await list_conversations(connection, alice.user_id, after=None, limit=100))[-1]):
            before = await _index_reads(connection)
            await list_conversations(connection, alice.user_id, after=after, limit=21)
            assert await _index_reads(connection) == (before[0] + 1, before[1] + 21)


async def _index_reads(connection: Connection) -> tuple[int, int]:
    """How often this transaction has read the index, and how many entries of it."""
    cursor = await connection.execute(
        "SELECT pg_stat_get_xact_numscans(index), pg_stat_get_xact_tuples_returned(index) "
        "FROM to_regclass('conversations_listed') AS index"
    )
    row = await cursor.fetchone()
    assert row
    return row


async def test_the_list_of_a_newcomer_is_empty(alice: Caller) -> None:
    reply = await alice.get("/v1/conversations")

    assert reply.json == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_pages_show_each_conversation_once_newest_first(alice: Caller) -> None:
    made = [(await alice.create(title=str(number))).rsplit("/", 1)[1] for number in range(5)]

    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(3):
        page = (await alice.get("/v1/conversations", limit=2, **after)).json
        assert page["first_id"] == page["data"][0]["id"]
        assert page["last_id"] == page["data"][-1]["id"]
        seen += [each["id"] for each in page["data"]]
        assert page["has_more"] is (len(seen) < 5)
        after = {"after": page["last_id"]}

    assert seen == made[::-1]


async def test_a_page_that_is_exactly_full_says_there_is_no_more(alice: Caller) -> None:
    last = (await alice.create()).rsplit("/", 1)[1]
    await alice.create()

    page = (await alice.get("/v1/conversations", limit=2)).json
    behind = (await alice.get("/v1/conversations", limit=2, after=last)).json

    assert page["has_more"] is False
    assert (behind["data"], behind["has_more"]) == ([], False)


async def test_conversations_of_the_same_moment_are_all_paged(alice: Caller, history: History) -> None:
    for _ in range(4):
        await alice.create()
    async with history.pool.connection() as connection:
        await connection.execute("SELECT set_config('parley.user_id', %s, true)", (str(alice.user_id),))
        await connection.execute("UPDATE conversations SET updated_at = now()")

    first = (await alice.get("/v1/conversations", limit=2)).json
    second = (await alice.get("/v1/conversations", limit=2, after=first["last_id"])).json

    assert len({each["id"] for each in [*first["data"], *second["data"]]}) == 4


async def test_activity_moves_a_conversation_to_the_top(alice: Caller) -> None:
    first = await alice.create()
    await alice.create()

    await alice.post(f"{first}/items", {"items": [{"role": "user", "content": "Still here"}]})

    page = (await alice.get("/v1/conversations")).json
    assert page["data"][0]["id"] == first.rsplit("/", 1)[1]


@pytest.mark.parametrize("limit", ["0", "101", "-1", "ten", "1.5", "", "9" * 5000, "1e2"])
async def test_a_limit_out_of_range_is_refused_by_name(alice: Caller, limit: str) -> None:
    path = await alice.create()

    for listed in ("/v1/conversations", f"{path}/items"):
        reply = await alice.get(listed, limit=limit)
        assert (reply.status, reply.error["param"]) == (400, "limit")


async def test_a_query_parameter_we_do_not_have_is_refused_by_name(alice: Caller) -> None:
    path = await alice.create()

    for name, url in [("include", "/v1/conversations"), ("include", path), ("expand", f"{path}/items")]:
        reply = await alice.get(url, **{name: "file_search_call.results"})
        assert (reply.status, reply.error["param"]) == (400, name)
        assert reply.error["code"] == "unsupported_parameter"


@pytest.mark.parametrize(
    "after", ["", "conv_", "conv_\x00", "msg_" + "0" * 32, "conv_" + "A" * 32, f"conv_{uuid4().hex}"]
)
async def test_a_cursor_that_names_nothing_is_not_found(alice: Caller, after: str) -> None:
    reply = await alice.get("/v1/conversations", after=after)

    assert (reply.status, reply.error["param"]) == (404, "after")


async def test_nobody_sees_or_touches_what_is_another_s(alice: Caller, bob: Caller) -> None:
    path = await alice.create_with("My secret")
    item = f"{path}/items/{(await alice.get(f'{path}/items')).json['last_id']}"

    replies = [
        await bob.get(path),
        await bob.post(path, {"title": "Mine"}),
        await bob.delete(path),
        await bob.get(f"{path}/items"),
        await bob.post(f"{path}/items", {"items": [{"role": "user", "content": "Hi"}]}),
        await bob.get(item),
        await bob.delete(item),
        await bob.get("/v1/conversations", after=path.rsplit("/", 1)[1]),
    ]

    assert [each.status for each in replies] == [404] * len(replies)
    assert {each.error["code"] for each in replies} == {"not_found"}
    assert (await bob.get("/v1/conversations")).json["data"] == []
    assert (await alice.get(path)).json["title"] == "My secret"


async def test_a_foreign_id_and_an_unknown_one_answer_alike(alice: Caller, bob: Caller) -> None:
    foreign = await alice.create()

    replies = [await bob.get(path) for path in (foreign, f"/v1/conversations/conv_{uuid4().hex}")]

    assert replies[0].body == replies[1].body


async def test_a_request_without_identity_is_turned_away(api: Api) -> None:
    reply = await api.call("GET", "/v1/conversations")

    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")


async def test_unknown_routes_and_methods_answer_in_openai_s_shape(alice: Caller) -> None:
    path = await alice.create()

    unknown = await alice.get(f"{path}/messages")
    trailing = await alice.get("/v1/conversations/")
    method = await alice.api.call("PUT", path, user_id=alice.user_id)

    assert (unknown.status, unknown.error["code"]) == (404, "unknown_url")
    assert trailing.status == 404
    assert (method.status, method.error["code"]) == (405, "method_not_allowed")


async def test_many_conversations_at_once_make_the_user_once(alice: Caller) -> None:
    replies = await asyncio.gather(*(alice.post("/v1/conversations", {}) for _ in range(10)))

    assert {each.status for each in replies} == {200}
    assert len((await alice.get("/v1/conversations")).json["data"]) == 10
