"""The prompt's window: whole turns, the instructions always, and an extension of the window before it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.context.model import Entry, choose_window_start
from parley.errors import ContextLengthExceeded


def entry(sequence: int, tokens: int = 10, *, is_pinned: bool = False, starts_turn: bool = True) -> Entry:
    return Entry(sequence, tokens, is_pinned, starts_turn)


def test_a_window_that_fits_stays() -> None:
    assert choose_window_start([entry(n) for n in range(1, 11)], start=1, limit_tokens=100) == 1


def test_a_full_window_drops_its_older_half_in_one_step() -> None:
    entries = [entry(n) for n in range(1, 12)]

    start = choose_window_start(entries, start=1, limit_tokens=100)

    assert start == 7
    assert choose_window_start([*entries, entry(12)], start, limit_tokens=100) == start


def test_instructions_stay_and_take_their_room() -> None:
    entries = [entry(1, 40, is_pinned=True), *[entry(n) for n in range(2, 10)]]

    start = choose_window_start(entries, start=1, limit_tokens=100)

    assert start == 9


def test_a_window_never_begins_with_an_answer() -> None:
    entries = [entry(n, starts_turn=n % 2 == 1) for n in range(1, 13)]

    assert choose_window_start(entries, start=1, limit_tokens=100) % 2 == 1


def test_the_newest_turn_is_whole_even_beyond_half_the_limit() -> None:
    entries = [entry(1, 50), entry(2, 60), entry(3, 20, starts_turn=False)]

    assert choose_window_start(entries, start=1, limit_tokens=100) == 2


@pytest.mark.parametrize("entries", [[entry(1, 101)], [entry(1, 60, is_pinned=True), entry(2, 10), entry(3, 41)]])
def test_what_cannot_fit_is_refused(entries: list[Entry]) -> None:
    with pytest.raises(ContextLengthExceeded) as caught:
        choose_window_start(entries, start=1, limit_tokens=100)

    assert caught.value.param == "messages"


@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(100, 200))
def test_any_conversation_fits_and_windows_move_forward_only(sizes: list[int], limit_tokens: int) -> None:
    start, moves = 1, 0
    for count in range(1, len(sizes) + 1):
        entries = [entry(n, size) for n, size in enumerate(sizes[:count], start=1)]
        new_start = choose_window_start(entries, start, limit_tokens)

        assert new_start >= start
        assert sum(each.tokens for each in entries if each.sequence >= new_start) <= limit_tokens
        moves += new_start > start
        start = new_start
    # Each move frees at least half the limit, less the one turn that tipped it over.
    assert moves <= sum(sizes) / (limit_tokens / 2 - 40) + 1
