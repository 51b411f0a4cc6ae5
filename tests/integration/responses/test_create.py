"""Creating responses: whole, streamed, in the background, kept or not, alone or after others."""

import asyncio

import pytest

from tests.doubles.engine import MODEL, StandInEngine
from tests.integration.chat.conftest import events
from tests.integration.responses.conftest import Responder, text_of, until

TOOL = {"type": "function", "name": "weather", "parameters": {"type": "object"}}


async def test_a_whole_response_is_one_document_and_is_kept(alice: Responder) -> None:
    document = await alice.created("words 3", metadata={"a": "b"}, instructions="be brief")

    assert (document["object"], document["status"], document["model"]) == ("response", "completed", MODEL)
    assert text_of(document) == "w0 w1 w2 "
    assert document["usage"]["total_tokens"] == document["usage"]["input_tokens"] + 3
    assert (document["metadata"], document["instructions"], document["store"]) == ({"a": "b"}, "be brief", True)
    status, kept = await alice.get(document["id"])
    assert status == 200
    assert kept.pop("completed_at") >= kept["created_at"]
    assert kept == document


async def test_a_stream_ends_with_the_document_that_is_kept(alice: Responder) -> None:
    stream = await alice.stream("words 3")

    assert [event["type"].removeprefix("response.") for event in stream] == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        *["output_text.delta"] * 3,
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in stream] == list(range(11))
    kept = await alice.settled(stream[0]["response"]["id"])
    del kept["completed_at"]
    assert kept == stream[-1]["response"]


async def test_instructions_and_items_reach_the_engine_in_its_own_terms(
    alice: Responder, stand_in: StandInEngine
) -> None:
    conversation = [
        {"role": "user", "content": "weather?"},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "sun"},
        {"role": "user", "content": [{"type": "input_text", "text": "words 1"}]},
    ]

    await alice.created(
        conversation,
        instructions="be brief",
        tools=[TOOL],
        tool_choice={"type": "function", "name": "weather"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}},
        max_output_tokens=9,
        temperature=0.5,
    )

    sent = stand_in.requests[-1]
    assert [message["role"] for message in sent["messages"]] == ["system", "user", "assistant", "tool", "user"]
    assert sent["messages"][0]["content"] == "be brief"
    assert sent["messages"][2]["tool_calls"][0]["function"] == {"name": "weather", "arguments": "{}"}
    assert sent["tools"][0]["function"]["name"] == "weather"
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert sent["response_format"]["json_schema"] == {"name": "n", "schema": {"type": "object"}}
    assert (sent["max_tokens"], sent["temperature"]) == (9, 0.5)


