"""Phrases in which several words may stand in a place, found by their rarest place and followed from there."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from math import prod

from parley.moderation.keyword_file import Entry
from parley.moderation.keyword_file import Phrase as Written
from parley.moderation.views import Span, skeleton

# So few ways to say a phrase are written out, which also finds it written as one word: `#killyourself`.
WRITTEN_OUT = 40
ONE_WORD_FROM_LETTERS = 8
# Only what is looked for first depends on these.
_COMMON_WORDS = """
a about ai all am an and any are as at be best buy can create do does draft explain face find for from generate
get give go good had have help her him his how i if ill im in into is it its just like make making many me
method much my need new of on one or our out people plan please post produce recipe should show some steps take
teach tell text that the their them they this those time to try trying u up use used want was way ways we were
what where which who will with would write x you your
"""
_COMMON = frozenset(_COMMON_WORDS.split())
# Different words of a place seldom share a skeleton; more than this is not tried.
WORDINGS = 8


@dataclass(frozen=True, slots=True)
class Place:
    """`texts_of` has, by skeleton, what may stand here; `lengths` its numbers of words, the greatest first."""

    texts_of: Mapping[str, Sequence[str]]
    lengths: tuple[int, ...]
    may_be_empty: bool


@dataclass(frozen=True, slots=True)
class Phrase:
    """One of `entry`'s; with `is_innocent` one around which its others do not count. `rarest` is what is looked for first."""

    entry: Entry
    is_innocent: bool
    before: tuple[Place, ...]
    rarest: Place
    after: tuple[Place, ...]


def phrases_of(entries: Sequence[Entry]) -> list[Phrase]:
    written = [
        (entry, is_innocent, _written_out(phrase))
        for entry in entries
        for phrases, is_innocent in ((entry.phrases, False), (entry.innocent, True))
        for phrase in phrases
    ]
    places = _places({place for _, _, phrase in written for place in phrase})
    return [_phrase(entry, is_innocent, phrase, places) for entry, is_innocent, phrase in written]


def wordings_around(phrase: Phrase, words: Sequence[str], first: int, after: int) -> Iterator[tuple[Span, str]]:
    """Where `phrase` stands in `words`, whose `rarest` is at `first` up to `after`, and what may be written there."""
    here = phrase.rarest.texts_of[" ".join(words[first:after])]
    start = _follow(phrase.before[::-1], words, first, -1)
    end = _follow(phrase.after, words, after, 1)
    if start and end:
        parts = (*start[1][::-1], here, *end[1])
        for wording in islice(product(*parts), WORDINGS):
            yield (start[0], end[0]), " ".join(wording)


def _follow(
    places: tuple[Place, ...], words: Sequence[str], at: int, step: int
) -> tuple[int, tuple[Sequence[str], ...]] | None:
    """Where `places`, taken one by one from `at` forwards or backwards, come to an end, and what stands in each."""
    if not places:
        return at, ()
    place, rest = places[0], places[1:]
    for length in place.lengths:
        to = at + step * length
        texts = place.texts_of.get(" ".join(words[min(at, to) : max(at, to)])) if 0 <= to <= len(words) else None
        if texts and (found := _follow(rest, words, to, step)):
            return found[0], (texts, *found[1])
    return _follow(rest, words, at, step) if place.may_be_empty else None


def _written_out(phrase: Written) -> Written:
    if prod(len(place) for place in phrase) > WRITTEN_OUT and len(phrase) > 1:
        return phrase
    texts = [" ".join(text for text in way if text) for way in product(*phrase)]
    joined = [text.replace(" ", "") for text in texts]
    return (tuple(dict.fromkeys([*texts, *(text for text in joined if len(text) >= ONE_WORD_FROM_LETTERS)])),)


def _places(written: set[tuple[str, ...]]) -> dict[tuple[str, ...], Place]:
    texts = sorted({text for place in written for text in place if text})
    # One call for all: a call for each takes most of the time that loading takes.
    skeleton_of = dict(zip(texts, skeleton("\n".join(texts)).split("\n"), strict=True))
    return {place: _place(place, skeleton_of) for place in written}


def _place(texts: tuple[str, ...], skeleton_of: Mapping[str, str]) -> Place:
    texts_of: defaultdict[str, list[str]] = defaultdict(list)
    for text in filter(None, texts):
        texts_of[skeleton_of[text]].append(text)
    lengths = sorted({each.count(" ") + 1 for each in texts_of}, reverse=True)
    return Place(texts_of, tuple(lengths), "" in texts)


def _phrase(entry: Entry, is_innocent: bool, written: Written, places: Mapping[tuple[str, ...], Place]) -> Phrase:
    fixed = [index for index, place in enumerate(written) if "" not in place]
    if not fixed:
        raise ValueError(f"{entry.name}: a phrase that may be nothing")
    at = min(fixed, key=lambda index: _how_common(written[index]))
    of = [places[place] for place in written]
    return Phrase(entry, is_innocent, tuple(of[:at]), of[at], tuple(of[at + 1 :]))


def _how_common(texts: tuple[str, ...]) -> float:
    """A guess: a text of common words alone is, and of others one with a letter more is half as common."""
    return sum(1.0 if _COMMON.issuperset(text.split()) else 0.5 ** len(text) for text in texts)
