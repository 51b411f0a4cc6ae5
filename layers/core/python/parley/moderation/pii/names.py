"""Names, where the words before say that one follows. Off by default: most names in an answer are nobody's secret."""

import re

# Lower case but for their first letter; "This is" and "I am" are followed by too much else.
INTRODUCTION = re.compile(
    r"\b(?:[Mm]y (?:full |real |first |last )?name is|[Mm]y name['\u2019]s|I['\u2019]m called|[Hh](?:is|er) (?:full )?name is"
    r"|[Tt]heir name is|[Mm]ein Name ist|[Ii]ch hei(?:ß|ss)e|[Jj]e m['\u2019]appelle|[Mm]on nom est|[Mm]e llamo"
    r"|[Mm]i nombre es|[Mm]i chiamo|[Nn]ame:)[ \u00a0]"
)
REACH_CHARACTERS = 40
_PART = r"[A-Z\u00c0-\u00d6\u00d8-\u00de][\w'\u2019-]{0,30}"
_NAME = re.compile(rf"{_PART}(?: (?:(?:van|von|de|der|den|da|di|la|le|bin|al) ){{0,2}}{_PART}){{0,3}}")
_MAY_GO_ON = re.compile(r"(?: (?:(?:van|von|de|der|den|da|di|la|le|bin|al) ){0,2}[a-z]{0,3})?\Z")


def find_name_end(text: str, start: int, *, is_last: bool) -> int | None:
    """Where the name ends that begins at `start`; `start` where none does, None where that is not known yet."""
    if start == len(text):
        return start if is_last else None
    found = _NAME.match(text, start)
    if found is None:
        return start
    return None if not is_last and _MAY_GO_ON.match(text, found.end()) else found.end()
