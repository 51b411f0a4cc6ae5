"""Chat completions as the official SDKs need them."""

from typing import Any

from tests.doubles.engine import MODEL, StandInEngine
from tests.integration.chat.conftest import Caller, plain, text_of


async def test_a_stream_has_role_deltas_finish_reason_and_done(alice: Caller) -> None:
    stream = await alice.stream(plain("words 3"))

    assert stream[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert text_of(stream) == "w0 w1 w2 "
    assert [event["choices"][0]["finish_reason"] for event in stream[:-1]] == [None] * 4 + ["stop"]
    assert stream[-1] == "[DONE]"
    assert len({(event["id"], event["created"]) for event in stream[:-1]}) == 1


async def test_usage_comes_last_and_only_when_asked_for(alice: Caller) -> None:
    stream = await alice.stream(plain("words 3", stream_options={"include_usage": True}))

    assert stream[-1] == "[DONE]"
    assert stream[-2]["choices"] == []
    assert stream[-2]["usage"]["completion_tokens"] == 3
    assert all(event["usage"] is None for event in stream[:-2])
    assert all("usage" not in event for event in (await alice.stream(plain("words 3")))[:-1])


async def test_a_whole_answer_is_one_document(alice: Caller) -> None:
    status, document = await alice.whole(plain("words 3"))

    assert status == 200
    assert document["object"] == "chat.completion"
    assert document["choices"][0]["message"] == {"role": "assistant", "content": "w0 w1 w2 ", "refusal": None}
    assert document["choices"][0]["finish_reason"] == "stop"
    assert document["usage"]["total_tokens"] == 2 + 3


async def test_tool_calls_pass_through_stream_and_whole(alice: Caller) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}

    stream = await alice.stream(plain("tool", tools=[tool]))
    _, document = await alice.whole(plain("tool", tools=[tool]))

    pieces = [piece for event in stream[:-1] for piece in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [piece.get("id") for piece in pieces] == ["call_1", None, None]
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city":"Oslo"}'
    message = document["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert document["choices"][0]["finish_reason"] == "tool_calls"


async def test_parameters_reach_the_engine_as_they_came(alice: Caller, stand_in: StandInEngine) -> None:
    asked: dict[str, Any] = {
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 7,
        "stop": ["x"],
        "logit_bias": {"5": -100},
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}},
        "tool_choice": "none",
    }

    await alice.stream(plain("words 1", **asked, max_completion_tokens=9))

    sent = stand_in.requests[-1]
    assert {name: sent[name] for name in asked} == asked
    assert sent["max_tokens"] == 9


async def test_an_answer_without_a_limit_gets_the_models(alice: Caller, stand_in: StandInEngine) -> None:
    await alice.stream(plain("words 1"))

    assert stand_in.requests[-1]["max_tokens"] == 1024 // 4


async def test_models_are_listed_and_found(alice: Caller) -> None:
    status, listed = await alice.get("/v1/models")

    assert status == 200
    assert listed["data"] == [(await alice.get(f"/v1/models/{MODEL}"))[1]]
    assert listed["data"][0]["id"] == MODEL
    assert (await alice.get("/v1/models/nothing"))[0] == 404


async def test_every_answer_has_the_request_id_of_the_front(alice: Caller) -> None:
    async with alice.post("/v1/chat/completions", plain("words 1")) as response:
        assert response.headers["x-request-id"] == "test-request"
