"""Cards, IBANs and US social security numbers."""

import re
from collections.abc import Iterator

from parley.moderation.pii.contexts import Says, what_says
from parley.moderation.pii.model import PiiKind, PiiSpan
from parley.moderation.pii.numbers import Number, find_numbers, find_rows
from parley.moderation.pii.stretch import Stretch

# First digits and lengths of what is issued: ISO/IEC 7812, and the schemes' own ranges.
_SCHEMES = tuple(
    (re.compile(first), lengths)
    for first, lengths in (
        (r"4", {13, 16, 19}),  # Visa
        (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", {16}),  # Mastercard
        (r"3[47]", {15}),  # American Express
        (r"30[0-5]|3095|36|3[89]", {14, 15, 16, 17, 18, 19}),  # Diners Club
        (r"6011|64[4-9]|65", {16, 17, 18, 19}),  # Discover
        (r"35", {16, 17, 18, 19}),  # JCB
        (r"2131|1800", {15}),  # JCB, the old ones
        (r"62|81", {16, 17, 18, 19}),  # UnionPay
        (r"50|5[6-9]|6[0-9]", {13, 14, 15, 16, 17, 18, 19}),  # Maestro
        (r"220[0-4]", {16, 17, 18, 19}),  # Mir
    )
)
_MAESTRO_OLD = re.compile(r"50|5[6-9]|6[0-9]|0604")
_CARD_FORM = re.compile(r"\d+(?: ?- ?\d+| \d+)*")
_SSN_FORM = re.compile(r"(?!000|666|9)\d{3}([- ])(?!00)\d\d\1(?!0000)\d{4}|(?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4}")
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d\d(?:[ -]?[A-Za-z0-9]){11,30}")
_GROUP = re.compile(r"[A-Za-z0-9]+")
_MONEY = frozenset("$€£¥#=/\\&")


def find_cards(stretch: Stretch) -> Iterator[PiiSpan]:
    says = what_says(stretch.before, "card")
    if says is Says.NO:
        return
    for row in find_rows(stretch.text):
        after = 0
        for number in find_numbers(stretch.text, row, 12, 19):
            # In a longer row of fours, only what begins it may be a card: the rest passes Luhn by chance one time in ten.
            if number.start < after or (number.follows_length == 4 and not after):
                continue
            if _is_card(number, is_called_one=says is Says.YES):
                after = number.end
                yield PiiSpan(PiiKind.CARD, number.start, number.end, number.digits)


def _is_card(number: Number, *, is_called_one: bool) -> bool:
    digits = number.digits
    if not _CARD_FORM.fullmatch(number.text) or not _is_grouped_like_a_card(number) or len(set(digits)) < 2:
        return False
    known = any(len(digits) in lengths and first.match(digits) for first, lengths in _SCHEMES)
    if not known and not (is_called_one and len(digits) == 12 and _MAESTRO_OLD.match(digits)):
        return False
    return _passes_luhn(digits)


def _is_grouped_like_a_card(number: Number) -> bool:
    first, *others = [len(group) for group in number.groups]
    if [first, *others] in ([4, 6, 5], [4, 6, 4]) or not others:
        return True
    is_even = all(size == first for size in others[:-1]) and others[-1] <= first
    return is_even and (first >= 4 or (first == 1 and number.is_whole))


def _passes_luhn(digits: str) -> bool:
    from stdnum import luhn

    return luhn.is_valid(digits)


def find_ibans(stretch: Stretch) -> Iterator[PiiSpan]:
    for found in _IBAN.finditer(stretch.text):
        # A word after it may look like one more group.
        ends = [found.start() + word.end() for word in _GROUP.finditer(found[0])]
        for end in reversed(ends):
            compact = re.sub("[ -]", "", stretch.text[found.start() : end]).upper()
            if not stretch.text[end : end + 1].isalnum() and _is_iban(compact):
                yield PiiSpan(PiiKind.IBAN, found.start(), end, compact)
                break


def _is_iban(compact: str) -> bool:
    """By length, structure and checksum. Some banks' own check digits are left alone: not all keep to them."""
    from stdnum import iban

    return iban.is_valid(compact, check_country=False)


def find_ssns(stretch: Stretch) -> Iterator[PiiSpan]:
    says = what_says(stretch.before, "ssn")
    if says is Says.NO or (stretch.before[-1:] in _MONEY and says is not Says.YES):
        return
    for row in find_rows(stretch.text):
        for number in find_numbers(stretch.text, row, 9, 9):
            is_formed = _SSN_FORM.fullmatch(number.text)
            if is_formed and ("-" in number.text or says is Says.YES):
                yield PiiSpan(PiiKind.SSN, number.start, number.end, number.digits)
