from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.moderation.pii import PiiKind, find_pii
from parley.moderation.pii.scanner import MOST_HELD
from parley.moderation.stream_filter import FilterPolicy, Marks, Redaction, StreamFilter
from tests.unit.moderation.pii_examples import INNOCENT, JWT, PEM, VALUES

EVERYTHING = FilterPolicy(frozenset(PiiKind), in_code_blocks=True)
CODE_ALONE = FilterPolicy(frozenset(PiiKind))
# Parts of values and of code, to be put together at random.
_ATOMS = [
    *("".join(each[1:]) for each in VALUES),
    *(each[2] for each in VALUES),
    *INNOCENT[1:6],
    *(
        "`",
        "``",
        "```",
        "\n```\n",
        "```python\n",
        "~~~\n",
        "\n",
        "- ",
        " ",
        "  ",
        ".",
        "(",
        ")",
        "+",
        "-",
        "@",
        "/",
        ":",
        "x",
    ),
    *("hello ", "word", "my name is ", "Anna-Maria Müller ", "AB12 ", "GB82 ", "3704 ", "12 34 ", "123", "eyJ", "sk-"),
    *(
        "-----BEGIN ",
        "PRIVATE KEY-----\n",
        "MIIEabcdefghijklmnop",
        "-----END PRIVATE KEY-----",
        "\u200b",
        "\u00a0",
        "電話",
    ),
    *("A" * 100, "1" * 90, "4111 " * 30, "x" * 300),
]
texts = st.lists(st.sampled_from(_ATOMS) | st.text(max_size=8), max_size=12).map("".join)


def run(pieces: Sequence[str], policy: FilterPolicy = EVERYTHING) -> tuple[str, list[Redaction]]:
    stream = StreamFilter(policy)
    return "".join([*map(stream.feed, pieces), stream.finish()]), stream.spans


class Counted(list[str]):
    """Texts that count how often somebody reads them."""

    times_read = 0

    def __iter__(self) -> Iterator[str]:
        self.times_read += 1
        return super().__iter__()


def cut(text: str, sizes: Sequence[int]) -> list[str]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(text[at : at + size])
        at += size
    return [*pieces, text[at:]]


@pytest.mark.parametrize(("kind", "before", "value", "after"), VALUES)
def test_a_value_is_redacted_at_every_split(kind: PiiKind, before: str, value: str, after: str) -> None:
    text = before + value + after
    expected = f"{before}[{kind.upper()}_1]{after}"

    assert all(run([text[:at], text[at:]])[0] == expected for at in range(len(text) + 1))
    assert run(list(text)) == (expected, [Redaction(kind, f"[{kind.upper()}_1]")])


@pytest.mark.parametrize(("kind", "before", "value", "after"), VALUES)
def test_nothing_of_a_value_is_released_before_it_is_known(kind: PiiKind, before: str, value: str, after: str) -> None:
    stream = StreamFilter(EVERYTHING)
    released = ""

    for character in before + value:
        released += stream.feed(character)

    assert released in (before[: len(released)], f"{before}[{kind.upper()}_1]")


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_comes_out_as_it_went_in(text: str) -> None:
    assert run(list(text), FilterPolicy(in_code_blocks=True)) == (text, [])


@given(texts, st.lists(st.integers(1, 40)), st.booleans())
def test_what_comes_out_does_not_depend_on_the_pieces(text: str, sizes: list[int], in_code_blocks: bool) -> None:
    policy = FilterPolicy(frozenset(PiiKind), in_code_blocks)

    whole = run([text], policy)

    assert run(cut(text, sizes), policy) == whole
    assert run(list(text), policy) == whole


@given(texts)
def test_only_the_marked_spans_change(text: str) -> None:
    out, redactions = run(list(text))

    spans = find_pii(text, EVERYTHING.kinds)
    at, expected = 0, ""
    for span, redaction in zip(spans, redactions, strict=True):
        expected += text[at : span.start] + redaction.mark
        at = span.end
    assert out == expected + text[at:]
    assert [each.kind for each in redactions] == [each.kind for each in spans]


@given(texts)
def test_what_is_held_back_is_bounded(text: str) -> None:
    stream = StreamFilter(CODE_ALONE)

    for character in text:
        stream.feed(character)
        assert stream.held_characters < MOST_HELD
    stream.finish()

    assert stream.held_characters == 0


def test_of_ordinary_text_only_the_word_being_written_is_held() -> None:
    stream = StreamFilter(FilterPolicy())

    released = [stream.feed(piece) for piece in ("A heat", " pump", " moves", " warmth.", " It", "\n")]

    assert released == ["A ", "heat ", "pump ", "moves ", "warmth. ", "It\n"]


def test_text_without_spaces_between_words_is_not_held() -> None:
    assert StreamFilter(FilterPolicy()).feed("今日は天気がいいですね") == "今日は天気がいいですね"


def test_a_value_has_the_same_mark_each_time_in_whatever_form() -> None:
    text = "a@b.co c@d.co A@B.CO; call +1 202-555-0143 or (202) 555-0143, not 202-555-0199"

    assert run([text])[0] == "[EMAIL_1] [EMAIL_2] [EMAIL_1]; call [PHONE_1] or [PHONE_1], not [PHONE_2]"


@pytest.mark.parametrize("own", ["Jane@Example.com", "jane@example.com"])
def test_the_users_own_values_come_back_to_him(own: str) -> None:
    policy = FilterPolicy(own_values=frozenset({own, "call 202 555 0143"}))

    out, redactions = run(
        ["Is it jane@example.com, JANE@example.com or +1 (202) 555-0143? Not joe@example.com."], policy
    )

    assert out == "Is it jane@example.com, JANE@example.com or +1 (202) 555-0143? Not [EMAIL_1]."
    assert len(redactions) == 1


