"""How the lists are written."""

import pytest

from parley.moderation.keyword_file import Entry, parse_entries
from parley.moderation.model import Action, Category

LIST = """
# A comment.
$whom = him, her

one-1 violence review
    strike {$whom} {,very  hard}
    smite
  - strike {$whom} off
two-1 hate block
    word
"""


def test_an_entry_has_its_phrases_and_what_is_innocent() -> None:
    one, two = parse_entries(LIST)

    whom = ("him", "her")
    assert one == Entry(
        "one-1",
        Category.VIOLENCE,
        Action.REVIEW,
        ((("strike",), whom, ("", "very hard")), (("smite",),)),
        ((("strike",), whom, ("off",)),),
    )
    assert two.action is Action.BLOCK


@pytest.mark.parametrize(
    "wrong",
    [
        "one-1 violence allow\n    word",
        "one-1 violence review",
        "one-1 cruelty review\n    word",
        "one-1 violence\n    word",
        "one-1 violence review\n    {$nobody} word",
        "one-1 violence review\n    {a, {b}} word",
        "one-1 violence review\n    {a, b word",
        "one-1 violence review\n    {a,b}word",
    ],
)
def test_what_is_no_entry_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_entries(wrong)
