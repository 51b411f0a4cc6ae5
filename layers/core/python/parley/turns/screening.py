"""What of an answer its readers are shown: its deltas, with personal data replaced by marks before they leave."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from parley.models.model import Delta
from parley.moderation.stream_filter import FilterPolicy, Marks, Redaction, StreamFilter

_Run = Literal["text", "reasoning"]


class Screen:
    """One answer's. Text and reasoning are filtered, each run of them by itself; the arguments of tools go to a program, as they
    are. In a dry run everything is shown, and what would be replaced is noted.
    """

    __slots__ = ("_calls", "_ended", "_is_dry_run", "_logprobs", "_marks", "_policy", "_run", "_stream")

    def __init__(self, policy: FilterPolicy, marks: Marks | None = None, *, is_dry_run: bool = False) -> None:
        """`marks` stand already in what the answer is to."""
        self._policy = policy
        self._is_dry_run = is_dry_run
        # A value has one mark in the whole answer.
        self._marks: Marks = {} if marks is None else marks
        self._ended: list[Redaction] = []
        self._calls: set[int] = set()
        self._run: _Run | None = None
        self._stream = StreamFilter(policy, self._marks)
        self._logprobs: _Logprobs | None = None

    @property
    def redactions(self) -> list[Redaction]:
        """What was replaced so far, in its order."""
        return [*self._ended, *self._stream.spans]

    def pass_on(self, deltas: Sequence[Delta]) -> list[Delta]:
        """What may be shown now, often a word behind what came."""
        shown: list[Delta] = []
        for delta in deltas:
            text, reasoning, tool_calls, logprobs, _, _ = delta
            # Nearly every token is text after text.
            if self._run != "text" or reasoning or tool_calls or logprobs or self._logprobs:
                shown += self._pass_any(delta)
            elif released := self._feed(text):
                shown.append(delta if released == text else Delta(released))
        return shown

    def rest(self) -> list[Delta]:
        """What was held back, at the end of the answer or of a run."""
        run, stream, logprobs = self._run, self._stream, self._logprobs
        if run is None:
            return []
        released = stream.finish()
        self._ended += stream.spans
        self._run, self._stream, self._logprobs = None, StreamFilter(self._policy, self._marks), None
        if self._is_dry_run:
            return []
        kept = logprobs.pass_on("", (), released, 0) if logprobs else None
        return _delta_of(run, released, kept)

    def _pass_any(self, delta: Delta) -> list[Delta]:
        shown: list[Delta] = []
        if delta.reasoning:
            shown += self._pass_piece("reasoning", delta.reasoning, None)
        if delta.text or delta.logprobs:
            shown += self._pass_piece("text", delta.text, delta.logprobs)
        if delta.tool_calls:
            # A call that begins ends the message before it; the pieces of one that has begun may stand in the middle of a word.
            indexes = {int(piece.get("index") or 0) for piece in delta.tool_calls}
            begins = not indexes <= self._calls
            self._calls |= indexes
            shown += [*(self.rest() if begins else ()), Delta(tool_calls=delta.tool_calls)]
        return shown

    def _pass_piece(self, run: _Run, text: str, logprobs: Mapping[str, Any] | None) -> list[Delta]:
        shown = [] if run == self._run else self.rest()
        self._run = run
        released = self._feed(text)
        if self._is_dry_run:
            return [*shown, *_delta_of(run, text, (logprobs or {}).get("content"))]
        if logprobs and self._logprobs is None:
            self._logprobs = _Logprobs()
        kept = None
        if self._logprobs is not None:
            entries = (logprobs or {}).get("content") or ()
            kept = self._logprobs.pass_on(text, entries, released, self._stream.held_characters)
        return [*shown, *_delta_of(run, released, kept)]

    def _feed(self, text: str) -> str:
        released = self._stream.feed(text)
        return text if self._is_dry_run else released


class _Logprobs:
    """Log probabilities, let out with the text that they belong to: those of a word that is replaced would tell it."""

    __slots__ = ("_end", "_raw", "_waiting")

    def __init__(self) -> None:
        # The text that is held back, where it ends, and the entries that begin in it with their place.
        self._raw = ""
        self._end = 0
        self._waiting: list[tuple[int, int, Sequence[Any]]] = []

    def pass_on(self, text: str, entries: Sequence[Any], released: str, held_characters: int) -> list[Any]:
        """The entries of what is `released` now that `text` has come; those of what was replaced are gone."""
        start, self._end = self._end, self._end + len(text)
        self._raw += text
        self._waiting.append((start, self._end, entries))
        out_to = self._end - held_characters
        passed = self._raw[: len(self._raw) - held_characters]
        self._raw = self._raw[len(passed) :]
        if passed != released:
            self._waiting = [each for each in self._waiting if each[0] >= out_to]
            return []
        out = [entry for _, end, entries in self._waiting if end <= out_to for entry in entries]
        self._waiting = [each for each in self._waiting if each[1] > out_to]
        return out


def _delta_of(run: _Run, released: str, logprobs: Sequence[Any] | None) -> list[Delta]:
    """One, or none where there is nothing to show."""
    if run == "reasoning":
        return [Delta(reasoning=released)] if released else []
    if not released and not logprobs:
        return []
    return [Delta(released, logprobs={"content": list(logprobs), "refusal": None} if logprobs else None)]
