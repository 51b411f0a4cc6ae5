"""One streamed chat completion, as it arrives: is it whole, and when did its tokens come?"""

from typing import Any

import orjson

from bench.script import count_tokens


class StreamCheck:
    """Fed with the bytes of a stream however they were cut, it can tell in the end what was wrong with it."""

    __slots__ = ("_finish_reason", "_is_done", "_problem", "_rest", "text", "tokens")

    def __init__(self) -> None:
        self.text = ""
        self.tokens = 0
        self._rest = b""
        self._finish_reason: str | None = None
        self._is_done = False
        self._problem: str | None = None

    def feed(self, data: bytes) -> int:
        """How many tokens `data` completes."""
        before = self.tokens
        *events, self._rest = (self._rest + data).split(b"\n\n")
        for event in events:
            if event.startswith(b"data: "):
                self._read(event[6:])
            elif not event.startswith(b":"):
                self._note(f"not a data event: {event[:40]!r}")
        return self.tokens - before

    def problem(self, expected: str) -> str | None:
        """What keeps the stream from being the whole of the `expected` text, in OpenAI's protocol; None when nothing does."""
        if self._problem:
            return self._problem
        if self._rest:
            return "ends in the middle of an event"
        if self.text != expected:
            is_cut = expected.startswith(self.text)
            return f"text is cut after {self.tokens} tokens" if is_cut else "text is not the answer to the question"
        if self._finish_reason is None:
            return "no finish reason"
        return None if self._is_done else "no [DONE]"

    def _read(self, payload: bytes) -> None:
        if self._is_done:
            self._note("an event after [DONE]")
        if payload == b"[DONE]":
            self._is_done = True
            return
        try:
            chunk: dict[str, Any] = orjson.loads(payload)
        except orjson.JSONDecodeError:
            self._note("an event that is not JSON")
            return
        if "error" in chunk:
            self._note(f"error event: {chunk['error'].get('code') or chunk['error'].get('message')}")
        for choice in chunk.get("choices") or ():
            self._finish_reason = choice.get("finish_reason") or self._finish_reason
            said = (choice.get("delta") or {}).get("content") or ""
            self.text += said
            self.tokens += count_tokens(said)

    def _note(self, problem: str) -> None:
        self._problem = self._problem or problem
