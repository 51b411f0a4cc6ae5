"""The entries of a response log: what a writer puts into one, and what a reader makes of them.

An entry says from which delta on it tells, so that one written twice, or again from the beginning after Valkey has lost some,
is read once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from parley.models.model import Delta, Usage
from parley.turns.model import Outcome, Status, error_of


class LogCopy:
    """What a reader has of a log. Entries may overlap; what is missing between two is found by reading from the beginning."""

    __slots__ = ("deltas", "is_retracted", "last_id", "outcome")

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        # What was said is taken back: there are no deltas any more.
        self.is_retracted = False
        self.last_id = "-"
        self.outcome: Outcome | None = None

    @property
    def next_ids(self) -> str:
        """Where the entries begin that were not read yet, for XRANGE."""
        return self.last_id if self.last_id == "-" else f"({self.last_id}"

    def take(self, entries: Sequence[tuple[bytes, Mapping[bytes, bytes]]]) -> list[Delta]:
        """Take the entries in; what is new of them."""
        known, has_hole = len(self.deltas), False
        for entry_id, fields in entries:
            start = int(fields[b"s"])
            has_hole = start > len(self.deltas)
            if has_hole:
                continue  # a later entry may tell it all again
            batch = decode_deltas(orjson.loads(fields[b"d"]))
            self.deltas.extend(batch[len(self.deltas) - start :])
            self.last_id = entry_id.decode()
            if b"o" in fields:
                self.outcome = _decode_outcome(orjson.loads(fields[b"o"]))
            if b"r" in fields or (self.outcome is not None and self.outcome.is_withheld):
                self.is_retracted = True
        if has_hole:
            self.last_id = "-"
        if self.is_retracted:
            self.deltas.clear()
        return self.deltas[known:]


def entry_fields(start: int, deltas: Sequence[Delta], outcome: Outcome | None) -> list[str | bytes]:
    """The fields of an entry, as XADD takes them: the index of its first delta, the deltas, and the outcome in the last."""
    fields: list[str | bytes] = ["s", str(start), "d", orjson.dumps(encode_deltas(deltas))]
    return fields if outcome is None else [*fields, "o", orjson.dumps(_encode_outcome(outcome))]


def retraction_fields(outcome: Outcome | None) -> list[str | bytes]:
    """The fields of an entry that takes back all that was said, as the outcome does if it is known."""
    return [*entry_fields(0, (), outcome), "r", "1"]


def encode_deltas(deltas: Sequence[Delta]) -> list[Any]:
    return [_encode(delta) for delta in deltas]


def decode_deltas(entries: Sequence[Any]) -> list[Delta]:
    """The inverse of `encode_deltas`."""
    return [Delta(text=entry) if isinstance(entry, str) else Delta(**entry) for entry in entries]


def _encode(delta: Delta) -> str | dict[str, Any]:
    """Text alone, which nearly every delta is, stands as it is."""
    if not (delta.reasoning or delta.tool_calls or delta.logprobs):
        return delta.text
    fields = {
        "text": delta.text,
        "reasoning": delta.reasoning,
        "tool_calls": delta.tool_calls,
        "logprobs": delta.logprobs,
    }
    return {name: value for name, value in fields.items() if value}


def _encode_outcome(outcome: Outcome) -> dict[str, Any]:
    usage = outcome.usage
    return {
        "status": outcome.status.value,
        "finish_reason": outcome.finish_reason,
        "usage": [usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens] if usage else None,
        "error": outcome.error.code if outcome.error else None,
    }


def _decode_outcome(fields: Mapping[str, Any]) -> Outcome:
    return Outcome(
        Status(fields["status"]),
        fields["finish_reason"],
        Usage(*fields["usage"]) if fields["usage"] else None,
        error_of(fields["error"]),
    )
