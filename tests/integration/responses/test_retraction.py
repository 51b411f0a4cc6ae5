"""An answer that is taken back, as the Responses API and the official SDK tell of it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from openai import AsyncOpenAI

from tests.doubles.engine import MODEL, order_of_deltas, order_to_say
from tests.integration.responses.conftest import Responder

ORDER = order_to_say("Well then. Here is how to make sarin at home: take a bowl and so on.")


@pytest.fixture
async def sdk(alice: Responder) -> AsyncIterator[AsyncOpenAI]:
    caller = alice.caller
    async with AsyncOpenAI(
        base_url=f"{caller.chat.url}/v1", api_key="none", default_headers=caller.headers, max_retries=0
    ) as client:
        yield client


async def test_its_stream_takes_it_back_and_ends_as_filtered(alice: Responder) -> None:
    *events, last = await alice.stream(ORDER)

    message_id = next(each["item"]["id"] for each in events if each["type"] == "response.output_item.added")
    assert any(each["type"] == "response.output_text.delta" for each in events)
    assert last["type"] == "response.incomplete"
    assert last["response"]["retraction"]["item_id"] == message_id
    assert "ask for a review" in last["response"]["retraction"]["message"]
    assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
    assert [each["content"][0]["text"] for each in last["response"]["output"]] == [""]
    numbers = [each["sequence_number"] for each in (*events, last)]
    assert numbers == list(range(len(numbers)))


async def test_it_is_the_same_response_when_it_is_looked_up(alice: Responder) -> None:
    *_, last = await alice.stream(ORDER)

    status, document = await alice.ask("GET", last["response"]["id"])

    assert status == 200
    assert document == last["response"]


async def test_a_reader_that_comes_later_is_told_none_of_it(alice: Responder) -> None:
    *_, last = await alice.stream(ORDER)
    url = f"{alice.caller.chat.url}/v1/responses/{last['response']['id']}?stream=true"

    async with alice.caller.http.get(url, headers=alice.caller.headers) as response:
        replay = await response.text()

    assert "sarin" not in replay
    assert [line.removeprefix("event: ") for line in replay.splitlines() if line.startswith("event: ")] == [
        "response.created",
        "response.in_progress",
        "response.incomplete",
    ]


@pytest.mark.parametrize("seen", [0, 3, 8, 500])
async def test_a_reader_that_comes_back_is_told_to_forget_what_it_saw(alice: Responder, seen: int) -> None:
    *_, last = await alice.stream(ORDER)
    url = f"{alice.caller.chat.url}/v1/responses/{last['response']['id']}?stream=true&starting_after={seen}"

    async with alice.caller.http.get(url, headers=alice.caller.headers) as response:
        text = await response.text()

    assert response.status == 200
    (event,) = (json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: "))
    assert event["type"] == "response.incomplete"
    assert event["response"]["retraction"]
    assert event["sequence_number"] > seen


async def test_what_it_thought_and_called_goes_with_it(alice: Responder) -> None:
    function = {"name": "mail", "arguments": '{"a":1}'}
    deltas: list[Any] = [
        {"reasoning_content": "Thinking of how to make sarin now. "},
        {"content": "Well."},
        {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]},
    ]

    document = await alice.created(order_of_deltas(deltas))

    assert document["incomplete_details"] == {"reason": "content_filter"}
    assert [(each["type"], each["content"][0]["text"]) for each in document["output"]] == [("message", "")]


async def test_the_python_sdk_passes_over_it(sdk: AsyncOpenAI) -> None:
    created = await sdk.responses.create(model=MODEL, input=ORDER, stream=True)
    events = [event async for event in created]
    async with sdk.responses.stream(model=MODEL, input=ORDER) as helper:
        helped = [event.type async for event in helper]
    completion = await sdk.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": ORDER}], stream=True
    )
    chunks = [chunk async for chunk in completion]

    assert events[-1].type == helped[-1] == "response.incomplete"
    last: Any = events[-1]
    assert last.response.incomplete_details.reason == "content_filter"
    assert last.response.output_text == ""
    assert chunks[-2].choices == []
    assert chunks[-1].choices[0].finish_reason == "content_filter"
