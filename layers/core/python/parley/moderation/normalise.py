"""The letters that a reader sees in a text, whatever characters they were written with."""

import re
import unicodedata
from functools import cache
from pathlib import Path

LOOKALIKES = Path(__file__).parent / "keyword_lists" / "lookalikes.txt"
# Stands for a letter of an alphabet that has look-alikes of Latin ones, but is none itself: it belongs to its word.
OTHER_LETTER = "\x7f"
# Hostile text may hold every character there is; a fold of those that come up is quick to find again.
REMEMBERED_CHARACTERS = 8192

_APOSTROPHES = frozenset("'\u2018\u2019\u02bc")
# Cf, Mn and Me as Unicode's categories say: marks on a letter and what shows nothing, as the control characters do.
_UNSEEN_CATEGORIES = frozenset({"Cf", "Mn", "Me", "Cc"})
# Shown as nothing, though their category is letter, symbol or none: DerivedCoreProperties.txt, Default_Ignorable_Code_Point.
_UNSEEN = frozenset("\u115f\u1160\u2065\u2800\u3164\uffa0")
# Latin, Greek, Cyrillic, Armenian; Georgian; Cherokee; more Latin, Greek; Glagolitic, Coptic; Lisu, Cyrillic, Latin; Cherokee.
_ALPHABETS = (
    *((0xC0, 0x590), (0x10A0, 0x1100), (0x13A0, 0x1400), (0x1C80, 0x2000), (0x2C00, 0x2E00)),
    *((0xA4D0, 0xA500), (0xA640, 0xA6A0), (0xA720, 0xA800), (0xAB30, 0xABC0)),
)
# "LATIN SMALL LETTER TURNED A", "LATIN LETTER SMALL CAPITAL K", "NEGATIVE SQUARED LATIN CAPITAL LETTER B", "… O WITH STROKE"
_NAMED_LETTER = re.compile(
    r"(?:LATIN|REGIONAL INDICATOR SYMBOL|MODIFIER)(?: SMALL| CAPITAL)* LETTER"
    r"(?: SMALL| CAPITAL| TURNED| REVERSED| INVERTED| SIDEWAYS| DOTLESS| SCRIPT| OPEN| BARRED)* ([A-Z])(?: WITH .+)?$"
)


class Folds(dict[int, str]):
    """By character: the lower-case letters, digits or ASCII symbols that it shows; nothing for what is not seen, and for
    apostrophes; a space for any other. For `str.translate`.
    """

    def __init__(self, lookalikes: dict[str, str]) -> None:
        super().__init__()
        self._lookalikes = lookalikes

    def __missing__(self, codepoint: int) -> str:
        folded = self._fold(chr(codepoint))
        if len(self) < REMEMBERED_CHARACTERS:
            self[codepoint] = folded
        return folded

    def _fold(self, character: str) -> str:
        if character in self._lookalikes:
            return self._lookalikes[character]
        if character.isspace():
            return character if character.isascii() else " "
        if _is_unseen(character):
            return ""
        parts = unicodedata.normalize("NFKD", character)
        if parts != character:
            return "".join(self[ord(part)] for part in parts)
        lower = character.casefold()
        if lower.isascii():
            return lower
        return "".join(self[ord(part)] for part in lower) if lower != character else self._fold_letter(character)

    def _fold_letter(self, character: str) -> str:
        digit = unicodedata.decimal(character, None)
        if digit is not None:
            return str(digit)
        named = _NAMED_LETTER.search(unicodedata.name(character, ""))
        if named:
            return named[1].lower()
        if character in "€£¢¡":
            return character
        is_of_alphabet = any(first <= ord(character) < end for first, end in _ALPHABETS)
        return OTHER_LETTER if is_of_alphabet and character.isalpha() else " "


@cache
def folds() -> Folds:
    """One for the process: what it has learned of a character is good for every text."""
    lines = LOOKALIKES.read_text(encoding="utf-8").splitlines()
    pairs = (line.split(" ", 1) for line in lines if line and not line.startswith("#"))
    return Folds({character: letter for letter, characters in pairs for character in characters})


def fold(text: str) -> str:
    """`text` as `Folds` shows it; `origins` says where each character of the result stood."""
    return text.translate(folds())


def origins(text: str) -> list[int]:
    """For every character of `fold(text)`, the index in `text` of what it was made of."""
    known = folds()
    return [index for index, character in enumerate(text) for _ in known[ord(character)]]


def end_of_marks(text: str, index: int) -> int:
    """The first index from `index` on at which `text` has no mark on the letter before."""
    while index < len(text) and _is_unseen(text[index]) and text[index] not in _APOSTROPHES:
        index += 1
    return index


def _is_unseen(character: str) -> bool:
    if character.isspace():
        return False
    if character in _APOSTROPHES or character in _UNSEEN:
        return True
    return unicodedata.category(character) in _UNSEEN_CATEGORIES or 0xE0000 <= ord(character) < 0xE1000
