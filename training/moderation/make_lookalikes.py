"""Writes the table of look-alikes from Unicode's confusables, as the package confusable-homoglyphs has them (install it for this
run only): `python -m training.moderation.make_lookalikes`. What decomposition, case and names of characters tell is left out.
"""

# ruff: noqa: RUF001 - look-alikes are what this is about

import json
import unicodedata
from collections.abc import Iterator
from importlib.resources import files
from string import ascii_letters, ascii_lowercase

from parley.moderation.normalise import LOOKALIKES, OTHER_LETTER, Folds

# Letters that stand for others wherever disguised words are written, though Unicode does not call them confusable.
_OURS = {
    "*": "⁎∗✱✲✳✻⋆★☆•●◉■◼█▓▒░",
    "a": "аλΛ∀",
    "b": "вьβ฿ъЪ",
    "d": "δ",
    "e": "єεэ∃",
    "f": "ƒ",
    "g": "₲",
    "h": "н",
    "i": "їиΙІ",
    "k": "кκ₭",
    "l": "Ӏӏ",
    "m": "м",
    "n": "пηИПΠ∩₦",
    "o": "θΘøØФ",
    "p": "þÞ₱",
    "r": "гяЯ",
    "s": "§",
    "t": "тτ₮",
    "u": "цµμ",
    "w": "шщωψШЩ₩",
    "x": "χ",
    "y": "¥чЧ",
    "z": "ƶ",
}
_HEAD = """\
# Characters that look like a letter or a star, where neither decomposition nor a name says so: the letter, then its look-alikes.
# Made by training/moderation/make_lookalikes.py. Derived in part from Unicode's confusables.txt (UTS #39),
# (c) Unicode, Inc., used under the Unicode License v3: https://www.unicode.org/license.txt
"""


def main() -> None:
    lines = [f"{letter} {''.join(sorted(found))}" for letter, found in _by_letter().items() if found]
    LOOKALIKES.write_text(_HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    print(sum(len(line) - 2 for line in lines), "characters")


def _by_letter() -> dict[str, set[str]]:
    plain = Folds({})
    found = {letter: set[str]() for letter in ("*", *ascii_lowercase)}
    taken = set[str]()
    for letter, characters in _OURS.items():
        found[letter] |= set(characters)
        taken |= set(characters)
    for letter, character in _confusables():
        if character not in taken and plain[ord(character)] in {OTHER_LETTER, " "}:
            found[letter].add(character)
            taken.add(character)
    return found


def _confusables() -> Iterator[tuple[str, str]]:
    table = json.loads(files("confusable_homoglyphs").joinpath("confusables.json").read_text(encoding="utf-8"))
    for letter in ascii_letters:
        for each in table.get(letter, []):
            character = each["c"]
            is_letter = len(character) == 1 and unicodedata.category(character)[0] == "L"
            if is_letter and unicodedata.normalize("NFKD", character) == character:
                yield letter.lower(), character


if __name__ == "__main__":
    main()
