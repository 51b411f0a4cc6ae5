"""Stretches of text in which personal data may stand: nothing that is looked for reaches over a stretch's end.

What is between two stretches needs no look at all, which is what makes ordinary text cheap: of it only the word that is
being written is held back.
"""

import re
from dataclasses import dataclass

from parley.moderation.pii.characters import AT_SIGNS, DASHES, SPACES, UNSEEN

_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
_FULL_WIDTH = "\uff10-\uff1a\uff21-\uff3a\uff41-\uff5a\uff07\uff0b\uff0e\uff3f\uff05"
# Characters that keep a stretch going whatever stands around them.
_WORD = rf"\d{_LATIN}{_FULL_WIDTH}._%+':\-{AT_SIGNS}{DASHES}{UNSEEN}"
# Between two digits a stretch goes on over these as well: 030 / 123 456, (555) 123-4567.
_JOINTS = rf"{SPACES}().\-/\uff08\uff09\uff0e\uff0f{DASHES}{UNSEEN}"
_OPENING = "(\uff08"
# A stretch without any of these holds nothing that is looked for.
_TELLING = rf"\d{AT_SIGNS}_%+\-`~{_FULL_WIDTH}{DASHES}{UNSEEN}\uff08"

# As much ordinary text as needs no second look, up to and with the last character that no match begins before.
SKIP = re.compile(rf"[^{_TELLING}]*[^{_TELLING}{_LATIN}.:'(]")
_STRETCH = re.compile(
    rf"[{_OPENING}]?[{_WORD}]+(?:(?<=[\d{UNSEEN}])[{_JOINTS}]{{1,4}}(?=[\d{_OPENING}+\uff0b{UNSEEN}])[{_OPENING}]?[{_WORD}]+)*"
)
_MAYBE_JOINT = re.compile(rf"(?<=[\d{UNSEEN}])[{_JOINTS}]{{1,4}}\Z")
# An IBAN as it is printed has groups of four, of letters too: GB82 WEST 1234 5698 7654 32.
_GROUPED = "A-Za-z0-9\uff10-\uff19\uff21-\uff3a\uff41-\uff5a"
_IBAN_GROUPS = re.compile(rf"(?<![^\W_])[^\W\d_]{{2}}\d\d(?:[{SPACES}][{_GROUPED}]{{4}}){{0,7}}\Z")
_NEXT_GROUP = re.compile(rf"[{SPACES}](?:[{_GROUPED}]|\Z)")


@dataclass(frozen=True, slots=True)
class Stretch:
    """`text` and what stands `before` it are as read, the latter in lower case; `after` is the next character, if any."""

    text: str
    before: str
    after: str


def find_end(text: str, start: int, *, is_last: bool) -> int | None:
    """Where the stretch ends that begins at `start`: there, where none does. None where text to come may prolong it; with
    `is_last` none comes.
    """
    end = start
    while found := _STRETCH.match(text, end):
        end = found.end()
        if _is_open(text, start, end) and not is_last:
            return None
        if not (_NEXT_GROUP.match(text, end) and _IBAN_GROUPS.search(text[start:end])):
            return end
        end += 1
    if end == start:
        return None if text[start] in _OPENING and start + 1 == len(text) and not is_last else start
    return end - 1


def _is_open(text: str, start: int, end: int) -> bool:
    if end == len(text) or _MAYBE_JOINT.match(text, end):
        return True
    return end + 1 == len(text) and bool(_NEXT_GROUP.match(text, end) and _IBAN_GROUPS.search(text[start:end]))