async def test_a_call_of_a_tool_is_answered_in_the_next_response(alice: Responder, stand_in: StandInEngine) -> None:
    first = await alice.created("tool", tools=[TOOL])
    [call] = first["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "words 2"}

    second = await alice.created([output], previous_response_id=first["id"], tools=[TOOL])

    assert (call["name"], call["arguments"], call["status"]) == ("weather", '{"city":"Oslo"}', "completed")
    assert text_of(second) == "w0 w1 "
    assert [message["role"] for message in stand_in.requests[-1]["messages"]] == ["user", "assistant", "tool"]


async def test_a_chain_is_continued_and_can_fork(alice: Responder, stand_in: StandInEngine) -> None:
    first = await alice.created("words 1", instructions="one")
    second = await alice.created("words 2", previous_response_id=first["id"])
    fork = await alice.created("words 3", previous_response_id=first["id"], instructions="two")

    assert second["conversation"] is None
    assert second["previous_response_id"] == fork["previous_response_id"] == first["id"]
    assert second["instructions"] is None
    said = [message["content"] for message in stand_in.requests[-1]["messages"]]
    assert said == ["two", "words 1", "w0 ", "words 3"]
    assert text_of((await alice.get(second["id"]))[1]) == "w0 w1 "


async def test_a_conversation_holds_what_is_said_in_it(alice: Responder, stand_in: StandInEngine) -> None:
    first = await alice.created("words 1", conversation=alice.conversation)
    second = await alice.created("words 2", conversation={"id": alice.conversation})

    assert first["conversation"] == second["conversation"] == {"id": alice.conversation}
    assert [message["content"] for message in stand_in.requests[-1]["messages"]] == ["words 1", "w0 ", "words 2"]
    assert [text for _, _, text in alice.caller.items()] == ["words 1", "w0 ", "words 2", "w0 w1 "]


async def test_what_is_not_stored_leaves_nothing(alice: Responder, stand_in: StandInEngine) -> None:
    kept = await alice.created("words 1")
    document = await alice.created("words 2", store=False, previous_response_id=kept["id"])

    assert (document["store"], text_of(document)) == (False, "w0 w1 ")
    assert (await alice.get(document["id"]))[0] == 404
    assert [message["content"] for message in stand_in.requests[-1]["messages"]] == ["words 1", "w0 ", "words 2"]
    assert len(alice.caller.responses()) == 1
    assert len(alice.caller.items()) == 2


async def test_a_background_response_is_queued_and_then_runs(alice: Responder) -> None:
    document = await alice.created("words 2", background=True)

    assert (document["status"], document["background"], document["output"]) == ("queued", True, [])
    assert (await alice.get(document["id"]))[1] == document
    await alice.run_job(document["id"])
    settled = await alice.settled(document["id"])
    assert (settled["status"], settled["background"], text_of(settled)) == ("completed", True, "w0 w1 ")


async def test_a_background_response_keeps_the_order_of_a_schema(alice: Responder, stand_in: StandInEngine) -> None:
    # Models write the fields of an answer in the order of its schema.
    properties = {name: {"type": "string"} for name in ("reasoning", "zebra", "a", "answer")}
    schema = {"type": "object", "properties": properties}
    form = {"format": {"type": "json_schema", "name": "n", "schema": schema}}

    document = await alice.created("words 1", background=True, text=form)
    await alice.run_job(document["id"])

    sent = stand_in.requests[-1]["response_format"]["json_schema"]["schema"]
    kept = (await alice.settled(document["id"]))["text"]["format"]["schema"]
    assert list(sent["properties"]) == list(kept["properties"]) == list(properties)


async def test_a_background_response_can_be_streamed_from_the_start(alice: Responder) -> None:
    async with alice.streaming("words 3", background=True) as response:
        stream = events(response)
        created = await anext(stream)
        assert (await anext(stream))["type"] == "response.queued"
        await alice.run_job(created["response"]["id"])
        rest = [event async for event in stream]

    assert created["response"]["status"] == "queued"
    assert [event["sequence_number"] for event in rest] == list(range(2, 12))
    assert rest[0]["type"] == "response.in_progress"
    assert rest[-1]["response"]["status"] == "completed"


async def test_a_background_response_can_be_cancelled_before_it_runs(alice: Responder) -> None:
    document = await alice.created("words 2", background=True)

    _, cancelled = await alice.ask("POST", f"{document['id']}/cancel")
    await alice.run_job(document["id"])

    assert cancelled["status"] == "cancelled"
    assert (await alice.settled(document["id"]))["status"] == "cancelled"


async def test_an_answer_that_breaks_off_is_given_as_far_as_it_came(alice: Responder) -> None:
    document = await alice.created("cut 3")
    stream = await alice.stream("cut 3")

    for response in (document, stream[-1]["response"]):
        assert (response["status"], text_of(response)) == ("incomplete", "w0 w1 w2 ")
        assert response["error"]["code"] == "engine_failed"
        assert response["output"][0]["status"] == "incomplete"
    assert stream[-1]["type"] == "response.incomplete"


async def test_an_answer_cut_at_its_limit_says_so(alice: Responder) -> None:
    document = await alice.created("long 3", max_output_tokens=3)

    assert (document["status"], document["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert document["error"] is None
    assert (await alice.get(document["id"]))[1]["incomplete_details"] == {"reason": "max_output_tokens"}


@pytest.mark.parametrize(
    ("status", "expected", "code"), [(500, 502, "engine_failed"), (503, 503, "engine_unavailable")]
)
async def test_an_engine_that_refuses_is_an_http_error(alice: Responder, status: int, expected: int, code: str) -> None:
    for fields in ({}, {"store": False}, {"stream": True}):
        got, document = await alice.create(f"status {status}", **fields)

        assert (got, document["error"]["code"]) == (expected, code)


async def test_a_client_that_leaves_stops_nothing_that_is_stored(alice: Responder) -> None:
    async with alice.streaming("words 20 every 0.02") as response:
        created = await anext(events(response))

    assert text_of(await alice.settled(created["response"]["id"])) == "".join(f"w{n} " for n in range(20))


async def test_a_client_that_leaves_ends_what_is_not_stored(alice: Responder, stand_in: StandInEngine) -> None:
    stand_in.aborted_changed.clear()
    async with alice.streaming("words 1000 every 0.02", store=False) as response:
        await anext(events(response))

    await asyncio.wait_for(stand_in.aborted_changed.wait(), 5)


async def test_the_same_request_with_the_same_key_is_answered_once(alice: Responder, stand_in: StandInEngine) -> None:
    before = len(stand_in.requests)
    headers = {"idempotency-key": "a key"}

    first = await alice.create_with(headers, "words 3")
    again = await alice.create_with(headers, "words 3")
    other = await alice.create_with(headers, "words 4")

    assert first == again
    assert (other[0], other[1]["error"]["code"]) == (400, "idempotency_key_reused")
    assert len(stand_in.requests) == before + 1


async def test_a_retry_of_the_sdk_joins_the_first_turn(alice: Responder, stand_in: StandInEngine) -> None:
    before = len(stand_in.requests)
    body = {"model": MODEL, "input": "words 20 every 0.02", "stream": True}
    async with alice.post(body, headers={"x-stainless-retry-count": "0"}) as response:
        created = await until(events(response), "response.created")
    async with alice.post(body, headers={"x-stainless-retry-count": "1"}) as response:
        again = [event async for event in events(response)]

    assert again[0] == created
    assert again[-1]["type"] == "response.completed"
    assert len(stand_in.requests) == before + 1


async def test_a_key_counts_for_chat_completions_too(alice: Responder, stand_in: StandInEngine) -> None:
    before = len(stand_in.requests)
    body = {"conversation_id": alice.conversation, "message": "words 2"}
    documents = []
    for _ in range(2):
        async with alice.post(body, "/v1/chat/completions", headers={"idempotency-key": "b key"}) as response:
            documents.append(await response.json())

    assert documents[0] == documents[1]
    assert len(stand_in.requests) == before + 1
