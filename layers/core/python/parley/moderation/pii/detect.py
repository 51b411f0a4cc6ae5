"""What of a stretch is personal data."""

import re
from collections.abc import Callable, Collection, Iterable, Sequence

from parley.moderation.pii.addresses import find_emails, find_ips
from parley.moderation.pii.banking import find_cards, find_ibans, find_ssns
from parley.moderation.pii.model import PiiKind, PiiSpan
from parley.moderation.pii.phones import find_phones
from parley.moderation.pii.stretch import Stretch
from parley.moderation.pii.tokens import find_tokens

_FEWEST_DIGITS = 7
_DIGIT = re.compile(r"\d")
# What a longer word goes on from; letters of scripts without spaces end nothing and begin nothing.
_WORD = re.compile("[a-z0-9\u00df-\u024f]")

# The surest first: what one has found is not looked at by the next.
_BY_MARKS: Sequence[tuple[PiiKind, Callable[[Stretch], Iterable[PiiSpan]]]] = (
    (PiiKind.SECRET, find_tokens),
    (PiiKind.EMAIL, find_emails),
    (PiiKind.IP, find_ips),
)
_BY_DIGITS: Sequence[tuple[PiiKind, Callable[[Stretch], Iterable[PiiSpan]]]] = (
    (PiiKind.IBAN, find_ibans),
    (PiiKind.CARD, find_cards),
    (PiiKind.SSN, find_ssns),
)


def detect(stretch: Stretch, kinds: Collection[PiiKind], regions: Sequence[str]) -> list[PiiSpan]:
    """Sorted, without overlaps; offsets into `stretch.text`."""
    detectors = [find for kind, find in _BY_MARKS if kind in kinds]
    if len(_DIGIT.findall(stretch.text)) >= _FEWEST_DIGITS:
        detectors += [find for kind, find in _BY_DIGITS if kind in kinds]
        if PiiKind.PHONE in kinds:
            detectors.append(lambda stretch: find_phones(stretch, regions))
    spans: list[PiiSpan] = []
    for find in detectors:
        for span in find(stretch):
            if not _is_cut(stretch, span) and all(
                span.end <= other.start or other.end <= span.start for other in spans
            ):
                spans.append(span)
    return sorted(spans, key=lambda span: span.start)


def _is_cut(stretch: Stretch, span: PiiSpan) -> bool:
    """The end of a longer word, of which the beginning was too long to hold."""
    return span.start == 0 and _WORD.match(stretch.before[-1:]) is not None
