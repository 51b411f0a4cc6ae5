import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parley.moderation.pii import PiiKind, find_pii
from parley.moderation.pii.phones import is_same_phone
from tests.unit.moderation.pii_examples import INNOCENT, PEM, VALUES

ALL = frozenset(PiiKind)


@pytest.mark.parametrize(("kind", "before", "value", "after"), VALUES)
def test_a_value_is_found_as_it_stands(kind: PiiKind, before: str, value: str, after: str) -> None:
    text = before + value + after

    assert [(span.kind, text[span.start : span.end]) for span in find_pii(text)] == [(kind, value)]


@pytest.mark.parametrize(("kind", "before", "value", "after"), VALUES)
def test_only_kinds_that_are_asked_for_are_found(kind: PiiKind, before: str, value: str, after: str) -> None:
    assert kind not in {span.kind for span in find_pii(before + value + after, ALL - {kind})}


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_looks_like_personal_data_is_let_be(text: str) -> None:
    assert find_pii(text) == []


def test_spans_are_sorted_and_do_not_overlap() -> None:
    text = "".join(f"{before}{value}{after}\n" for _, before, value, after in VALUES)

    spans = find_pii(text)

    assert len(spans) >= len(VALUES)
    assert all(one.end <= other.start for one, other in pairwise(spans))


def test_a_value_has_one_key_in_all_its_forms() -> None:
    text = "visa 4111 1111 1111 1111, 4111-1111-1111-1111; A@B.co a@b.co; ip 2001:DB8:0::1 2001:db8::1"

    assert [span.value_key for span in find_pii(text)] == ["4" + "1" * 15] * 2 + ["a@b.co"] * 2 + ["2001:db8::1"] * 2


def test_keys_do_not_show_in_logs() -> None:
    assert "example" not in repr(find_pii("a@example.org"))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("+49301234567", "0301234567", True),
        ("+12025550143", "2025550143", True),
        ("0301234567", "+49301234567", True),
        ("+49301234567", "+43301234567", False),
        ("0301234567", "0401234567", False),
        ("+49301234567", "4567", False),
    ],
)
def test_a_number_is_the_same_with_and_without_its_country(one: str, other: str, is_same: bool) -> None:
    assert is_same_phone(one, other) is is_same


def test_regions_decide_which_numbers_are_known_at_home() -> None:
    text = "Das ist 0301234567."

    assert find_pii(text, regions=("US",)) == []
    assert [span.kind for span in find_pii(text, regions=("DE",))] == [PiiKind.PHONE]


def test_an_unknown_region_is_refused() -> None:
    with pytest.raises(ValueError, match="XX"):
        find_pii("Das ist 0301234567.", regions=("XX",))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My name is Anna van der Berg and I am tired.", "Anna van der Berg"),
        ("Ich heiße Jürgen Müller-Lüdenscheidt.", "Jürgen Müller-Lüdenscheidt"),
        ("Je m'appelle Zoé.", "Zoé"),
        ("name: Bob", "Bob"),
    ],
)
def test_a_name_is_found_where_it_is_said_to_be_one(text: str, name: str) -> None:
    assert [text[span.start : span.end] for span in find_pii(text, {PiiKind.NAME})] == [name]


def test_names_are_off_by_default_and_need_a_word_before() -> None:
    assert find_pii("My name is Anna.") == []
    assert find_pii("Anna said my name is not important", ALL) == []


def test_a_long_token_is_one_span_to_its_end() -> None:
    long = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9." + "aB3" * 300 + "." + "xY9" * 40

    assert [(span.start, span.end) for span in find_pii(f"Bearer {long} end")] == [(7, 7 + len(long))]


def test_a_private_key_without_an_end_is_one_span() -> None:
    body = PEM[: PEM.index("-----END")]

    assert [(span.start, span.end) for span in find_pii(f"k: {body}")] == [(3, 3 + len(body))]


@pytest.mark.parametrize(
    "text",
    [
        "\x00\xff" * 1000,
        "\ud800a@b.co\udfff",
        "\u202eabc\u202c",
        "🏳️‍🌈" * 500,
        "a" * 1_000_000,
        "1" * 300_000,
        "12 34 56 78 " * 20_000,
        "a@" * 50_000,
        "((((" * 50_000,
        "`" * 100_000,
        "-----BEGIN " * 20_000,
        "2001:" * 20_000,
        "\u200b" * 100_000,
    ],
    ids=lambda text: repr(text[:12]),
)
def test_any_text_is_read_to_its_end(text: str) -> None:
    assert all(0 <= span.start < span.end <= len(text) for span in find_pii(text, ALL))


@given(st.text(max_size=400))
def test_offsets_are_of_the_text(text: str) -> None:
    spans = find_pii(text, ALL)

    assert all(0 <= span.start < span.end <= len(text) for span in spans)
    assert list(spans) == sorted(spans, key=lambda span: span.start)


@example("0096 958472")  # for Italy, phonenumbers takes 00 for the way abroad, and then knows no such country
@given(st.text("0123456789 -./()+:xA@", max_size=60))
def test_any_mix_of_digits_and_marks_is_judged(number: str) -> None:
    for before in ("", "call ", "the number is ", "card "):
        find_pii(before + number, ALL)


def test_the_slow_libraries_are_loaded_only_for_what_needs_them() -> None:
    _run_apart(
        "from parley.moderation.stream_filter import FilterPolicy, StreamFilter, prepare",
        "assert not {'phonenumbers', 'stdnum', 'parley.moderation.pii.scanner'} & set(sys.modules)",
        "stream = StreamFilter(FilterPolicy()); stream.feed('Ordinary text, of words and 2 or 3 numbers. '); stream.finish()",
        "assert not {'phonenumbers', 'stdnum'} & set(sys.modules)",
    )


def test_they_can_be_loaded_ahead() -> None:
    _run_apart(
        "from parley.moderation.stream_filter import FilterPolicy, StreamFilter, prepare",
        "prepare(FilterPolicy()); loaded = set(sys.modules)",
        "from tests.unit.moderation.pii_examples import VALUES; known = set(sys.modules)",
        "stream = StreamFilter(FilterPolicy()); [stream.feed(''.join(each[1:])) for each in VALUES]; stream.finish()",
        "late = {each.partition('.')[0] for each in set(sys.modules) - known}",
        "assert late <= {'phonenumbers', 'encodings'}, late",  # the regions' own files
    )


def _run_apart(*lines: str) -> None:
    subprocess.run([sys.executable, "-c", "\n".join(["import sys", *lines])], check=True)
