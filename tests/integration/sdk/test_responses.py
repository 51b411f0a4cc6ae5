"""The Responses API by the official SDK, unchanged, against the whole running product."""

import time
from collections.abc import Iterator
from enum import IntEnum
from typing import Any
from uuid import uuid4

import openai
import pytest
from openai import OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from tests.conftest import Stack

MODEL = "smollm2-135m-instruct"


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.url}/v1", api_key=stack.token("ada"), max_retries=0, timeout=60) as client:
        yield client


@pytest.fixture(scope="module")
def bob(stack: Stack) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{stack.url}/v1", api_key=stack.token("bob"), max_retries=0, timeout=60) as client:
        yield client


def say(client: OpenAI, said: str = "Say hello", **fields: Any) -> Response:
    return client.responses.create(model=MODEL, input=said, max_output_tokens=8, **fields)


def settled(client: OpenAI, response_id: str) -> Response:
    deadline = time.monotonic() + 30
    while (response := client.responses.retrieve(response_id)).status in {"queued", "in_progress"}:
        assert time.monotonic() < deadline, "still not over"
        time.sleep(0.1)
    return response


def test_a_whole_response(ada: OpenAI) -> None:
    response = say(ada, metadata={"topic": "greetings"}, instructions="Be brief.")

    assert response.output_text
    assert response.status in {"completed", "incomplete"}
    assert response.usage is not None
    assert 0 < response.usage.output_tokens <= 8
    kept = ada.responses.retrieve(response.id)
    assert (kept.output_text, kept.metadata, kept.instructions) == (
        response.output_text,
        {"topic": "greetings"},
        "Be brief.",
    )


def test_a_streamed_response_and_its_replay(ada: OpenAI) -> None:
    events = list(ada.responses.create(model=MODEL, input="Say hello", max_output_tokens=8, stream=True))

    assert [event.sequence_number for event in events] == list(range(len(events)))
    first, last = events[0], events[-1]
    assert first.type == "response.created"
    assert last.type in {"response.completed", "response.incomplete"}
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == ada.responses.retrieve(first.response.id).output_text
    for seen in (0, 3, len(events) - 2):
        rest = list(ada.responses.retrieve(first.response.id, stream=True, starting_after=seen))
        assert rest == events[seen + 1 :]


def test_the_streaming_helper_reads_the_answer_into_a_model(ada: OpenAI) -> None:
    class Digit(IntEnum):
        SEVEN = 7

    class Answer(BaseModel):
        n: Digit

    with ada.responses.stream(model=MODEL, input="Seven", text_format=Answer, max_output_tokens=200) as stream:
        for _ in stream:
            pass
        streamed = stream.get_final_response()
    parsed = ada.responses.parse(model=MODEL, input="Seven", text_format=Answer, max_output_tokens=200)

    assert streamed.output_parsed == parsed.output_parsed == Answer(n=Digit.SEVEN)
    with ada.responses.stream(response_id=streamed.id, starting_after=4, text_format=Answer) as stream:
        assert next(event.sequence_number for event in stream) == 5
        assert stream.get_final_response().output_parsed == Answer(n=Digit.SEVEN)


def test_a_background_response_is_polled_to_its_end(ada: OpenAI) -> None:
    response = say(ada, background=True)

    assert response.status == "queued"
    done = settled(ada, response.id)
    assert done.output_text
    assert done.background


def test_a_background_response_is_streamed_to_its_end(ada: OpenAI) -> None:
    events = list(
        ada.responses.create(model=MODEL, input="Say hello", max_output_tokens=8, stream=True, background=True)
    )

    assert [event.type for event in events[:3]] == ["response.created", "response.queued", "response.in_progress"]
    assert events[-1].type in {"response.completed", "response.incomplete"}


def test_a_response_continues_another(ada: OpenAI) -> None:
    first = say(ada, "My name is Ada.")
    second = say(ada, "What is my name?", previous_response_id=first.id)
    fork = say(ada, "Who are you?", previous_response_id=first.id, store=False)

    assert second.previous_response_id == fork.previous_response_id == first.id
    assert first.usage is not None
    assert second.usage is not None
    assert second.usage.input_tokens > first.usage.input_tokens
    with pytest.raises(openai.NotFoundError):
        ada.responses.retrieve(fork.id)


