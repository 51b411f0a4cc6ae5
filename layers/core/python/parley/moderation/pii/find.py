"""All personal data of a text at once."""

from collections.abc import Collection, Sequence
from math import inf
from time import thread_time
from typing import TYPE_CHECKING

from parley.moderation.pii.model import DEFAULT_KINDS, DEFAULT_REGIONS, PiiKind, PiiSpan

if TYPE_CHECKING:
    from parley.moderation.pii.scanner import Piece


# Read between two looks at the clock: 0.1 ms of prose, 10 ms of the worst that was found.
_CHARACTERS_AT_ONCE = 1024


def find_pii(
    text: str,
    kinds: Collection[PiiKind] = DEFAULT_KINDS,
    regions: Sequence[str] = DEFAULT_REGIONS,
    *,
    until_s: float = inf,
) -> Sequence[PiiSpan]:
    """What of `kinds` is in `text`, in code too; sorted, without overlaps. `regions` are ISO 3166's codes of the countries
    whose telephone numbers are found without a country's code. Linear in the length of `text`; what was not read when
    `thread_time`, which no load on the machine moves, comes to `until_s` is passed over.
    """
    # Its patterns take 10 ms to compile: not when a function starts.
    from parley.moderation.pii.scanner import Scanner

    scanner = Scanner(kinds, regions, reads_code=True)
    spans: list[PiiSpan] = []
    at = 0
    for start in range(0, len(text) + 1, _CHARACTERS_AT_ONCE):
        if start and thread_time() >= until_s:
            break
        pieces = scanner.feed(text[start : start + _CHARACTERS_AT_ONCE])
        if start + _CHARACTERS_AT_ONCE > len(text):
            pieces += scanner.finish()
        at = _add_spans(spans, pieces, at)
    return spans


def _add_spans(spans: list[PiiSpan], pieces: "Sequence[Piece]", at: int) -> int:
    """Those in `pieces`, which begin at `at`. Returns where they end."""
    for piece in pieces:
        start, at = at, at + len(piece if isinstance(piece, str) else piece.text)
        if isinstance(piece, str):
            continue
        if piece.is_rest:
            start = spans.pop().start
        spans.append(PiiSpan(piece.kind, start, at, piece.key))
    return at
