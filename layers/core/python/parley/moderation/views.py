"""Ways to read a folded text: what its words are when spaces, signs and stars were put in to hide them."""

import re
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from parley.moderation.normalise import OTHER_LETTER

Span = tuple[int, int]

# What each sign is read as. One that may be two letters (1 is i or l) needs no decision: a skeleton does not tell those apart.
LEET = {
    "0": "o",
    "1": "il",
    "2": "z",
    "3": "e",
    "4": "a",
    "5": "s",
    "6": "g",
    "7": "t",
    "8": "b",
    "9": "g",
    "@": "a",
    "$": "s",
    "!": "il",
    "|": "il",
    "\u20ac": "e",
    "\u00a3": "l",
    "\u00a2": "c",
    "\u00a1": "i",
}
_SIGNS = "".join(re.escape(sign) for sign in LEET if not sign.isalnum())
_IN_WORD = f"a-z0-9{OTHER_LETTER}"
_WORD = re.compile(f"[{_IN_WORD}]+")

# What stands between white space, from its first letter to its last.
_CHUNK = re.compile(rf"[@$\u20ac\u00a3\u00a2]?[{_IN_WORD}](?:\S*[{_IN_WORD}@$])?")
# This search, and the others that every text goes through, begin with what is rare: a letter would be tried at every letter.
_HAS_SIGNS_INSIDE = re.compile(
    rf"[^\s{_IN_WORD}](?:(?<=[a-z0-9].)[^\s{_IN_WORD}]*[a-z]|(?<=[@$\u20ac\u00a3\u00a2])[a-z]|(?<=[a-z][@$]))"
)
_NOT_IN_CHUNK = re.compile(rf"[^{_IN_WORD}{_SIGNS} ]+")
# At least three letters, each by itself: `k i l l`, `k. i. l. l`
_ONE = f"[a-z0-9{_SIGNS}]"
_SPELLED = re.compile(
    rf"(?<![{_IN_WORD}{_SIGNS}]){_ONE}(?:[^{_IN_WORD}{_SIGNS}]{{1,4}}{_ONE}){{2,}}(?![{_IN_WORD}{_SIGNS}])"
)
_HAS_SPELLED = re.compile(
    rf"(?:^|[^{_IN_WORD}{_SIGNS}]){_ONE}[^{_IN_WORD}{_SIGNS}]{{1,4}}{_ONE}(?![{_IN_WORD}{_SIGNS}])"
)
_SPELLED_OR_CHUNK = re.compile(f"(?P<spelled>{_SPELLED.pattern})|{_CHUNK.pattern}")
_GAP = re.compile(rf"[^{_IN_WORD}{_SIGNS}]+")

_STARS = "*#%_@$!"
_STARRED = re.compile(rf"[{re.escape(_STARS)}](?<=[a-z0-9].)[{re.escape(_STARS)}]*[a-z0-9]")
_STARRED_WORD = re.compile(rf"[{_IN_WORD}]+(?:[{re.escape(_STARS)}]+[{_IN_WORD}]+)+")
_WORD_OR_STARRED = re.compile(_STARRED_WORD.pattern[:-1] + "*")
# `f*ck` may be more than one word of the lists: so many readings of a text are tried.
STARRED_READINGS = 3

_TO_SKELETON = str.maketrans({sign: letters[0] for sign, letters in LEET.items()} | {"l": "i"})
_DIGITS_TO_LETTERS = str.maketrans({sign: letters[0] for sign, letters in LEET.items() if sign.isdigit()})
_REPEATED = re.compile(r"([a-z])(?=\1)")
Vocabulary = Mapping[tuple[str, int], Collection[str]]


