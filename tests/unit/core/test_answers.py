"""Deltas of every shape, and the answers and outcomes they add up to."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.conversations.model import FunctionCall, ItemType, Message, Reasoning, Role, title_from
from parley.ids import ItemId
from parley.models.model import Delta, Usage, delta_from_chunk
from parley.turns.answer import item_ids_for, put_together, taken_apart
from parley.turns.model import Status, StopReason, outcome_of, outcome_of_stop
from parley.turns.prompt import to_messages


def test_a_chunk_of_vllm_or_llama_cpp_becomes_a_delta() -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "hi"}, "finish_reason": None}], "usage": None}

    assert delta_from_chunk(chunk) == Delta(text="hi")


def test_the_usage_chunk_has_no_choices() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}

    assert delta_from_chunk({"choices": [], "usage": usage}).usage == Usage(5, 2, 4)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_told_from_text(name: str) -> None:
    delta = delta_from_chunk({"choices": [{"delta": {name: "hm", "content": None}}]})

    assert (delta.reasoning, delta.text, delta.is_shown) == ("hm", "", True)


@pytest.mark.parametrize("chunk", [{}, {"choices": [{}]}, {"choices": [None]}, {"error": {"message": "x"}}, [], "x"])
def test_what_is_no_chunk_raises(chunk: object) -> None:
    with pytest.raises((KeyError, IndexError, TypeError, AttributeError)):
        delta_from_chunk(chunk)  # pyright: ignore[reportArgumentType]


def test_pieces_of_tool_calls_are_joined_by_index() -> None:
    answer = put_together(
        [
            Delta(tool_calls=[{"index": 1, "id": "b", "function": {"name": "g", "arguments": ""}}]),
            Delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f", "arguments": "{"}}]),
            Delta(
                tool_calls=[{"index": 0, "function": {"arguments": "}"}}, {"index": 1, "function": {"arguments": "1"}}]
            ),
        ]
    )

    assert answer.contents == (FunctionCall("b", "g", "1"), FunctionCall("a", "f", "{}"))


def test_an_answer_with_text_and_calls_is_a_message_and_calls() -> None:
    answer = put_together(
        [Delta(text="let me look"), Delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "f"}}])]
    )

    assert answer.contents == (Message(Role.ASSISTANT, ("let me look",)), FunctionCall("a", "f", ""))
    assert to_messages(answer.contents) == [
        {
            "role": "assistant",
            "content": "let me look",
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": ""}}],
        }
    ]


def test_items_stand_in_the_order_in_which_they_began() -> None:
    deltas = [Delta(reasoning="hm"), Delta(text="a"), Delta(reasoning="so"), Delta(text="b"), Delta(text="c")]

    answer = put_together(deltas)

    assert answer.contents == (
        Reasoning("hm"),
        Message(Role.ASSISTANT, ("a",)),
        Reasoning("so"),
        Message(Role.ASSISTANT, ("bc",)),
    )
    assert (answer.text, answer.reasoning) == ("abc", "hmso")


def test_reasoning_is_in_no_prompt() -> None:
    contents = (Reasoning("hm"), Message(Role.ASSISTANT, ("a",)))

    assert to_messages(contents) == [{"role": "assistant", "content": "a"}]


def test_the_ids_of_an_answer_follow_from_the_first() -> None:
    first = ItemId(UUID("01999999-9999-7999-8999-99999999000a"))

    def last_digits(*kinds: ItemType) -> list[int]:
        return [item_id.int - first.int for item_id in item_ids_for(first, kinds)]

    assert last_digits("message") == [0]
    assert last_digits("reasoning", "message", "function_call", "message") == [1, 0, 3, 4]
    assert last_digits("function_call", "function_call") == [1, 2]


@st.composite
def _answers(draw: st.DrawFn) -> list[Delta]:
    texts = st.text(min_size=1, max_size=3)
    pieces = st.builds(
        lambda index, text: {"index": index, "id": f"c{index}", "function": {"name": "f", "arguments": text}},
        st.integers(0, 2),
        texts,
    )
    deltas = st.one_of(
        texts.map(lambda text: Delta(text=text)),
        texts.map(lambda text: Delta(reasoning=text)),
        pieces.map(lambda piece: Delta(tool_calls=[piece])),
    )
    return draw(st.lists(deltas, max_size=12))


@given(_answers())
def test_an_answer_taken_apart_adds_up_to_itself(deltas: list[Delta]) -> None:
    answer = put_together(deltas)

    assert put_together(taken_apart(answer.contents)).contents == answer.contents


@pytest.mark.parametrize(
    ("finish_reason", "status"),
    [
        ("stop", Status.COMPLETED),
        ("tool_calls", Status.COMPLETED),
        ("length", Status.INCOMPLETE),
        ("content_filter", Status.INCOMPLETE),
    ],
)
def test_only_an_answer_that_ended_by_itself_is_complete(finish_reason: str, status: Status) -> None:
    outcome = outcome_of(finish_reason, Usage(1, 1))

    assert (outcome.status, outcome.finish_reason, outcome.usage) == (status, finish_reason, Usage(1, 1))


def test_a_stop_is_cancelled_what_is_blocked_has_failed_and_everything_else_is_incomplete() -> None:
    others = set(StopReason) - {StopReason.CANCELLED, StopReason.BLOCKED}

    assert outcome_of_stop(StopReason.CANCELLED).status is Status.CANCELLED
    assert outcome_of_stop(StopReason.BLOCKED).status is Status.FAILED
    assert outcome_of_stop(StopReason.BLOCKED).usage is None
    assert {outcome_of_stop(reason).status for reason in others} == {Status.INCOMPLETE}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", None),
        (" \n\t", None),
        ("\n  Hello there \nmore", "Hello there"),
        ("word " * 20, "word " * 11 + "word…"),
        ("x" * 70, "x" * 60 + "…"),
    ],
)
def test_a_title_is_the_first_line_cut_at_a_word(text: str, title: str | None) -> None:
    assert title_from(text) == title