def test_a_conversation_holds_its_responses(ada: OpenAI) -> None:
    conversation = ada.conversations.create()

    for said in ("My name is Ada.", "What is my name?"):
        assert say(ada, said, conversation=conversation.id).conversation is not None

    items = list(ada.conversations.items.list(conversation.id, order="asc"))
    assert [item.role for item in items if item.type == "message"] == ["user", "assistant"] * 2


def test_a_response_is_stopped_and_keeps_what_was_said(ada: OpenAI) -> None:
    stream = ada.responses.create(model=MODEL, input="Tell a long story.", max_output_tokens=1000, stream=True)
    first = next(stream)
    assert first.type == "response.created"
    while next(stream).type != "response.output_text.delta":
        pass

    stopped = ada.responses.cancel(first.response.id)
    last = list(stream)[-1]

    assert stopped.status == "cancelled"
    assert last.type == "response.incomplete"
    assert last.response.output_text == stopped.output_text
    assert ada.responses.cancel(first.response.id) == stopped


def test_input_items_are_listed_and_input_tokens_counted(ada: OpenAI) -> None:
    said: Any = [{"role": "user", "content": f"message {number}"} for number in range(5)]
    response = say(ada, said)

    listed = list(ada.responses.input_items.list(response.id, order="asc", limit=2))
    counted = ada.responses.input_tokens.count(model=MODEL, input=said)

    parts = [part for item in listed if item.type == "message" for part in item.content]
    assert [part.text for part in parts if part.type == "input_text"] == [f"message {number}" for number in range(5)]
    assert response.usage is not None
    assert counted.input_tokens == response.usage.input_tokens


def test_a_deleted_response_is_gone(ada: OpenAI) -> None:
    response = say(ada)

    ada.responses.delete(response.id)

    for gone in (ada.responses.retrieve, ada.responses.cancel, ada.responses.delete):
        with pytest.raises(openai.NotFoundError):
            gone(response.id)


def test_another_users_response_does_not_exist(ada: OpenAI, bob: OpenAI) -> None:
    response = say(ada)

    for ask in (bob.responses.retrieve, bob.responses.cancel, bob.responses.delete):
        with pytest.raises(openai.NotFoundError):
            ask(response.id)
    with pytest.raises(openai.NotFoundError):
        list(bob.responses.retrieve(response.id, stream=True))
    with pytest.raises(openai.NotFoundError):
        bob.responses.input_items.list(response.id)
    with pytest.raises(openai.NotFoundError):
        say(bob, previous_response_id=response.id)


def test_errors_are_the_sdks_own_kinds(ada: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as unsupported:
        say(ada, tools=[{"type": "web_search"}])
    assert unsupported.value.param == "tools[0].type"
    with pytest.raises(openai.NotFoundError) as missing:
        ada.responses.create(model="gpt-4o", input="hi")
    assert missing.value.code == "model_not_found"
    response = say(ada)
    with pytest.raises(openai.BadRequestError) as beyond:
        list(ada.responses.retrieve(response.id, stream=True, starting_after=1000))
    assert beyond.value.param == "starting_after"


def test_the_same_key_gives_the_same_response(ada: OpenAI) -> None:
    headers = {"Idempotency-Key": uuid4().hex}

    first = say(ada, extra_headers=headers)
    again = say(ada, extra_headers=headers)

    assert first == again
    with pytest.raises(openai.BadRequestError) as reused:
        say(ada, "Something else", extra_headers=headers)
    assert reused.value.code == "idempotency_key_reused"


def test_log_probabilities_come_with_the_text(ada: OpenAI) -> None:
    response = say(ada, include=["message.output_text.logprobs"], top_logprobs=2, temperature=0)

    [message] = response.output
    assert message.type == "message"
    part = message.content[0]
    assert part.type == "output_text"
    assert part.logprobs
    assert "".join(each.token for each in part.logprobs) == part.text
    assert len(part.logprobs[0].top_logprobs) == 2
