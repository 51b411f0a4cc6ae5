"""Telephone numbers: with a country's code, or as they are written at home."""

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache

from parley.moderation.pii.contexts import Says, what_says
from parley.moderation.pii.model import PiiKind, PiiSpan
from parley.moderation.pii.numbers import Number, find_numbers, find_rows
from parley.moderation.pii.stretch import Stretch

# E.164 has 15 at most, and 7 are the fewest that no area code explains; 00 or 011 may stand before.
_FEWEST, _MOST = 7, 18
# Without a word that says what it is, and with one that says at least that it is a number.
_FEWEST_ALONE, _FEWEST_AS_NUMBER = 9, 8
_MOST_GROUPS_ALONE = 5  # and one less where more digits follow
# North America's plan, as it is written: (202) 555-0143, 202.555.0143, 1-202-555-0143.
_NORTH_AMERICAN = re.compile(
    r"(?:\+?1[ .-]?)?(?:\([2-9]\d\d\) ?|[2-9]\d\d([ .-]))[2-9]\d\d[ .-]\d{4}|(?:\+?1[ .-]?)?\([2-9]\d\d\)[2-9]\d\d-?\d{4}"
)
_DATES = re.compile(
    r"(?<!\d)(?:(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d|(?:19|20)\d\d ?- ?(?:19|20)\d\d)(?!\d)"
)
_BOOKS = re.compile(r"97[89]-?\d{1,5}-?\d{1,7}-?\d{1,7}-?\d|\d{1,5}-\d{1,7}-\d{1,7}-\d")
_DECIMAL = re.compile(r"(?<!\d)(?:\d{1,4}\.\d{3,}|\d+\.\d)(?!\d)")
# 299 792 458 is as often a count; 12 - 34 a difference.
_COUNT = re.compile(r"\d{1,3}(?:([ .])\d{3})(?:\1\d{3})*|[^-]* - [^-]*")
_AREA_IN_BRACKETS = re.compile(r"\(\d{2,5}\)")
# Numbers of areas that nobody has, as in examples: 0113 4960353.
_AREA_AND_REST = re.compile(r"(?=(?:\D?\d){10,11}\Z)0[1-9]\d{1,4}(?: ?[ /-] ?)\d{4,8}")
_FRACTION = re.compile(r"\d\.\d+")
_EXTENSION = re.compile(r"x\d{1,6}(?!\w)")
# What stands before sums, fractions, anchors and parameters.
_SIGNS = frozenset("$€£¥#=/\\&*^~<>|")


def find_phones(stretch: Stretch, regions: Sequence[str]) -> Iterator[PiiSpan]:
    """Numbers that look like a telephone's, and what a word before calls one."""
    says = what_says(stretch.before + _lead(stretch.text), "phone")
    is_after_sign = stretch.before[-1:] in _SIGNS
    for row in find_rows(stretch.text):
        after = 0
        for number in find_numbers(stretch.text, row, _FEWEST, _MOST):
            if number.start < after or _is_something_else(number, says, follows_phone=after > 0):
                continue
            if _is_phone(number, says, regions, is_after_sign=is_after_sign):
                extension = _EXTENSION.match(stretch.text, number.end)
                after = extension.end() if extension else number.end
                yield PiiSpan(PiiKind.PHONE, number.start, after, _key(number))


def _lead(text: str) -> str:
    """What is written to the number without a space: tel:+49…"""
    found = re.match(r"[^\W\d_]+[.:]+", text)
    return found[0].lower() if found else ""


def is_same_phone(one: str, other: str) -> bool:
    """Whether two keys are of one number, one of them perhaps without the country's code."""
    if one == other:
        return True
    abroad, home = (one, other) if one.startswith("+") else (other, one)
    digits = home.lstrip("0")
    if home.startswith("+") or not abroad.startswith("+") or len(digits) < _FEWEST:
        return False
    return abroad.endswith(digits) and len(abroad) - 1 - len(digits) <= 3


def _key(number: Number) -> str:
    written = re.sub(r"\(0\)", "", number.text) if number.text.startswith(("+", "00", "(+")) else number.text
    digits = re.sub(r"\D", "", written)
    if "+" in number.text[:2]:
        return "+" + digits
    if digits.startswith("00"):
        return "+" + digits[2:]
    return "+" + digits if len(digits) == 11 and _NORTH_AMERICAN.fullmatch(number.text) else digits


