"""The events of a response: their order, their numbers, and what a reader is given that comes back."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai import omit
from openai.lib.streaming.responses._responses import ResponseStreamState
from openai.types.responses import Response as SdkResponse

from lambdas.chat.responses.documents import stored_document
from lambdas.chat.responses.events import last_number, settled_document
from parley.errors import EngineFailed, EngineUnavailable
from parley.ids import ResponseId
from parley.models.model import Delta, Usage
from parley.turns.answer import put_together, taken_apart
from parley.turns.model import Outcome, Response, Status, StoredResponse
from parley.turns.turn import Turn
from tests.unit.chat.make import (
    CANCELLED,
    COMPLETED,
    call_piece,
    encoded,
    events_of,
    logprob,
    make_response,
    names,
    parsed,
    sdk_event,
)

HELLO = [Delta("Hel"), Delta("lo")]
THOUGHT = [Delta(reasoning="hm"), Delta(reasoning=", yes")]
CALLS = [
    call_piece(0, id="call_a", name="f"),
    call_piece(0, "{}"),
    call_piece(1, id="call_b", name="g", arguments="["),
    call_piece(1, "]"),
]
BROKEN_OFF = Outcome(Status.INCOMPLETE, None, error=EngineFailed("away"))
FAILED = Outcome(Status.FAILED, None, error=EngineUnavailable("away"))
TOO_LONG = Outcome(Status.INCOMPLETE, "length", Usage(5, 3))
OUTCOMES = [COMPLETED, CANCELLED, BROKEN_OFF, TOO_LONG]

MESSAGE_EVENTS = [
    "output_item.added",
    "content_part.added",
    "output_text.delta",
    "output_text.delta",
    "output_text.done",
    "content_part.done",
    "output_item.done",
]


async def turn_of(deltas: Sequence[Delta], outcome: Outcome, response: Response | None = None) -> Turn:
    turn = Turn(response or make_response())
    turn.publish(deltas)
    turn.finish(outcome)
    return turn


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The same with OpenAI's code for an error: ours say more, and the SDK's class lists OpenAI's only."""
    response = document.get("response")
    if response is None or response["error"] is None:
        return document
    return {**document, "response": {**response, "error": {**response["error"], "code": "server_error"}}}


def test_a_message_has_openais_events_in_openais_order() -> None:
    events = events_of(HELLO)

    assert names(events) == ["created", "in_progress", *MESSAGE_EVENTS, "completed"]
    assert [event["sequence_number"] for event in events] == list(range(10))
    assert [event["delta"] for event in events[4:6]] == ["Hel", "lo"]
    assert events[6]["text"] == "Hello"
    assert events[7]["part"] == {"type": "output_text", "text": "Hello", "annotations": [], "logprobs": []}
    assert events[8]["item"] == events[9]["response"]["output"][0]
    assert {event["item_id"] for event in events[3:8]} == {events[8]["item"]["id"]} == {f"msg_{256:032x}"}


def test_a_background_response_is_queued_until_something_comes_of_it() -> None:
    response = make_response(is_background=True)

    events = events_of(HELLO, response=response)

    assert names(events[:4]) == ["created", "queued", "in_progress", "output_item.added"]
    assert [event["response"]["status"] for event in events[:3]] == ["queued", "queued", "in_progress"]


def test_each_change_of_what_is_said_ends_one_item_and_begins_the_next() -> None:
    events = events_of([*THOUGHT, *HELLO, Delta(reasoning="more"), Delta("end")])

    kinds = [event["item"]["type"] for event in events if event["type"] == "response.output_item.done"]
    assert kinds == ["reasoning", "message", "reasoning", "message"]
    ids = [event["item"]["id"] for event in events if event["type"] == "response.output_item.added"]
    assert ids == [f"rs_{257:032x}", f"msg_{256:032x}", f"rs_{259:032x}", f"msg_{260:032x}"]
    assert names(events[2:9]) == [
        "output_item.added",
        "content_part.added",
        "reasoning_text.delta",
        "reasoning_text.delta",
        "reasoning_text.done",
        "content_part.done",
        "output_item.done",
    ]
    assert events[8]["item"] == {
        "id": f"rs_{257:032x}",
        "type": "reasoning",
        "status": "completed",
        "summary": [],
        "content": [{"type": "reasoning_text", "text": "hm, yes"}],
    }


