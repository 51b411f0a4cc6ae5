"""One stream of the Responses API, as it arrives: are its events in order, and what do they say?"""

from typing import Any

import orjson

_LAST_EVENTS = {"response.completed", "response.incomplete", "response.failed"}


class EventCheck:
    """Fed with the bytes of a stream however they were cut. `status`: how the response ended, None before its last event."""

    __slots__ = ("_problem", "_rest", "_said", "events", "last_number", "response_id", "status")

    def __init__(self, starting_after: int | None = None) -> None:
        self.response_id: str | None = None
        self.status: str | None = None
        self.events = 0
        self.last_number = -1 if starting_after is None else starting_after
        self._said: list[str] = []
        self._rest = b""
        self._problem: str | None = None

    @property
    def text(self) -> str:
        return "".join(self._said)

    def feed(self, data: bytes) -> int:
        """How many events `data` completes."""
        before = self.events
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if not event.startswith(b":"):
                self._read(event)
        return self.events - before

    def problem(self, answer: str) -> str | None:
        """What is wrong with the stream so far as a part of that answer, a whole one if it has ended; None when nothing is.

        A stream that begins later than the response has only the rest of the answer.
        """
        if self._problem:
            return self._problem
        if self.status is not None and self._rest:
            return "bytes behind the last event"
        is_part = answer.endswith(self.text) if self.status == "completed" else self.text in answer
        return None if is_part else "text is not of the answer to the question"

    def _read(self, event: bytes) -> None:
        kind, _, payload = event.partition(b"\ndata: ")
        try:
            document: dict[str, Any] = orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._note(f"not an event: {event[:40]!r}")
            return
        number = document.get("sequence_number")
        if number != self.last_number + 1:
            self._note(f"event {number} comes after event {self.last_number}")
        if self.status is not None:
            self._note("an event after the last")
        self.events += 1
        self.last_number = number if isinstance(number, int) else self.last_number
        self._take(kind.removeprefix(b"event: ").decode(), document)

    def _take(self, kind: str, document: dict[str, Any]) -> None:
        if kind == "response.output_text.delta":
            self._said.append(document["delta"])
        elif "response" in document:
            self.response_id = document["response"]["id"]
            if kind in _LAST_EVENTS:
                self.status = document["response"]["status"]

    def _note(self, problem: str) -> None:
        self._problem = self._problem or problem
