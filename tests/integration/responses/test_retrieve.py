"""What is kept of a response: retrieved, replayed, followed, stopped, deleted."""

import asyncio
from contextlib import closing

import pytest
from redis.cluster import RedisCluster

from local.parts import EmbeddedValkey
from tests.doubles.engine import StandInEngine
from tests.integration.chat.conftest import events
from tests.integration.responses.conftest import Responder, text_of, until


def forget(valkey: EmbeddedValkey, key: str) -> None:
    with closing(RedisCluster.from_url(valkey.url, password=valkey.password_file.read_text())) as client:
        assert client.delete(key) == 1


async def test_a_response_is_replayed_event_by_event(alice: Responder) -> None:
    stream = await alice.stream("words 5")
    response_id = stream[0]["response"]["id"]
    await alice.settled(response_id)

    assert await alice.replay(f"{response_id}?stream=true") == stream
    for seen in range(len(stream)):
        assert await alice.replay(f"{response_id}?stream=true&starting_after={seen}") == stream[seen + 1 :]


async def test_a_response_in_progress_is_followed_live(alice: Responder) -> None:
    async with alice.streaming("words 20 every 0.03") as response:
        stream = events(response)
        created = await anext(stream)
        response_id = created["response"]["id"]
        seen = [created, await anext(stream), await until(stream, "response.output_text.delta")]
        assert (await alice.get(response_id))[1]["status"] == "in_progress"
        followed = await alice.replay(f"{response_id}?stream=true&starting_after={seen[-1]['sequence_number']}")
        rest = [event async for event in stream]

    assert followed == rest
    assert followed[-1]["type"] == "response.completed"


async def test_a_stream_that_was_cut_goes_on_where_it_was(alice: Responder) -> None:
    async with alice.streaming("words 20 every 0.02") as response:
        stream = events(response)
        first = [await anext(stream) for _ in range(8)]

    response_id = first[0]["response"]["id"]
    rest = await alice.replay(f"{response_id}?stream=true&starting_after={first[-1]['sequence_number']}")

    assert [event["sequence_number"] for event in first + rest] == list(range(28))
    assert rest[-1]["response"]["status"] == "completed"


async def test_the_answer_of_a_chat_completion_is_a_response_like_any_other(alice: Responder) -> None:
    chunks = await alice.caller.say("words 3")
    response_id = chunks[0]["response_id"]

    document = await alice.settled(response_id)

    assert (document["status"], text_of(document)) == ("completed", "w0 w1 w2 ")
    assert document["conversation"] == {"id": alice.conversation}
    assert document["output"][0]["id"] == chunks[0]["output_item_id"]
    replayed = await alice.replay(f"{response_id}?stream=true")
    assert "".join(event["delta"] for event in replayed if event["type"].endswith("text.delta")) == "w0 w1 w2 "


async def test_what_the_log_has_forgotten_is_told_from_what_is_stored(alice: Responder, valkey: EmbeddedValkey) -> None:
    stream = await alice.stream("words 5")
    response_id = stream[0]["response"]["id"]
    # Now the log has its end.
    assert await alice.replay(f"{response_id}?stream=true") == stream
    forget(valkey, f"{{{alice.caller.user_id.hex}}}:resp:{response_id.removeprefix('resp_')}:log")

    whole = await alice.replay(f"{response_id}?stream=true")
    rest = await alice.replay(f"{response_id}?stream=true&starting_after=6")

    assert [event["delta"] for event in whole if "delta" in event] == ["w0 w1 w2 w3 w4 "]
    assert whole[-1]["response"] == stream[-1]["response"]
    assert [(event["type"], event["sequence_number"]) for event in rest] == [("response.completed", 7)]


async def test_a_stop_ends_the_stream_and_keeps_the_text(alice: Responder, stand_in: StandInEngine) -> None:
    stand_in.aborted_changed.clear()
    async with alice.streaming("words 1000 every 0.02") as response:
        stream = events(response)
        created = await anext(stream)
        await until(stream, "response.output_text.delta")
        status, document = await alice.ask("POST", f"{created['response']['id']}/cancel")
        rest = [event async for event in stream]

    await asyncio.wait_for(stand_in.aborted_changed.wait(), 5)
    assert (status, document["status"]) == (200, "cancelled")
    assert (rest[-1]["type"], rest[-1]["response"]["status"]) == ("response.incomplete", "cancelled")
    assert text_of(document) == text_of(rest[-1]["response"])
    assert text_of(document).startswith("w0 ")
    assert document["usage"]["output_tokens"] > 0
    again = await alice.ask("POST", f"{created['response']['id']}/cancel")
    assert again == (200, document)


async def test_a_deleted_response_is_gone(alice: Responder) -> None:
    document = await alice.created("words 1")
    response_id = document["id"]

    assert await alice.ask("DELETE", response_id) == (
        200,
        {"id": response_id, "object": "response", "deleted": True},
    )

    for method, path in ROUTES:
        assert (await alice.ask(method, path.format(response_id)))[0] == 404
    status, refused = await alice.create("words 1", previous_response_id=response_id)
    assert (status, refused["error"]["param"]) == (404, "previous_response_id")


async def test_a_response_in_progress_is_not_deleted(alice: Responder) -> None:
    async with alice.streaming("words 1000 every 0.02") as response:
        created = await anext(events(response))
        response_id = created["response"]["id"]
        status, document = await alice.ask("DELETE", response_id)
        await alice.ask("POST", f"{response_id}/cancel")

    assert (status, document["error"]["code"]) == (409, "conversation_busy")
    assert (await alice.ask("DELETE", response_id))[0] == 200


