"""Words and phrases that are looked for in a text, however they are disguised."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from ahocorasick_rs import AhoCorasick

from parley.moderation.keyword_file import Entry, parse_entries
from parley.moderation.model import Action, Category
from parley.moderation.normalise import LOOKALIKES, end_of_marks, fold, origins
from parley.moderation.phrases import Phrase, phrases_of, wordings_around
from parley.moderation.views import LEET, Span, View, read

# In a phrase this long an l may stand for an i: `nlgger`; SPLC is the Southern Poverty Law Center.
SWAPPED_FROM_LETTERS = 6
# Of what is stretched without end, enough to know the word by.
_STRETCHED = re.compile(r"(.)\1{3,}")
_HEXADECIMAL = re.compile(r"[a-f]*[0-9][0-9a-f]*")
_LETTER = re.compile(r"[a-z]")


@dataclass(frozen=True, slots=True)
class KeywordHit:
    """`entry` names the list's entry. `start` and `end` are offsets into the text as it was given, around the disguise."""

    entry: str
    category: Category
    action: Action
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class _Found:
    """`span` counts words of a view."""

    phrase: Phrase
    span: Span


class KeywordMatcher:
    """All entries at once, in time linear in the text's length. `version` changes with every change of the lists."""

    def __init__(self, entries: Sequence[Entry], version: str) -> None:
        self.version = version
        phrases = phrases_of(entries)
        of_skeleton: defaultdict[str, list[Phrase]] = defaultdict(list)
        for phrase in phrases:
            for each in phrase.rarest.texts_of:
                of_skeleton[f" {each} "].append(phrase)
        self._phrases = list(of_skeleton.values())
        self._automaton = AhoCorasick(list(of_skeleton))
        self._vocabulary = _vocabulary(phrases)

    def find(self, text: str) -> Sequence[KeywordHit]:
        """In the order of the text; of one entry, no two that overlap."""
        folded = fold(text)
        found = {
            (entry.name, *span): entry for view in read(folded, self._vocabulary) for entry, span in self._find_in(view)
        }
        return _hits(text, found) if found else ()

    def _find_in(self, view: View) -> list[tuple[Entry, Span]]:
        """With offsets into the folded text."""
        matches = self._automaton.find_matches_as_indexes(view.skeleton, overlapping=True)
        found = [
            _Found(phrase, span)
            for index, start, end in matches
            for phrase in self._phrases[index]
            for span, wording in wordings_around(phrase, view.words, *view.words_at(start, end))
            if _is_disguise(view.tokens[span[0] : span[1]], wording)
        ]
        return [
            (each.phrase.entry, (view.spans[each.span[0]][0], view.spans[each.span[1] - 1][1]))
            for each in _without_innocent(found)
        ]


def load_keywords() -> KeywordMatcher:
    """The lists that come with Parley."""
    files = sorted(LOOKALIKES.parent.glob("*.txt"))
    texts = [file.read_bytes() for file in files]
    version = sha256(b"\0".join(texts)).hexdigest()[:12]
    lists = [text.decode() for file, text in zip(files, texts, strict=True) if file != LOOKALIKES]
    return KeywordMatcher([entry for each in lists for entry in parse_entries(each)], version)


def _vocabulary(phrases: Iterable[Phrase]) -> dict[tuple[str, int], list[str]]:
    """The words of all phrases, by first letter and length."""
    places = {id(place): place for each in phrases for place in (*each.before, each.rarest, *each.after)}.values()
    texts = {text for place in places for texts in place.texts_of.values() for text in texts}
    found: defaultdict[tuple[str, int], list[str]] = defaultdict(list)
    for word in sorted({word for text in texts for word in text.split()}):
        found[word[0], len(word)].append(word)
    return found


def _is_disguise(tokens: Sequence[str], wording: str) -> bool:
    """Whether `tokens`, of the same skeleton, are `wording`, disguised or not; other words may share the skeleton."""
    written = " ".join(tokens)
    if written == wording:
        return True
    written = _STRETCHED.sub(r"\1\1\1", written)
    if len(written) > 8 * len(wording) or any(_HEXADECIMAL.fullmatch(token) for token in tokens):
        return False
    return len(_LETTER.findall(written)) > 1 and _disguises_of(wording).fullmatch(written) is not None


@lru_cache(maxsize=1024)
def _disguises_of(wording: str) -> re.Pattern[str]:
    """Every letter at least as often as in the wording, or what it may be written as."""
    swapped = {"i": "il", "l": "li"} if len(wording) >= SWAPPED_FROM_LETTERS else {}
    runs = [(match[1], len(match[0])) for match in re.finditer(r"(.)\1*", wording)]
    return re.compile("".join(f"{_written_as(swapped.get(letter, letter))}{{{times},}}" for letter, times in runs))


def _written_as(letters: str) -> str:
    signs = [sign for sign, read_as in LEET.items() if any(letter in read_as for letter in letters)]
    return f"[{''.join(map(re.escape, [*letters, *signs]))}]"


def _without_innocent(found: list[_Found]) -> list[_Found]:
    innocent: defaultdict[str, set[int]] = defaultdict(set)
    for each in found:
        if each.phrase.is_innocent:
            innocent[each.phrase.entry.name].update(range(*each.span))
    return [
        each
        for each in found
        if not each.phrase.is_innocent and not innocent[each.phrase.entry.name].issuperset(range(*each.span))
    ]


def _hits(text: str, found: dict[tuple[str, int, int], Entry]) -> list[KeywordHit]:
    at = origins(text)
    last_end: dict[str, int] = {}
    hits: list[KeywordHit] = []
    # The longest of those that begin together first.
    for (name, start, end), entry in sorted(found.items(), key=lambda item: (item[0][1], -item[0][2], item[0][0])):
        if start >= last_end.get(name, 0):
            last_end[name] = end
            hits.append(KeywordHit(name, entry.category, entry.action, at[start], end_of_marks(text, at[end - 1] + 1)))
    return hits
