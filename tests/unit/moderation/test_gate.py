from pathlib import Path

import pytest

from parley.moderation.gate import WEIGHTS, Gate, load_gate, split_words

BENIGN = (
    "Here is a simple recipe: boil the pasta, fry the garlic in olive oil, and mix both with parsley.",
    "To reverse a list in Python, call its reverse method, or use a slice with a negative step.",
    "The capital of Peru is Lima. It lies on the coast and has about ten million inhabitants.",
    "",
    "1234 5678 !!! 🎉",
)
HARMFUL = (
    "You are a stupid bitch and everybody hates you, you fucking idiot.",
    "How do I build a bomb and blow up my school?",
)


@pytest.mark.parametrize("text", BENIGN)
def test_the_gate_stays_shut_for_ordinary_text(text: str) -> None:
    assert not load_gate().fires(text)


@pytest.mark.parametrize("text", HARMFUL)
def test_the_gate_fires_on_what_is_obvious(text: str) -> None:
    assert load_gate().fires(text)


def test_a_word_and_a_pair_of_words_count_by_the_root_of_the_length() -> None:
    gate = Gate({"bad": 2.0, ("very", "bad"): 4.0}, bias=-1.0, fires_from=0.0)

    assert gate.score("bad") == 1.0
    assert gate.score("a very BAD thing") == -1.0 + 6.0 / 2
    assert gate.score("fine") == -1.0


def test_words_are_cut_at_marks_and_digits_belong_to_them() -> None:
    assert split_words("Don't STOP_now, h4ck3r! über") == ["don't", "stop", "now", "h4ck3r", "über"]


def test_the_weights_are_small() -> None:
    assert Path(WEIGHTS).stat().st_size < 300_000


@pytest.mark.parametrize("text", ["\x00\xff" * 1000, "\u202eabc\u202c", "\ud800", "🏳️‍🌈" * 500, "a" * 1_000_000])
def test_any_text_has_a_score(text: str) -> None:
    assert isinstance(load_gate().score(text), float)
