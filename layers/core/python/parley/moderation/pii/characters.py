"""Characters that look like others, read as those: full-width and Arabic digits, dashes, spaces, and marks nobody sees."""

import unicodedata
from collections.abc import Sequence

# For classes in patterns: zero-width characters, direction marks, soft hyphen, variation selectors, the keycaps' frame.
UNSEEN = "\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\u20e3\ufe00-\ufe0f\ufeff"
DASHES = "\u2010-\u2013\u2212\ufe58\ufe63\uff0d"
SPACES = " \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
AT_SIGNS = "@\ufe6b\uff20"


def _expand(characters: str) -> set[int]:
    """The code points of a class as patterns write it, with ranges."""
    points: set[int] = set()
    rest = iter(range(len(characters)))
    for index in rest:
        first = ord(characters[index])
        if characters[index + 1 : index + 2] == "-" and index + 2 < len(characters):
            points.update(range(first, ord(characters[index + 2]) + 1))
            next(rest)
            next(rest)
        else:
            points.add(first)
    return points


_AS_READ = (
    {point: chr(point - 0xFEE0) for point in range(0xFF01, 0xFF5F)}
    | dict.fromkeys(_expand(UNSEEN), "")
    | dict.fromkeys(_expand(DASHES), "-")
    | dict.fromkeys(_expand(SPACES), " ")
    | dict.fromkeys(_expand(AT_SIGNS), "@")
)


def as_read(text: str) -> tuple[str, Sequence[int]]:
    """`text` as one reads it, and where each of its characters stood; one more offset for its end."""
    if text.isascii():
        return text.replace("\t", " "), range(len(text) + 1)
    letters: list[str] = []
    offsets: list[int] = []
    for offset, character in enumerate(text):
        if letter := _read(character):
            letters.append(letter)
            offsets.append(offset)
    offsets.append(len(text))
    return "".join(letters), offsets


def _read(character: str) -> str:
    read = _AS_READ.get(ord(character))
    if read is not None:
        return read
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)