def test_filters_that_share_their_marks_give_a_value_the_same_one() -> None:
    marks: Marks = {}
    reasoning, text = StreamFilter(EVERYTHING, marks), StreamFilter(EVERYTHING, marks)

    thought = reasoning.feed("Is it a@b.co or c@d.co? ")
    said = text.feed("It is C@D.CO, (202) 555-0143 ") + text.finish()
    thought += reasoning.feed("or +1 202 555 0143 or e@f.co") + reasoning.finish()

    assert thought == "Is it [EMAIL_1] or [EMAIL_2]? or [PHONE_1] or [EMAIL_3]"
    assert said == "It is [EMAIL_2], [PHONE_1] "


def test_filters_that_share_nothing_number_their_marks_alone() -> None:
    assert run(["a@b.co"])[0] == run(["c@d.co"])[0] == "[EMAIL_1]"


def test_whole_messages_are_own_values_and_read_once_for_all_filters_of_a_policy() -> None:
    said = Counted(["Mail jane@example.com", "or call 030 / 1234567, please. " * 1000])
    policy = FilterPolicy(own_values=said)

    assert run(["Nothing to find in 2 or 3 words."], policy) == ("Nothing to find in 2 or 3 words.", [])
    assert said.times_read == 0
    for _ in range(2):
        assert (
            run(["Jane@example.com, +49 30 1234567, 030 1234568"], policy)[0]
            == "Jane@example.com, +49 30 1234567, [PHONE_1]"
        )
    assert said.times_read == 1


def test_own_telephones_are_known_among_many_without_their_country() -> None:
    keys = frozenset(f"+4930{number:08}" for number in range(20_000))
    policy = FilterPolicy(own_values=keys)

    out, redactions = run([f"030 {number:08}, " for number in range(19_000, 21_000)], policy)

    assert len(redactions) == 1_000
    assert out.startswith("030 00019000, ")


def test_own_values_may_be_keys_of_what_was_found_in_the_users_text() -> None:
    keys = frozenset(span.value_key for span in find_pii("I am at 93.184.216.34, card 4111-1111-1111-1111"))

    text = "93.184.216.34 and 4111 1111 1111 1111 are yours"

    assert run([text], FilterPolicy(own_values=keys)) == (text, [])


@pytest.mark.parametrize(
    "code",
    [
        "```\na@b.co\n```",
        "```python\nmail = 'a@b.co'\n`x`\n``\n```",
        "````\n```\na@b.co\n```\n````",
        "~~~ini\na@b.co ```\n~~~",
        "- ```\n  a@b.co\n  ```",
        "> ```\n> a@b.co\n> ```",
        "use `a@b.co` or ``a`@b.co``",
    ],
)
def test_code_is_left_alone_where_the_policy_says_so(code: str) -> None:
    text = f"Before x@y.co\n{code}\nafter x@y.co"
    expected = f"Before [EMAIL_1]\n{code}\nafter [EMAIL_1]"

    assert all(run([text[:at], text[at:]], CODE_ALONE)[0] == expected for at in range(len(text)))
    assert run(list(text), CODE_ALONE)[0] == expected
    assert "a@b.co" not in run([text])[0]


def test_a_lone_backtick_switches_the_filter_off_for_its_line_at_most() -> None:
    text = "a ` b\nx@y.co and ` " + "word " * 80 + "x@y.co"

    assert run(list(text), CODE_ALONE)[0].count("[EMAIL_1]") == 2


def test_backticks_within_a_line_open_no_fence() -> None:
    assert run(["see ```a@b.co``` and\nx@y.co"], CODE_ALONE)[0] == "see ```a@b.co``` and\n[EMAIL_1]"


def test_a_key_too_long_to_hold_is_dropped_to_its_end() -> None:
    long = JWT.rpartition(".")[0] + "aB3_" * 500 + "." + "x9" * 30
    text = f"Bearer {long}. Then {PEM} and {long}."

    out, redactions = run(list(text))

    assert out == "Bearer [SECRET_1]. Then [SECRET_2] and [SECRET_1]."
    assert len(redactions) == 3


def test_a_key_in_the_users_own_text_comes_back_whole() -> None:
    long = JWT + "aB3_" * 500

    assert run(list(f"{long} {PEM}"), FilterPolicy(own_values=frozenset({long, PEM})))[0] == f"{long} {PEM}"


def test_a_stream_cut_off_anywhere_has_shown_nothing_of_a_value() -> None:
    text = "".join(f"{before}{value}{after}\n" for _, before, value, after in VALUES)
    whole, _ = run([text])

    stream = StreamFilter(EVERYTHING)
    shown = ""
    for character in text:
        shown += stream.feed(character)
        assert whole.startswith(shown)


@pytest.mark.parametrize(
    "text", ["", "\ud800", "\x00", "🏳️‍🌈👨\u200d👩\u200d👧", "\u202e12\u202c", "a" * 300, "1 " * 300]
)
def test_odd_text_comes_out_as_it_went_in(text: str) -> None:
    assert run(list(text)) == (text, [])


def test_a_megabyte_at_once_and_in_pieces_is_the_same() -> None:
    text = (("Words and more words, in 2 or 3 sentences. " * 50 + "a@b.co, 4111 1111 1111 1111\n") * 500)[: 2**20]

    assert run([text]) == run([text[at : at + 1000] for at in range(0, len(text), 1000)])
