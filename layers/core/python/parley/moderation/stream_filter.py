"""What of an answer may be shown, while it is written: personal data is replaced by marks before it leaves."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import thread_time
from typing import TYPE_CHECKING

from parley.moderation.pii.model import DEFAULT_KINDS, DEFAULT_REGIONS, PiiKind

if TYPE_CHECKING:
    from parley.moderation.pii.scanner import Found, Piece

# One of each kind whose detection loads a library.
_SAMPLE = "+49 30 1234567, 0301234567; DE89370400440532013000; 4111111111111111; 93.184.216.34 "
# As many digits as every number has that is known to be another's with a country's code.
_PHONE_END = 7
# The user's own texts are read while others wait. 100 KB of prose take 4 ms of CPU, of rows of numbers a second.
_READ_OWN_WITHIN_S = 0.05


class KnownValues:
    """Values of one kind that have come, and their marks."""

    def __init__(self) -> None:
        self._marks: dict[str, str] = {}
        # A number may come again with or without its country's code.
        self._by_end: dict[str, list[str]] = {}

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, key: str, mark: str) -> None:
        self._marks[key] = mark
        self._by_end.setdefault(key[-_PHONE_END:], []).append(key)

    def mark_of(self, found: "Found") -> str | None:
        """That of the same value, in whatever form it is written."""
        if found.key in self._marks or found.kind is not PiiKind.PHONE:
            return self._marks.get(found.key)
        from parley.moderation.pii.phones import is_same_phone

        alike = self._by_end.get(found.key[-_PHONE_END:], ())
        return next((self._marks[key] for key in alike if is_same_phone(found.key, key)), None)


Marks = dict[PiiKind, KnownValues]


@dataclass(frozen=True)  # no slots: what is found in the own values is kept
class FilterPolicy:
    """`own_values` are the user's own, as he wrote them, in whole messages, or as keys that `find_pii` gave: he may see them
    again. They are read at the first finding, and where they are long only the first of them. `regions` are those whose
    telephone numbers are known without a country's code.
    """

    kinds: frozenset[PiiKind] = DEFAULT_KINDS
    in_code_blocks: bool = False
    own_values: Collection[str] = field(default=(), repr=False)
    regions: Sequence[str] = DEFAULT_REGIONS

    @cached_property
    def own(self) -> KnownValues:
        return _read_own(self.own_values, self.kinds, self.regions)


@dataclass(frozen=True, slots=True)
class Redaction:
    """One place where `mark` stands for a value of `kind`."""

    kind: PiiKind
    mark: str


class StreamFilter:
    """One answer's. What it gives does not depend on how the text was cut: all of `feed`'s and `finish`'s results joined are
    the text with its personal data replaced, and nothing of that was ever in one of them.
    """

    def __init__(self, policy: FilterPolicy, marks: Marks | None = None) -> None:
        """Filters that share `marks` and a policy give the same value the same mark."""
        from parley.moderation.pii.scanner import Scanner

        self.spans: list[Redaction] = []
        self._policy = policy
        self._scanner = Scanner(policy.kinds, policy.regions, reads_code=policy.in_code_blocks)
        self._marks: Marks = {} if marks is None else marks
        self._is_letting_through = False

    @property
    def held_characters(self) -> int:
        """How much of the text is held back now."""
        return self._scanner.held_characters

    def feed(self, text: str) -> str:
        """What may be shown now, often nothing."""
        return "".join(map(self._show, self._scanner.feed(text)))

    def finish(self) -> str:
        """What was held back, at the text's end."""
        return "".join(map(self._show, self._scanner.finish()))

    def _show(self, piece: "Piece") -> str:
        if isinstance(piece, str):
            return piece
        if piece.is_rest:
            return piece.text if self._is_letting_through else ""
        self._is_letting_through = self._is_own(piece)
        if self._is_letting_through:
            return piece.text
        mark = self._mark(piece)
        self.spans.append(Redaction(piece.kind, mark))
        return mark

    def _mark(self, found: "Found") -> str:
        """The same for the same value."""
        values = self._marks.setdefault(found.kind, KnownValues())
        if mark := values.mark_of(found):
            return mark
        mark = f"[{found.kind.upper()}_{len(values) + 1}]"
        values.add(found.key, mark)
        return mark

    def _is_own(self, found: "Found") -> bool:
        return bool(self._policy.own_values) and self._policy.own.mark_of(found) is not None


def prepare(policy: FilterPolicy) -> None:
    """Load what the first findings of a process would else wait for: about 80 ms of CPU, off the event loop if you can."""
    stream = StreamFilter(policy)
    stream.feed(_SAMPLE)
    stream.finish()


def _read_own(values: Iterable[str], kinds: Collection[PiiKind], regions: Sequence[str]) -> KnownValues:
    """`values` as they are, and what is found in them, however it is written."""
    from parley.moderation.pii.find import find_pii

    keys: set[str] = set()
    until_s = thread_time() + _READ_OWN_WITHIN_S
    for value in values:
        keys |= {value, value.lower()}
        if thread_time() < until_s:
            keys |= {span.value_key for span in find_pii(value, kinds, regions, until_s=until_s)}
    own = KnownValues()
    for key in keys:
        own.add(key, "own")
    return own
