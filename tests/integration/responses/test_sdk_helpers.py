"""The official SDK's helpers before an engine that can be told what to do: tools, streams that end in every way, retries."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI

from local.parts import EmbeddedPostgres, EmbeddedValkey
from tests.doubles.engine import MODEL, StandInEngine
from tests.integration.chat.conftest import running_chat, settings_for
from tests.integration.responses.conftest import Responder

TOOL: Any = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}


@pytest.fixture
async def sdk(alice: Responder) -> AsyncIterator[AsyncOpenAI]:
    caller = alice.caller
    async with AsyncOpenAI(
        base_url=f"{caller.chat.url}/v1", api_key="none", default_headers=caller.headers, max_retries=0
    ) as client:
        yield client


async def test_a_tool_is_called_and_answered(sdk: AsyncOpenAI) -> None:
    first = await sdk.responses.create(model=MODEL, input="tool", tools=[TOOL])
    [call] = first.output
    assert call.type == "function_call"
    output: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "words 2"}

    chained = await sdk.responses.create(model=MODEL, input=[output], previous_response_id=first.id, tools=[TOOL])
    again: list[Any] = [{"role": "user", "content": "tool"}, *first.output, output]
    whole = await sdk.responses.create(model=MODEL, input=again, store=False, tools=[TOOL])

    assert (call.name, call.arguments) == ("weather", '{"city":"Oslo"}')
    assert chained.output_text == whole.output_text == "w0 w1 "


async def test_the_streaming_helper_puts_the_arguments_of_a_call_together(sdk: AsyncOpenAI) -> None:
    async with sdk.responses.stream(model=MODEL, input="tool", tools=[TOOL]) as stream:
        snapshots = [event.snapshot async for event in stream if event.type == "response.function_call_arguments.delta"]
        final = await stream.get_final_response()

    [call] = final.output
    assert call.type == "function_call"
    assert snapshots == ['{"city":', '{"city":"Oslo"}'] == [snapshots[0], call.arguments]


async def test_an_answer_is_sent_back_as_it_came(sdk: AsyncOpenAI, stand_in: StandInEngine) -> None:
    first = await sdk.responses.create(model=MODEL, input="words 2", store=False)
    said: list[Any] = [{"role": "user", "content": "words 2"}, *first.output, {"role": "user", "content": "words 1"}]

    await sdk.responses.create(model=MODEL, input=said, store=False)

    assert [message["content"] for message in stand_in.requests[-1]["messages"]] == ["words 2", "w0 w1 ", "words 1"]


async def test_a_stream_that_breaks_off_says_so(sdk: AsyncOpenAI) -> None:
    stream = await sdk.responses.create(model=MODEL, input="cut 2", stream=True)

    last = [event async for event in stream][-1]

    assert last.type == "response.incomplete"
    assert last.response.error is not None
    assert last.response.output_text == "w0 w1 "


async def test_a_stream_that_is_stopped_says_so(sdk: AsyncOpenAI) -> None:
    stream = await sdk.responses.create(model=MODEL, input="words 1000 every 0.02", stream=True)
    events = aiter(stream)
    first = await anext(events)
    assert first.type == "response.created"
    while (await anext(events)).type != "response.output_text.delta":
        pass

    stopped = await sdk.responses.cancel(first.response.id)
    last = [event async for event in events][-1]

    assert last.type == "response.incomplete"
    assert last.response.status == stopped.status == "cancelled"
    assert last.response.output_text == stopped.output_text


async def test_a_stream_is_taken_up_again_by_the_helper(sdk: AsyncOpenAI) -> None:
    async with sdk.responses.stream(model=MODEL, input="words 20 every 0.02") as stream:
        first = await anext(stream)
        assert first.type == "response.created"
        seen = [first.sequence_number, *[(await anext(stream)).sequence_number for _ in range(5)]]

    async with sdk.responses.stream(response_id=first.response.id, starting_after=seen[-1]) as stream:
        rest = [event.sequence_number async for event in stream]
        final = await stream.get_final_response()

    assert seen + rest == list(range(28))
    assert final.output_text == "".join(f"w{n} " for n in range(20))


async def test_the_sdks_own_retry_is_answered_once(alice: Responder, sdk: AsyncOpenAI, stand_in: StandInEngine) -> None:
    before = len(stand_in.requests)
    impatient = sdk.with_options(timeout=0.5, max_retries=2)

    response = await impatient.responses.create(model=MODEL, input="words 30 every 0.03")

    assert response.output_text.endswith("w29 ")
    assert len(stand_in.requests) == before + 1
    assert len(alice.caller.responses()) == 1


@pytest.mark.parametrize("status", [500, 503])
async def test_an_engine_that_is_away_is_an_error_of_the_sdk(sdk: AsyncOpenAI, status: int) -> None:
    with pytest.raises(openai.InternalServerError) as caught:
        await sdk.responses.create(model=MODEL, input=f"status {status}")

    assert caught.value.code in {"engine_failed", "engine_unavailable"}


async def test_another_process_tells_the_same_events(
    alice: Responder, sdk: AsyncOpenAI, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine
) -> None:
    async with running_chat(settings_for(postgres, valkey, stand_in.url), postgres.owner_url) as other:
        there = sdk.with_options(base_url=f"{other.url}/v1")
        stream = await sdk.responses.create(model=MODEL, input="words 20 every 0.03", stream=True)
        first = await anext(aiter(stream))
        assert first.type == "response.created"
        followed = await there.responses.retrieve(first.response.id, stream=True)
        elsewhere = [event async for event in followed]
        here = [first, *[event async for event in stream]]

    assert elsewhere == here
