"""What of an engine's answer becomes a title."""

import pytest

from parley.turns.titles import clean_title


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        ("Soft-boiled eggs", "Soft-boiled eggs"),
        ('"Soft-boiled eggs."', "Soft-boiled eggs"),
        ("\n\n## **Soft-boiled   eggs**\nmore", "Soft-boiled eggs"),
        ("Title: Soft-boiled eggs", "Soft-boiled eggs"),
        ('**Title:** "Soft-boiled eggs"', "Soft-boiled eggs"),
        ("„Eier weich kochen“", "Eier weich kochen"),
        ("「卵の茹で方」", "「卵の茹で方」"),
        ("C# or F#", "C# or F#"),
        ("Rome: three days", "Rome: three days"),
        ("eggs\x07 \u202eevil", "eggs evil"),
        ("e" * 60, "e" * 60),
        ("e" * 61, None),
        ("<think>Well", None),
        ("```", None),
        ("…", None),
        ("", None),
        (" \n\t", None),
    ],
)
def test_a_title_is_one_short_plain_line_or_none(answer: str, title: str | None) -> None:
    assert clean_title(answer) == title
