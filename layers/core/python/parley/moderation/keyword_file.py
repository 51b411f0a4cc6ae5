"""The lists' files: entries of phrases, each with its category and what is done about it.

    $whom = him, her, them

    threat-7 violence review
        i will kill {$whom}
        {shoot,stab} {,all of} {$whom}
      - shoot them a message

Braces hold what may stand in one place, nothing among it. `-` is an innocent phrase around one of the entry's: then it is no
hit.
"""

import re
from dataclasses import dataclass

from parley.moderation.model import Action, Category

_PLACE = re.compile(r"\{([^{}]*)\}|[^{}\s]+(?: +[^{}\s]+)*")
# What may stand in one place of a phrase; an empty text where nothing need stand.
Place = tuple[str, ...]
Phrase = tuple[Place, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """`name` never changes its meaning: verdicts that are stored name it."""

    name: str
    category: Category
    action: Action
    phrases: tuple[Phrase, ...]
    innocent: tuple[Phrase, ...] = ()


def parse_entries(text: str) -> list[Entry]:
    """Raises: ValueError, naming the line, on anything that is no entry."""
    sets: dict[str, str] = {}
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("$"):
            name, _, words = line.partition("=")
            sets[name.strip()] = words.strip()
        elif line[0].isspace() and found:
            found[-1][1].append(line.strip())
        else:
            found.append((line, []))
    return [_entry(head, lines, sets) for head, lines in found]


def _entry(head: str, lines: list[str], sets: dict[str, str]) -> Entry:
    name, category, action = head.split()
    phrases = tuple(_phrase(line, sets) for line in lines if not line.startswith("-"))
    innocent = tuple(_phrase(line[1:], sets) for line in lines if line.startswith("-"))
    if not phrases or Action(action) is Action.ALLOW:
        raise ValueError(f"{head}: no phrases, or nothing to do about them")
    return Entry(name, Category(category), Action(action), phrases, innocent)


def _phrase(line: str, sets: dict[str, str]) -> Phrase:
    for name, words in sets.items():
        line = re.sub(re.escape(name) + r"(?![\w-])", lambda _, words=words: words, line)
    if re.search(r"\$|\{[^}]*(\{|$)|\S\{|\}\S", line):
        raise ValueError(f"{line}: a set without words, or braces that nest, do not close or touch a word")
    return tuple(_place(match[0]) for match in _PLACE.finditer(line))


def _place(text: str) -> Place:
    return tuple(dict.fromkeys(" ".join(each.split()) for each in text.strip("{}").split(",")))