@dataclass(frozen=True)
class View:
    """One reading. `tokens` are its words, as written; `spans`, only made when asked for, where they stand in the folded text."""

    tokens: list[str]
    make_spans: Callable[[], list[Span]]

    @cached_property
    def skeleton(self) -> str:
        """What patterns are looked for in: words between single spaces."""
        return skeleton(f" {' '.join(self.tokens)} ")

    @cached_property
    def words(self) -> list[str]:
        """Of the skeleton, as many as there are tokens."""
        return self.skeleton.split()

    @cached_property
    def spans(self) -> list[Span]:
        return self.make_spans()

    @cached_property
    def _spaces(self) -> list[int]:
        return [0, *accumulate(len(word) + 1 for word in self.words)]

    def words_at(self, start: int, end: int) -> Span:
        """The first word, and the one after the last, of the piece of the skeleton from a space to a space."""
        return bisect_left(self._spaces, start), bisect_left(self._spaces, end - 1)


def skeleton(text: str) -> str:
    """Signs as letters, i and l as one, and no letter twice in a row."""
    return _REPEATED.sub("", text.translate(_TO_SKELETON))


def read(folded: str, vocabulary: Vocabulary) -> Iterator[View]:
    """The plain view, and the others where the text has anything for them."""
    yield View(_WORD.findall(folded), lambda: [match.span() for match in _WORD.finditer(folded)])
    if _HAS_SPELLED.search(folded) and _SPELLED.search(folded):
        yield _of_pieces(list(_spelled_out(folded)))
    elif _HAS_SIGNS_INSIDE.search(folded):
        tokens = _NOT_IN_CHUNK.sub("", " ".join(_CHUNK.findall(folded))).split(" ")
        yield View(tokens, lambda: [match.span() for match in _CHUNK.finditer(folded)])
    if _STARRED.search(folded):
        yield from _without_stars(folded, vocabulary)


def _of_pieces(pieces: list[tuple[str, Span]]) -> View:
    return View([token for token, _ in pieces], lambda: [span for _, span in pieces])


def _spelled_out(folded: str) -> Iterator[tuple[str, Span]]:
    for match in _SPELLED_OR_CHUNK.finditer(folded):
        if match["spelled"] is None:
            yield _NOT_IN_CHUNK.sub("", match[0]), match.span()
            continue
        for start, end in _spelled_words(match[0]):
            yield _GAP.sub("", match[0][start:end]), (match.start() + start, match.start() + end)


def _spelled_words(spelled: str) -> Iterator[Span]:
    """A gap that is wider than the others parts two words: `k i l l   t h e m`, `k.i.l.l t.h.e.m`. So does one after an `a` or
    `I` in front: `a b o m b`.
    """
    gaps = [(gap.start(), gap.end()) for gap in _GAP.finditer(spelled)]
    widths = [_width(spelled[start:end]) for start, end in gaps]
    narrowest = min(widths)
    begin = 0
    for (start, end), width in zip(gaps, widths, strict=True):
        if width > narrowest or (start == 1 and spelled[0] in "ai"):
            yield begin, start
            begin = end
    yield begin, len(spelled)


def _width(gap: str) -> tuple[bool, int]:
    return any(character.isspace() for character in gap), len(gap)


def _without_stars(folded: str, vocabulary: Vocabulary) -> Iterator[View]:
    with_signs = " ".join(piece for piece in folded.split() if not piece.isalnum())
    fits_of = {token: _fits(token, vocabulary) for token in set(_STARRED_WORD.findall(with_signs))}
    readings = max(map(len, fits_of.values()), default=0)
    if not readings:
        return
    pieces = [(match[0], match.span()) for match in _WORD_OR_STARRED.finditer(folded)]
    for reading in range(min(STARRED_READINGS, readings)):
        words = {token: fits[min(reading, len(fits) - 1)] for token, fits in fits_of.items() if fits}
        yield _of_pieces([(words.get(token, token), span) for token, span in pieces])


def _fits(starred: str, vocabulary: Vocabulary) -> list[str]:
    """The words that `starred` shows at least half of."""
    letters = starred.translate(_DIGITS_TO_LETTERS)
    known = [(index, letter) for index, letter in enumerate(letters) if letter not in _STARS]
    if len(known) * 2 < len(letters):
        return []
    candidates = vocabulary.get((letters[0], len(letters)), ())
    return [word for word in candidates if all(word[index] == letter for index, letter in known)]
