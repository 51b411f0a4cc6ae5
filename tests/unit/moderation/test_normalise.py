"""A text shows the same letters, whatever characters it was written with."""

# ruff: noqa: RUF001 - look-alikes are what this is about

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.moderation.normalise import OTHER_LETTER, REMEMBERED_CHARACTERS, Folds, end_of_marks, fold, origins


@pytest.mark.parametrize(
    "written",
    [
        "KILL",
        "ｋｉｌｌ",
        "𝓴𝓲𝓵𝓵",
        "𝕜𝕚𝕝𝕝",
        "ⓚⓘⓛⓛ",
        "🅺🅸🅻🅻",
        "🇰🇮🇱🇱",
        "кiӏӏ",
        "κіll",
        "ᴋɪʟʟ",
        "ᵏⁱˡˡ",
        "ʞıʟʟ",
        "Ꮶill",
        "₭ill",
        "kïłļ",
        "k̶i̶l̶l̶",
        "k\u200bi\u200cl\u200dl",
        "\u202ekill\u202c",
        "k\u2066il\u2069l",
        "ki\u00adll",
        "ki\ufe0fll",
        "ki\u3164ll",
        "ki\x00ll",
        "k\u0489ill",
        "k'il'l",
        "k\U000e0069ill",
    ],
)
def test_a_disguised_word_is_the_word(written: str) -> None:
    assert fold(written) == "kill"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Straße", "strasse"),
        ("don't, don’t", "dont, dont"),
        ("a\u00a0b\u3000c\nd", "a b c\nd"),
        ("٣ and ３ and ३", "3 and 3 and 3"),
        ("f⁎ck sh！t ＠ss", "f*ck sh!t @ss"),
        ("№ ½ ﬁ", "no 1 2 fi"),
        ("你好kill吧", "  kill "),
        ("👩‍👩‍👧‍👦 kill", "     kill"[:4] + " kill"),
        ("", ""),
    ],
)
def test_what_else_is_shown(text: str, shown: str) -> None:
    assert fold(text) == shown


def test_a_letter_that_looks_like_none_of_ours_stays_a_letter_of_its_word() -> None:
    assert fold("ж") == OTHER_LETTER
    assert fold("ש你ก") == "   "


@given(st.text())
def test_every_character_of_the_fold_says_where_it_stood(text: str) -> None:
    folded = fold(text)
    at = origins(text)

    assert len(at) == len(folded)
    assert at == sorted(at)
    assert all(shown in fold(text[index]) for shown, index in zip(folded, at, strict=True))


@given(st.text())
def test_a_fold_has_no_letter_left_that_is_not_ascii_and_folds_to_itself(text: str) -> None:
    folded = fold(text)

    assert set(folded) <= {*map(chr, range(32, 128)), *"\t\n\v\f\r\x1c\x1d\x1e\x1f\u20ac\u00a3\u00a2\u00a1"}
    assert fold(folded.replace(OTHER_LETTER, " ").replace("'", "")) == folded.replace(OTHER_LETTER, " ")


def test_every_character_there_is_has_a_fold_and_few_are_remembered() -> None:
    folds = Folds({})

    for codepoint in range(0, sys.maxunicode + 1, 7):
        folds[codepoint]

    assert len(folds) <= REMEMBERED_CHARACTERS


def test_marks_are_not_seen() -> None:
    marks = [chr(code) for code in range(0x10000) if unicodedata.category(chr(code)) in {"Cf", "Mn", "Me"}]

    assert len(marks) > 1000
    assert {fold(mark) for mark in marks} == {""}
    assert end_of_marks("e\u0301\u200b!", 1) == 3
    assert end_of_marks("e'!", 1) == 1
