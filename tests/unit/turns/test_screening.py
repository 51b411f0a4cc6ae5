"""What readers are shown of an answer, whatever its engine's chunks are."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.models.model import Delta
from parley.moderation.stream_filter import FilterPolicy, StreamFilter
from parley.turns.answer import put_together
from parley.turns.screening import Screen

WORDS = (
    "Write to ",
    "anna@example.com",
    " or ",
    "+47 22 33 44 55",
    ", card 4111 1111 1111 1111",
    ".\n",
    "```\nmail bob@example.com\n```\n",
    "192.0.2.7",
    "DE89 3704 0044 0532 0130 00",
    "👩‍👩‍👧 ",
    "שלום ",
    "3.14 and 2026-11-24 ",
)
answers = st.lists(st.sampled_from(WORDS), max_size=8).map("".join)


def cut(text: str, places: list[int]) -> list[str]:
    bounds = [0, *sorted({place % (len(text) + 1) for place in places}), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


def screened(deltas: list[Delta], screen: Screen | None = None) -> list[Delta]:
    screen = screen or Screen(FilterPolicy())
    return [*screen.pass_on(deltas), *screen.rest()]


def filtered(text: str) -> str:
    stream = StreamFilter(FilterPolicy())
    return stream.feed(text) + stream.finish()


@given(answers, st.lists(st.integers(0, 400), max_size=12))
def test_all_that_is_shown_is_what_the_filter_makes_of_the_whole(text: str, places: list[int]) -> None:
    shown = screened([Delta(piece) for piece in cut(text, places)])

    assert put_together(shown).text == filtered(text)
    assert all(delta.is_shown for delta in shown)


@given(st.lists(st.tuples(st.booleans(), answers), max_size=6), st.lists(st.integers(0, 400), max_size=6))
def test_reasoning_and_text_keep_their_places(runs: list[tuple[bool, str]], places: list[int]) -> None:
    deltas = [
        Delta(reasoning=piece) if is_reasoning else Delta(piece)
        for is_reasoning, text in runs
        for piece in cut(text, places)
        if piece
    ]

    plain, shown = put_together(deltas), put_together(screened(deltas))

    assert [type(each) for each in shown.contents] == [type(each) for each in plain.contents]


def test_a_chunk_that_nothing_is_changed_in_is_passed_on_as_it_is() -> None:
    screen = Screen(FilterPolicy())
    screen.pass_on([Delta("A")])
    delta = Delta(" b c ")

    shown = screen.pass_on([delta])

    assert "".join(each.text for each in shown).endswith("b c ")


def test_pieces_of_a_call_that_has_begun_do_not_cut_a_word_in_two() -> None:
    call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{"}}
    more = {"index": 0, "function": {"arguments": "}"}}
    deltas = [
        Delta(tool_calls=[call]),
        Delta("mail anna@exam"),
        Delta(tool_calls=[more]),
        Delta("ple.com now"),
    ]

    assert put_together(screened(deltas)).text == "mail [EMAIL_1] now"


def test_in_a_dry_run_all_is_shown_at_once_and_noted() -> None:
    screen = Screen(FilterPolicy(), is_dry_run=True)
    deltas = [
        Delta(reasoning="of anna@exam"),
        Delta(reasoning="ple.com"),
        Delta("anna@"),
        Delta("example.com"),
        Delta("!"),
    ]

    shown = [each for delta in deltas for each in screen.pass_on([delta])]

    assert shown == deltas
    assert screen.rest() == []
    assert [each.mark for each in screen.redactions] == ["[EMAIL_1]", "[EMAIL_1]"]


def test_marks_that_stand_in_the_prompt_are_not_given_again() -> None:
    from parley.turns.redaction import marks_in

    screen = Screen(FilterPolicy(), marks_in([{"role": "user", "content": "I am [EMAIL_1]."}]))

    assert put_together(screened([Delta("Not bob@example.com.")], screen)).text == "Not [EMAIL_2]."


class TestLogProbabilities:
    @given(answers, st.lists(st.integers(0, 400), max_size=30))
    def test_of_words_that_were_replaced_are_never_shown(self, text: str, places: list[int]) -> None:
        pieces = [piece for piece in cut(text, places) if piece]

        shown = put_together(screened([with_logprobs(piece) for piece in pieces]))

        tokens = [entry["token"] for entry in (shown.logprobs or {"content": []})["content"]]
        assert shown.text == filtered(text)
        # In their order, and each of them in the text that is shown.
        place = 0
        for token in tokens:
            found = shown.text.find(token, place)
            assert found >= 0
            place = found + len(token)

    def test_are_all_there_where_nothing_was_replaced(self) -> None:
        pieces = ["The ", "capi", "tal", " of", " Nor", "way", " is ", "Oslo", "."]

        shown = put_together(screened([with_logprobs(piece) for piece in pieces]))

        assert [entry["token"] for entry in (shown.logprobs or {})["content"]] == pieces

    def test_of_a_token_that_is_half_a_character_come_too(self) -> None:
        shown = put_together(screened([with_logprobs("a "), with_logprobs("", "\\xf0"), with_logprobs("👍 b")]))

        assert [entry["token"] for entry in (shown.logprobs or {})["content"]] == ["a ", "\\xf0", "👍 b"]


def with_logprobs(text: str, token: str | None = None) -> Delta:
    entry: Any = {"token": text if token is None else token, "logprob": -0.5, "bytes": None, "top_logprobs": []}
    return Delta(text, logprobs={"content": [entry], "refusal": None})


@pytest.mark.parametrize("at", range(1, 17))
def test_an_answer_that_breaks_off_in_a_word_keeps_it(at: int) -> None:
    text = "almost anna@exam"[:at]

    assert put_together(screened([Delta(text)])).text == text