def test_calls_are_done_together_at_the_end_for_their_pieces_may_be_mixed() -> None:
    mixed = [CALLS[0], CALLS[2], CALLS[1], CALLS[3]]

    events = events_of(mixed)

    assert names(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    assert [event["output_index"] for event in events[4:7]] == [1, 0, 1]
    assert [item["arguments"] for item in events[-1]["response"]["output"]] == ["{}", "[]"]
    assert [item["call_id"] for item in events[-1]["response"]["output"]] == ["call_a", "call_b"]


def test_one_delta_may_say_several_things() -> None:
    everything = Delta("text", "thought", CALLS[0].tool_calls)

    events = events_of([everything])

    assert [event["item"]["type"] for event in events if event["type"] == "response.output_item.added"] == [
        "reasoning",
        "message",
        "function_call",
    ]


def test_an_answer_of_nothing_is_an_empty_message() -> None:
    events = events_of([])

    assert names(events) == ["created", "in_progress", *[n for n in MESSAGE_EVENTS if "delta" not in n], "completed"]
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == ""


@pytest.mark.parametrize(
    ("outcome", "kind", "status", "reason", "code"),
    [
        (COMPLETED, "response.completed", "completed", None, None),
        (CANCELLED, "response.incomplete", "cancelled", None, None),
        (TOO_LONG, "response.incomplete", "incomplete", "max_output_tokens", None),
        (Outcome(Status.INCOMPLETE, "content_filter"), "response.incomplete", "incomplete", "content_filter", None),
        (BROKEN_OFF, "response.incomplete", "incomplete", None, "engine_failed"),
        (FAILED, "response.failed", "failed", None, "engine_unavailable"),
    ],
)
def test_the_last_event_tells_how_it_ended(
    outcome: Outcome, kind: str, status: str, reason: str | None, code: str | None
) -> None:
    last = events_of([] if outcome is FAILED else HELLO, outcome)[-1]

    response = last["response"]
    assert (last["type"], response["status"]) == (kind, status)
    assert (response["incomplete_details"] or {}).get("reason") == reason
    assert (response["error"] or {}).get("code") == code
    is_cut = outcome not in {COMPLETED, FAILED}
    assert [item["status"] for item in response["output"]] == (["incomplete"] if is_cut else ["completed"] * (not code))


def test_what_ended_before_the_cut_is_whole() -> None:
    events = events_of([*THOUGHT, *HELLO, *CALLS], CANCELLED)

    assert [item["status"] for item in events[-1]["response"]["output"]] == ["completed"] * 2 + ["incomplete"] * 2


def test_log_probabilities_go_with_the_text_they_belong_to() -> None:
    deltas = [
        Delta(reasoning="hm", logprobs={"content": [logprob("hm")]}),
        Delta("", logprobs={"content": [logprob("half")]}),
        Delta("ö", logprobs={"content": [logprob("other half")]}),
        Delta(" and"),
        Delta("", logprobs={"content": [logprob("end")]}),
    ]

    events = events_of(deltas)

    spoken = [event for event in events if event["type"] == "response.output_text.delta"]
    assert [[each["token"] for each in event["logprobs"]] for event in spoken] == [["half", "other half"], []]
    part = events[-1]["response"]["output"][1]["content"][0]
    assert [each["token"] for each in part["logprobs"]] == ["half", "other half", "end"]
    assert [sdk_event(event) for event in events]


def test_text_is_escaped_on_the_fast_path_as_anywhere() -> None:
    text = 'a "quoted"\nline \\ and 🙂 \u2028'

    events = events_of([Delta("x"), Delta(text)])

    assert events[5]["delta"] == text
    assert list(events[5]) == list(events_of([Delta("x"), Delta(text, logprobs={"content": []})])[5])


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
LOGPROBS = {"content": [logprob("t")]}
DELTAS = st.lists(
    st.one_of(
        TEXTS.map(Delta),
        TEXTS.map(lambda text: Delta(reasoning=text)),
        st.tuples(st.integers(0, 2), TEXTS).map(lambda call: call_piece(*call, id=f"call_{call[0]}", name="f")),
        st.tuples(TEXTS, TEXTS).map(lambda texts: Delta(*texts)),
        TEXTS.map(lambda text: Delta(text, logprobs=LOGPROBS)),
    ).filter(lambda delta: delta.is_shown),
    max_size=12,
)
RESPONSES = st.sampled_from([make_response(), make_response(is_background=True)])


@given(deltas=DELTAS, outcome=st.sampled_from(OUTCOMES), response=RESPONSES)
def test_a_reader_that_comes_back_is_given_exactly_what_it_has_not_seen(
    deltas: list[Delta], outcome: Outcome, response: Response
) -> None:
    whole = parsed(encoded(deltas, outcome, response))

    assert [event["sequence_number"] for event in whole] == list(range(len(whole)))
    for seen in range(len(whole)):
        assert parsed(encoded(deltas, outcome, response, starting_after=seen)) == whole[seen + 1 :]


@given(deltas=DELTAS, outcome=st.sampled_from(OUTCOMES), response=RESPONSES)
async def test_events_document_and_database_tell_the_same_answer(
    deltas: list[Delta], outcome: Outcome, response: Response
) -> None:
    whole = parsed(encoded(deltas, outcome, response))
    turn = await turn_of(deltas, outcome, response)

    assert settled_document(turn) == whole[-1]["response"]
    assert last_number(turn) == len(whole) - 1
    answer = put_together(deltas)
    stored = StoredResponse(
        response,
        outcome.status,
        outcome.finish_reason,
        outcome.error.code if outcome.error else None,
        outcome.usage,
        output=answer.items(broke_off=outcome.error is not None),
    )
    assert without_logprobs(stored_document(stored)) == without_logprobs(whole[-1]["response"])


@given(deltas=DELTAS, outcome=st.sampled_from(OUTCOMES))
def test_a_condensed_turn_adds_up_to_the_same_answer(deltas: list[Delta], outcome: Outcome) -> None:
    condensed = taken_apart(put_together(deltas).contents)

    last = events_of(condensed, outcome, is_condensed=True)[-1]["response"]

    assert without_logprobs(last) == without_logprobs(events_of(deltas, outcome)[-1]["response"])


def without_logprobs(document: dict[str, Any]) -> dict[str, Any]:
    """They are in the events only."""
    output = [
        {**item, "content": [{**part, "logprobs": []} for part in item["content"]]}
        if item["type"] == "message"
        else item
        for item in document["output"]
    ]
    return {**document, "output": output}


@given(deltas=DELTAS, outcome=st.sampled_from([*OUTCOMES]), response=RESPONSES)
def test_the_sdk_reads_every_event(deltas: list[Delta], outcome: Outcome, response: Response) -> None:
    state = ResponseStreamState(input_tools=omit, text_format=omit)

    for document in events_of(deltas, outcome, response=response):
        if document["type"] == "response.incomplete" and document["response"]["status"] == "incomplete":
            assert document["response"]["output"] is not None
        state.handle_event(sdk_event(strict(document)))  # pyright: ignore[reportArgumentType]

    final = state._completed_response
    assert (final is not None) == (outcome is COMPLETED)
    if final is not None:
        assert final.output_text == put_together(deltas).text


@pytest.mark.parametrize("seen", [0, 4, 9, 40])
def test_of_a_condensed_turn_who_saw_some_is_given_the_end(seen: int) -> None:
    events = events_of([Delta("Hello")], starting_after=seen, is_condensed=True)

    assert [(event["type"], event["sequence_number"]) for event in events] == [("response.completed", seen + 1)]


def test_who_saw_more_than_was_kept_is_given_the_end() -> None:
    events = events_of(HELLO, BROKEN_OFF, starting_after=40)

    assert [(event["type"], event["sequence_number"]) for event in events] == [("response.incomplete", 41)]


def test_who_saw_the_last_event_is_given_nothing() -> None:
    assert encoded(HELLO, COMPLETED, starting_after=9) == b""


def test_a_response_says_what_was_asked_of_it() -> None:
    asked = {"temperature": 0.5, "metadata": {"a": "b"}, "tool_choice": "none", "max_output_tokens": 9}
    response = make_response(
        request=asked, instructions="be brief", previous_response_id=ResponseId(UUID(int=9)), is_listed=True
    )

    document = events_of(HELLO, response=response)[-1]["response"]

    assert {name: document[name] for name in asked} == asked
    assert document["instructions"] == "be brief"
    assert document["previous_response_id"] == f"resp_{9:032x}"
    assert document["conversation"] == {"id": f"conv_{3:032x}"}
    assert document["usage"]["input_tokens_details"]["cached_tokens"] == 2
    assert SdkResponse.model_validate(document).output_text == "Hello"


def test_the_conversation_of_a_chain_is_not_shown() -> None:
    chain = events_of(HELLO)[-1]["response"]
    unstored = events_of(HELLO, response=make_response(conversation_id=None))[-1]["response"]

    assert (chain["conversation"], chain["store"]) == (None, True)
    assert (unstored["conversation"], unstored["store"]) == (None, False)


def test_a_kept_response_tells_when_it_was_completed() -> None:
    response = make_response()
    stored = StoredResponse(response, Status.COMPLETED, "stop", settled_at=response.created_at)

    assert stored_document(stored)["completed_at"] == int(response.created_at.timestamp())
    assert "completed_at" not in stored_document(replace(stored, status=Status.IN_PROGRESS))
