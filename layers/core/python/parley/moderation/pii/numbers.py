"""Numbers as they are written, in groups of digits."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

_WORD = re.compile(r"\S+")
_NUMERIC = re.compile(
    r"(?P<lead>(?:[^\W\d_]+[.:]+)?[':]?)(?P<core>\(?\+?\(?\d[\d()./+-]*?)(?P<extension>x\d{1,6})?(?P<tail>[.:'-]*)"
)
_ONLY_JOINT = re.compile(r"[-/.]")
_MOST_WORDS = 20
# A longer row is a list of numbers, or a table's: none begins between two groups of one size.
_LIST_WORDS = 12
_FEWEST_DIGITS_ALONE = 7


@dataclass(frozen=True, slots=True)
class Number:
    """`text` as written, of digits, spaces and `+-./()`, and where it stands. `is_whole` where nothing of its row is left out;
    `follows_length` is that of the word before it in its row, 0 where it begins one.
    """

    start: int
    end: int
    text: str
    is_whole: bool
    follows_length: int

    @property
    def digits(self) -> str:
        return re.sub(r"\D", "", self.text)

    @property
    def groups(self) -> Sequence[str]:
        return re.findall(r"\d+", self.text)


def find_rows(text: str) -> Iterator[Sequence[tuple[int, int]]]:
    """Rows of numeric words with nothing but spaces and joints between them, as offsets."""
    row: list[tuple[int, int]] = []
    for word in _WORD.finditer(text):
        found = _NUMERIC.fullmatch(word[0])
        if found is None and row and _ONLY_JOINT.fullmatch(word[0]):
            continue
        if row and (found is None or found["lead"]):
            yield row
            row = []
        if found is None:
            continue
        start = word.start() + found.start("core")
        row.append((start, word.start() + found.end("core")))
        if found["extension"] or found["tail"].rstrip("-"):
            yield row
            row = []
    if row:
        yield row


def find_numbers(text: str, row: Sequence[tuple[int, int]], fewest: int, most: int) -> Iterator[Number]:
    """What in `row` has from `fewest` to `most` digits, longest first from each word on."""
    sizes = [sum(map(str.isdecimal, text[start:end])) for start, end in row]
    for first, size in enumerate(sizes):
        if first and len(row) > _LIST_WORDS and size == sizes[first - 1] and size < _FEWEST_DIGITS_ALONE:
            continue
        totals = list(takewhile(lambda total: total <= most, accumulate(sizes[first : first + _MOST_WORDS])))
        for last in range(first + len(totals) - 1, first - 1, -1):
            if totals[last - first] < fewest:
                break
            yield _number(text, row, first, last)


def _number(text: str, row: Sequence[tuple[int, int]], first: int, last: int) -> Number:
    start, stripped = _without_brackets(row[first][0], text[row[first][0] : row[last][1]])
    follows = row[first - 1][1] - row[first - 1][0] if first else 0
    is_whole = first == 0 and last == len(row) - 1
    return Number(start, start + len(stripped), stripped, is_whole, follows)


def _without_brackets(start: int, written: str) -> tuple[int, str]:
    """Without what opens or closes outside of it."""
    if written.count("(") > written.count(")") and written.startswith("("):
        start, written = start + 1, written[1:]
    return start, written.rstrip("(+./-")
