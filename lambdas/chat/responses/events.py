"""A response as the events of a stream: a pure function of what is known of it, its deltas and its outcome.

So the same events come out with the same numbers in every process and at every replay, and a reader that comes back with
the last number it saw is given what is behind. https://platform.openai.com/docs/api-reference/responses-streaming
"""

import sys
from collections.abc import Callable, Mapping
from typing import Any, Literal

import orjson

from lambdas.chat.responses.documents import output_documents, response_document
from lambdas.chat.responses.output import OutputItem
from parley.kit.sse import encode_data
from parley.models.model import Delta
from parley.turns.answer import Answer, Part, Parts
from parley.turns.model import Outcome, Response, Status
from parley.turns.turn import Turn

# The SDKs know no event for what its user stopped: it ends as what is incomplete does.
_LAST_EVENTS: Mapping[Status, str] = {Status.COMPLETED: "response.completed", Status.FAILED: "response.failed"}


class ResponseEvents:
    """The events of one response in order: `first`, each `delta`, `last`; several in one piece of bytes.

    Events up to the number `starting_after` are counted and not made. A turn that is condensed has lost its own events: who
    has seen some of them is given the last one only.
    """

    def __init__(self, response: Response, *, starting_after: int | None = None, is_condensed: bool = False) -> None:
        self._response = response
        self._starting_after = starting_after
        self._is_condensed = is_condensed
        self._first_shown = 0 if starting_after is None else sys.maxsize if is_condensed else starting_after + 1
        self._next = 0
        self._is_in_progress = False
        self._parts = Parts()
        self._items: list[OutputItem] = []
        # The newest item while reasoning or text is added to it, and of a message the pieces of its text.
        self._run: OutputItem | None = None
        self._text_pieces: list[str] | None = None
        self._before_text = b""
        # Log probabilities of tokens that are no text by themselves, such as a part of a character.
        self._held_logprobs: list[Mapping[str, Any]] = []

    @property
    def next_number(self) -> int:
        return self._next

    def first(self) -> bytes:
        """What can be told before anything is generated."""
        if self._response.is_background:
            # It may stay in its queue for a while, and is in progress once something comes of it.
            return self._lifecycle("response.created", Status.QUEUED) + self._lifecycle(
                "response.queued", Status.QUEUED
            )
        return self._lifecycle("response.created", Status.IN_PROGRESS) + self._begin()

    def delta(self, delta: Delta) -> bytes:
        """Its events. Nearly every token is text and nothing else: only the delta and the number are new in its event."""
        text, reasoning, tool_calls, logprobs, _, _ = delta
        if self._text_pieces is None or not text or reasoning or tool_calls or logprobs:
            return self._any_delta(delta)
        # What `Parts.add_text` does while the message is the newest part.
        self._text_pieces.append(text)
        number = self._next
        self._next = number + 1
        if number < self._first_shown:
            return b""
        return b'%b%b,"sequence_number":%d}\n\n' % (self._before_text, orjson.dumps(text), number)

    def last(self, outcome: Outcome) -> bytes:
        """The end of every item that is open, and of the response."""
        if outcome.is_withheld:
            return self._retraction(outcome)
        events = self.end(outcome)
        number, seen = self._next, self._starting_after
        if seen is not None and (self._is_condensed or seen >= number):
            if seen == number and not self._is_condensed:
                return events
            # A client may have seen more than was kept, and even so there is an end for it.
            number = seen + 1
        kind = _LAST_EVENTS.get(outcome.status, "response.incomplete")
        return events + _encode(kind, number, {"response": self.document(outcome)})

    def _retraction(self, outcome: Outcome) -> bytes:
        """The end of a response of which nothing is to be shown any more, as its document says: no item's end says again what it
        said. Every reader gets it, whatever he has seen. An event of its own would end openai-node's helpers in an error.
        """
        begun = b"" if self._is_in_progress else self._begin()
        number = self._next if self._starting_after is None else max(self._next, self._starting_after + 1)
        return begun + _encode("response.incomplete", number, {"response": self.document(outcome)})

    def end(self, outcome: Outcome) -> bytes:
        """The end of every item that is open. What ended well and said nothing is an empty message."""
        events = [] if self._is_in_progress else [self._begin()]
        if not self._items and outcome.error is None:
            events.append(self._grow(self._parts.add_text(""), ""))
        status = "completed" if outcome.status is Status.COMPLETED else "incomplete"
        events += [self._end_item(item, status) for item in self._items if item.status == "in_progress"]
        return b"".join(events)

    def document(self, outcome: Outcome) -> dict[str, Any]:
        """The whole response, after `end`."""
        if outcome.is_withheld:
            output = output_documents(self._response, Answer().items(broke_off=False), outcome.status)
        else:
            output = [item.document() for item in self._items]
        return response_document(
            self._response,
            outcome.status,
            output=output,
            usage=outcome.usage,
            finish_reason=outcome.finish_reason,
            error_code=outcome.error.code if outcome.error else None,
        )

    def _any_delta(self, delta: Delta) -> bytes:
        events = [] if self._is_in_progress else [self._begin()]
        if delta.logprobs and (delta.text or not (delta.reasoning or delta.tool_calls)):
            self._held_logprobs += delta.logprobs.get("content") or ()
        if delta.reasoning:
            events.append(self._grow(self._parts.add_reasoning(delta.reasoning), delta.reasoning))
        if delta.text:
            events.append(self._grow(self._parts.add_text(delta.text), delta.text))
        events += [self._grow(*self._parts.add_call_piece(piece)) for piece in delta.tool_calls]
        return b"".join(events)

    def _begin(self) -> bytes:
        self._is_in_progress = True
        return self._lifecycle("response.in_progress", Status.IN_PROGRESS)

    def _lifecycle(self, kind: str, status: Status) -> bytes:
        return self._event(kind, lambda: {"response": response_document(self._response, status)})

    def _grow(self, part: Part, addition: str) -> bytes:
        """The events of what was added to an item, which may be new."""
        events = self._add_item(part) if part.index == len(self._items) else b""
        item = self._items[part.index]
        logprobs = self._take_logprobs(item)
        if not addition:
            return events
        return events + self._event(item.delta_event, lambda: item.delta_fields(addition, logprobs))

    def _take_logprobs(self, item: OutputItem) -> list[Mapping[str, Any]]:
        """Those that belong to the text of a message that comes now."""
        if item.part.kind != "message" or not self._held_logprobs:
            return []
        held, self._held_logprobs = self._held_logprobs, []
        item.logprobs += held
        return held

    def _add_item(self, part: Part) -> bytes:
        ended = b"" if self._run is None else self._end_item(self._run, "completed")
        item = OutputItem(self._response, self._parts.all[: part.index + 1])
        self._items.append(item)
        self._run = item if item.has_parts else None
        if part.kind == "message":
            self._text_pieces = part.pieces
            self._before_text = _before_delta(item)
        added = self._event("response.output_item.added", item.added_fields)
        if not item.has_parts:
            return ended + added
        return ended + added + self._event("response.content_part.added", item.added_part_fields)

    def _end_item(self, item: OutputItem, status: Literal["completed", "incomplete"]) -> bytes:
        if item is self._run:
            self._run = self._text_pieces = None
        item.status = status
        self._take_logprobs(item)
        events = self._event(item.done_event, item.done_fields)
        if item.has_parts:
            events += self._event("response.content_part.done", item.done_part_fields)
        return events + self._event("response.output_item.done", item.done_item_fields)

    def _event(self, kind: str, fields: Callable[[], Mapping[str, Any]]) -> bytes:
        number = self._next
        self._next = number + 1
        return _encode(kind, number, fields()) if number >= self._first_shown else b""


def settled_document(turn: Turn) -> dict[str, Any]:
    """The whole response of a turn that is over, as its last event has it."""
    assert turn.outcome is not None
    return _skipped(turn, turn.outcome).document(turn.outcome)


def last_number(turn: Turn) -> int:
    """The number of the last event of a turn that is over."""
    assert turn.outcome is not None
    return _skipped(turn, turn.outcome).next_number


def _skipped(turn: Turn, outcome: Outcome) -> ResponseEvents:
    """All events but the last, counted and not made."""
    events = ResponseEvents(turn.response, starting_after=sys.maxsize)
    events.first()
    for delta in turn.deltas:
        events.delta(delta)
    events.end(outcome)
    return events


def _before_delta(item: OutputItem) -> bytes:
    """An event of this item's deltas up to where the delta is written."""
    fields = orjson.dumps({"type": item.delta_event, **item.delta_fields(None)})
    return f"event: {item.delta_event}\ndata: ".encode() + fields[:-1] + b',"delta":'


def _encode(kind: str, number: int, fields: Mapping[str, Any]) -> bytes:
    data = orjson.dumps({"type": kind, **fields, "sequence_number": number})
    return f"event: {kind}\n".encode() + encode_data(data)