async def test_the_input_items_of_a_response_are_listed_page_by_page(alice: Responder) -> None:
    first = await alice.created("words 1")
    items = [
        {"role": "developer", "content": "be brief"},
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c", "output": "sun"},
        {"role": "assistant", "content": "sunny"},
        {"role": "user", "content": "words 1"},
    ]
    document = await alice.created(items, previous_response_id=first["id"])
    path = f"{document['id']}/input_items"

    _, listed = await alice.get(f"{path}?order=asc")
    _, newest = await alice.get(f"{path}?limit=2")
    _, older = await alice.get(f"{path}?limit=2&after={newest['last_id']}")

    assert [item["type"] for item in listed["data"]] == [
        "message",
        "function_call",
        "function_call_output",
        "message",
        "message",
    ]
    assert listed["data"][-1]["content"] == [{"type": "input_text", "text": "words 1"}]
    assert listed["data"][3]["content"][0]["type"] == "output_text"
    assert (listed["first_id"], listed["has_more"]) == (listed["data"][0]["id"], False)
    assert newest["data"] + older["data"] == listed["data"][:0:-1]
    assert (newest["has_more"], older["has_more"]) == (True, True)


async def test_input_tokens_are_counted_without_anything_being_stored(alice: Responder) -> None:
    first = await alice.created("words 1")

    async with alice.post(
        {
            "model": "stand-in",
            "input": "one two three",
            "previous_response_id": first["id"],
            "instructions": "be brief",
        },
        "/v1/responses/input_tokens",
    ) as response:
        document = await response.json()

    assert document == {"object": "response.input_tokens", "input_tokens": 2 + 2 + 1 + 3}
    assert len(alice.caller.responses()) == 1


async def test_a_settled_response_has_a_receipt(alice: Responder) -> None:
    document = await alice.created("words 3")

    status, receipt = await alice.get(f"{document['id']}/receipt")

    assert status == 200
    assert receipt["tokens"]["output"] == 3
    assert "words" not in str(receipt)


ROUTES = [
    ("GET", "{}"),
    ("GET", "{}?stream=true"),
    ("POST", "{}/cancel"),
    ("DELETE", "{}"),
    ("GET", "{}/input_items"),
    ("GET", "{}/receipt"),
]


async def test_another_users_response_does_not_exist(alice: Responder, bob: Responder) -> None:
    document = await alice.created("words 1", conversation=alice.conversation)
    async with alice.streaming("words 1000 every 0.02") as response:
        running = (await anext(events(response)))["response"]["id"]

        for method, path in ROUTES:
            for response_id in (document["id"], running):
                status, refused = await bob.ask(method, path.format(response_id))
                assert (status, refused["error"]["code"]) == (404, "not_found"), path
        for fields in ({"previous_response_id": document["id"]}, {"conversation": alice.conversation}):
            for is_stored in ({}, {"store": False}):
                status, refused = await bob.create("words 1", **fields, **is_stored)
                assert status in {400, 404}
                assert (status == 404) or refused["error"]["param"] == "store"
            async with bob.post({"input": "hi", **fields}, "/v1/responses/input_tokens") as counted:
                assert counted.status == 404
        await alice.ask("POST", f"{running}/cancel")

    assert bob.caller.items() == []
    assert text_of((await alice.get(document["id"]))[1]) == "w0 "


@pytest.mark.parametrize(
    ("query", "status", "param"),
    [
        ("?stream=true&starting_after=-1", 400, "starting_after"),
        ("?stream=true&starting_after=x", 400, "starting_after"),
        ("?stream=true&starting_after=1.5", 400, "starting_after"),
        ("?stream=true&starting_after=9", 400, "starting_after"),
        (f"?stream=true&starting_after={10**30}", 400, "starting_after"),
        ("?stream=true&starting_after=8", 200, None),
        ("?starting_after=1", 400, "starting_after"),
        ("?stream=perhaps", 400, "stream"),
        ("?include[]=message.output_text.logprobs", 400, "include[][0]"),
        ("?include=nothing", 400, "include[0]"),
        ("?include[]=reasoning.encrypted_content&include_obfuscation=false", 200, None),
        ("?include_obfuscation=true", 400, "include_obfuscation"),
        ("?verbose=1", 400, "verbose"),
        ("/input_items?limit=0", 400, "limit"),
        ("/input_items?limit=101", 400, "limit"),
        ("/input_items?order=up", 400, "order"),
        ("/input_items?after=msg_1", 404, "after"),
        ("/input_items?before=msg_1", 400, "before"),
        ("/receipt?x=1", 400, "x"),
    ],
)
async def test_a_bad_query_is_told_which_parameter_is_wrong(
    alice: Responder, query: str, status: int, param: str | None
) -> None:
    # Nine events, of which the last has number 8.
    document = await alice.created("words 1")

    async with alice.following(f"{document['id']}{query}") as response:
        assert response.status == status
        if status != 200:
            assert (await response.json())["error"]["param"] == param


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "resp_1", 404, "not_found"),
        ("GET", f"resp_{'0' * 32}", 404, "not_found"),
        ("GET", f"conv_{'0' * 32}?stream=true", 404, "not_found"),
        ("DELETE", "%00", 404, "not_found"),
        ("POST", f"resp_{'0' * 32}/cancel", 404, "not_found"),
        ("GET", f"resp_{'0' * 32}/input_items", 404, "not_found"),
        ("GET", f"resp_{'0' * 32}/receipt", 404, "not_found"),
        ("GET", f"resp_{'0' * 32}/nothing", 404, "unknown_url"),
        ("PUT", f"resp_{'0' * 32}", 405, "method_not_allowed"),
    ],
)
async def test_a_url_that_names_nothing_is_told_so(
    alice: Responder, method: str, path: str, status: int, code: str
) -> None:
    got, document = await alice.ask(method, path)

    assert (got, document["error"]["code"]) == (status, code)