def _is_something_else(number: Number, says: Says, *, follows_phone: bool) -> bool:
    text = number.text
    if says is not Says.YES and number.follows_length and not follows_phone and "+" not in text[:2]:
        return True
    if "+" in text[2:] or _DATES.search(text) or _BOOKS.fullmatch(text):
        return True
    if text.isdecimal() and text.endswith("000") and not text.startswith("0"):
        return True  # "reached 10000000 people" counts something
    is_decimal = says is not Says.YES and _DECIMAL.search(text) and not _NORTH_AMERICAN.fullmatch(text)
    return bool(is_decimal or _FRACTION.fullmatch(text)) or len(set(number.digits)) < 3


def _is_phone(number: Number, says: Says, regions: Sequence[str], *, is_after_sign: bool) -> bool:
    if "+" in number.text[:2]:
        return _has_country(number)
    if says is Says.NO:
        # "Order 555-0143" is none; a form that little else has is one, whatever was spoken of before.
        return bool(_NORTH_AMERICAN.fullmatch(number.text) or _AREA_IN_BRACKETS.match(number.text))
    if says is Says.YES:
        return _is_called_one(number, regions)
    return not is_after_sign and _looks_like_one(number, says, regions)


def _has_country(number: Number) -> bool:
    """Numbers that nobody was given count as well: what matters is that one could be."""
    import phonenumbers

    try:
        parsed = phonenumbers.parse("+" + _key(number).lstrip("+"))
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number(parsed) or _FEWEST_AS_NUMBER <= len(number.digits) <= 15


def _is_called_one(number: Number, regions: Sequence[str]) -> bool:
    """After a word such as "call": all of what is written together, or as much of it as is a known form."""
    if len(number.digits) <= 15 and number.is_whole:
        return True
    return _looks_like_one(number, Says.YES, regions)


def _looks_like_one(number: Number, says: Says, regions: Sequence[str]) -> bool:
    text, digits = number.text, number.digits
    if _NORTH_AMERICAN.fullmatch(text):
        return True
    if digits.startswith(("00", "011")) and len(digits) >= 11 and _has_country_after_zeros(digits):
        return True
    if not (_FEWEST_ALONE if says is Says.NOTHING else _FEWEST_AS_NUMBER) <= len(digits) <= 15:
        return False
    if says is not Says.YES and len(number.groups) > _MOST_GROUPS_ALONE - (not number.is_whole):
        return False
    has_area_in_brackets = _AREA_IN_BRACKETS.match(text) is not None
    if digits.startswith("0") or has_area_in_brackets:
        is_long = len(digits) >= 9 and len(number.groups) <= 4
        is_formed = (has_area_in_brackets and is_long) or _AREA_AND_REST.fullmatch(text)
        return bool(is_formed or _forms_at_home(digits, tuple(regions)))
    if says is Says.NOTHING and (not number.is_whole or _COUNT.fullmatch(text)):
        return False
    return _is_written_at_home(number, regions, is_grouped=says is Says.NOTHING)


def _has_country_after_zeros(digits: str) -> bool:
    import phonenumbers

    for prefix in ("00", "011"):
        if digits.startswith(prefix):
            try:
                return phonenumbers.is_possible_number(phonenumbers.parse("+" + digits[len(prefix) :]))
            except phonenumbers.NumberParseException:
                continue
    return False


def _is_written_at_home(number: Number, regions: Sequence[str], *, is_grouped: bool) -> bool:
    """Whether one of `regions` writes this number in these groups; in one, unless it `is_grouped`."""
    forms = _forms_at_home(number.digits, tuple(regions))
    if len(number.groups) == 1:
        return bool(forms) and not is_grouped
    return any(number.groups == re.findall(r"\d+", form) for form in forms)


@lru_cache(maxsize=512)
def _forms_at_home(digits: str, regions: tuple[str, ...]) -> Sequence[str]:
    """How those of `regions` in which these digits are a valid number write it."""
    import phonenumbers

    forms: list[str] = []
    for region in regions:
        if not _may_be_of(region, digits):
            continue
        try:
            parsed = phonenumbers.parse(digits, region)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_valid_number_for_region(parsed, region):
            forms.append(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))
    return forms


def _may_be_of(region: str, digits: str) -> bool:
    """A quick look, before the library's thorough one."""
    prefix, pattern = _plan_of(region)
    return pattern.fullmatch(digits.removeprefix(prefix) if prefix else digits) is not None


@cache
def _plan_of(region: str) -> tuple[str, re.Pattern[str]]:
    """What is dialled before a number within the region, and the pattern of its numbers."""
    from phonenumbers import PhoneMetadata

    metadata = PhoneMetadata.metadata_for_region(region)
    if metadata is None or metadata.general_desc is None:
        raise ValueError(f"{region}: no region with telephone numbers")
    return metadata.national_prefix or "", re.compile(metadata.general_desc.national_number_pattern or "(?!)")
