"""What of a prompt an engine may see: with personal data replaced by marks, where the policy keeps it from models."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, cast

from parley.moderation.pii.model import DEFAULT_REGIONS, PiiKind
from parley.moderation.stream_filter import FilterPolicy, KnownValues, Marks, StreamFilter

# What the user and his client have written: there is nothing else in instructions. The model's own words were never anything
# but made of marks, and changing them would miss the engine's cache of them. Calls of tools and what they gave are for
# programs, which need the values.
_REDACTED_ROLES = frozenset({"system", "developer", "user"})
# Quoted by somebody, or made by the filter of an earlier answer. Longer numbers are not reckoned with.
_MARK = re.compile(rf"\[({'|'.join(kind.upper() for kind in PiiKind)})_([1-9]\d{{0,2}})\]")


def redact_messages(
    messages: Sequence[Mapping[str, Any]], kinds: Collection[str], regions: Sequence[str] = DEFAULT_REGIONS
) -> list[Mapping[str, Any]]:
    """`messages` (OpenAI's chat messages) with what of `kinds` their user has written replaced by `[EMAIL_1]` and the like.

    A value has one mark in the whole prompt, and no mark that stood before it. What becomes of a message depends on those
    before it alone, so that a longer prompt goes on as the shorter one began. Linear in the length of the text.
    """
    policy = FilterPolicy(frozenset(map(PiiKind, kinds)), in_code_blocks=True, regions=regions)
    marks: Marks = {}
    return [_redact(message, policy, marks) for message in messages]


def marks_in(messages: Sequence[Mapping[str, Any]]) -> Marks:
    """The marks that stand in a prompt, for the filter of its answer: what that finds new gets others."""
    marks: Marks = {}
    for text in (text for message in messages for text in _texts_of(message.get("content"))):
        _reserve(marks, text)
    return marks


def _redact(message: Mapping[str, Any], policy: FilterPolicy, marks: Marks) -> Mapping[str, Any]:
    content = message.get("content")
    for text in _texts_of(content):
        _reserve(marks, text)
    if message.get("role") not in _REDACTED_ROLES or not content:
        return message
    if isinstance(content, str):
        return {**message, "content": _redact_text(content, policy, marks)}
    return {**message, "content": [_redact_part(part, policy, marks) for part in content]}


def _redact_part(part: Any, policy: FilterPolicy, marks: Marks) -> Any:
    text = _text_of(part)
    return {**part, "text": _redact_text(text, policy, marks)} if text else part


def _redact_text(text: str, policy: FilterPolicy, marks: Marks) -> str:
    stream = StreamFilter(policy, marks)
    return stream.feed(text) + stream.finish()


def _reserve(marks: Marks, text: str) -> None:
    """Give no value a mark that stands in `text` already, nor one before it."""
    for kind, number in _MARK.findall(text):
        values = marks.setdefault(PiiKind(kind.lower()), KnownValues())
        while len(values) < int(number):
            mark = f"[{kind}_{len(values) + 1}]"
            values.add(mark, mark)


def _texts_of(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif content:
        yield from filter(None, map(_text_of, content))


def _text_of(part: Any) -> str | None:
    """None where the part is an image or a sound."""
    text = cast("Mapping[str, Any]", part).get("text") if isinstance(part, Mapping) else None
    return text if isinstance(text, str) else None
