"""A turn as its readers see it, and as the task that works on it does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from types import TracebackType
from typing import Any, Self

import anyio

from parley.errors import ChatError
from parley.models.model import Delta, Usage
from parley.turns.answer import Answer, put_together
from parley.turns.model import ChatTurn, JudgedItem, Outcome, Response, StopReason
from parley.turns.screening import Screen
from parley.turns.watching import AnswerWatch

# In characters. No answer is as long: an engine that says more is stopped, which bounds a turn's memory, log and row.
ANSWER_LIMIT = 2_000_000
# What a reader that is late gets at a time: it bounds what is encoded, and held for a slow client, in one piece.
BATCH_LIMIT = 500


class Turn:
    """What a turn has said so far, and how it ended. One task publishes; any number of readers follow at their own pace.

    The task is the one that runs the turn, or one that follows its log from another process. `deltas` are those that a reader
    is shown. `is_condensed`: the events themselves are not kept any more, and `deltas` only add up to the same answer.
    `on_abandoned` is called when a reader leaves.
    """

    __slots__ = (
        "__weakref__",
        "_changes",
        "_ended",
        "_loop",
        "deltas",
        "is_condensed",
        "on_abandoned",
        "outcome",
        "response",
    )

    def __init__(self, response: Response) -> None:
        self.response = response
        self.deltas: list[Delta] = []
        self.outcome: Outcome | None = None
        self.is_condensed = False
        self.on_abandoned: Callable[[], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._changes: list[asyncio.Future[None]] = []
        self._ended = asyncio.Event()

    def publish(self, deltas: Sequence[Delta]) -> None:
        self.deltas.extend(deltas)
        self._wake()

    def retract(self) -> None:
        """Forget what was said: no reader is shown more of it, and those that have seen some are told at the end."""
        self.deltas = []
        self.is_condensed = True

    def finish(self, outcome: Outcome) -> None:
        if outcome.is_withheld:
            self.retract()
        self.outcome = outcome
        self._ended.set()
        self._wake()

    async def wait_for_end(self) -> None:
        await self._ended.wait()

    def reader(self, idle_s: float) -> "TurnReader":
        return TurnReader(self, idle_s)

    def next_change(self) -> asyncio.Future[None]:
        """Done at the next `publish` or `finish`. Each who asks gets one of their own, and may end it earlier."""
        change: asyncio.Future[None] = self._loop.create_future()
        self._changes.append(change)
        return change

    def _wake(self) -> None:
        changes, self._changes = self._changes, []
        for change in changes:
            if not change.done():
                change.set_result(None)


class TurnReader:
    """Follows one turn: `async with reader`, then `async for deltas in reader`, an empty batch when nothing came for `idle_s`.

    Closing it ends a turn of which nothing is kept, for nobody could ever see the rest; a stored turn goes on.
    """

    def __init__(self, turn: Turn, idle_s: float) -> None:
        self._turn = turn
        self._idle_s = idle_s
        self._loop = asyncio.get_running_loop()
        self._quiet_since = self._loop.time()
        self._change: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        self._timer = self._loop.call_later(self._idle_s, self._end_idle_wait)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._turn.on_abandoned is not None:
            self._turn.on_abandoned()

    async def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        turn, seen = self._turn, 0
        while True:
            seen = min(seen, len(turn.deltas))  # what was taken back is gone
            if seen < len(turn.deltas):
                batch = turn.deltas[seen : seen + BATCH_LIMIT]
                seen += len(batch)
                yield batch
            elif turn.outcome is not None:
                return
            else:
                self._quiet_since = self._loop.time()
                self._change = turn.next_change()
                await self._change
                if seen == len(turn.deltas) and turn.outcome is None:
                    yield ()

    def _end_idle_wait(self) -> None:
        """One timer for the whole stream that looks how long it has been quiet: a timeout for each token costs more than it."""
        rest_s = self._quiet_since + self._idle_s - self._loop.time()
        if rest_s <= 0 and self._change is not None and not self._change.done():
            self._change.set_result(None)
        self._timer = self._loop.call_later(rest_s if rest_s > 0 else self._idle_s, self._end_idle_wait)


class StageClock:
    """When a turn passed each of its stages, by the monotonic clock."""

    __slots__ = ("_marks",)

    def __init__(self) -> None:
        self._marks: list[tuple[str, float]] = [("", monotonic())]

    def mark(self, stage: str) -> None:
        """The stage is over now."""
        self._marks.append((stage, monotonic()))

    def stages_ms(self) -> dict[str, float]:
        """How long each stage took, in their order."""
        return {
            stage: round((end_s - start_s) * 1000, 1)
            for (_, start_s), (stage, end_s) in zip(self._marks, self._marks[1:], strict=False)
        }


class Run:
    """The work on a turn in the process that does it: how it is stopped, and what only its end will tell."""

    __slots__ = (
        "_size",
        "begun",
        "chat",
        "cleared",
        "clock",
        "finish_reason",
        "judged",
        "lease_epoch",
        "others",
        "scope",
        "screen",
        "stop_reason",
        "turn",
        "usage",
        "watch",
        "withheld",
    )

    def __init__(
        self,
        chat: ChatTurn,
        turn: Turn,
        deadline_s: float,
        clock: StageClock,
        lease_epoch: int = 1,
        others: Sequence[ChatTurn] = (),
    ) -> None:
        self.chat = chat
        self.turn = turn
        # The turn as other models would answer it, should the first not take the request.
        self.others = list(others)
        self.clock = clock
        self.lease_epoch = lease_epoch
        self.stop_reason: StopReason | None = None
        # Leaving this scope early is how a turn stops: for a deadline, a request, a shutdown, or for want of readers.
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + deadline_s)
        # Set once the engine has accepted the request, or the turn is over.
        self.begun = asyncio.Event()
        # Set once moderation lets what was asked be answered; `judged` is what it found.
        self.cleared = asyncio.Event()
        self.judged: Sequence[JudgedItem] = ()
        # What the answer passes through on its way to its readers, where it is moderated.
        self.screen: Screen | None = None
        self.watch: AnswerWatch | None = None
        # What was said before the answer was taken back.
        self.withheld: Answer | None = None
        self.finish_reason: str | None = None
        self.usage: Usage | None = None
        self._size = 0

    @property
    def is_kept(self) -> bool:
        """Whether the turn outlives its readers: it is stored, or may be asked for again by its key."""
        again = self.chat.idempotency
        return self.turn.response.is_stored or (again is not None and again.key is not None)

    @property
    def refusal(self) -> ChatError | None:
        """Why nothing was generated; it can still be told as a plain HTTP error."""
        outcome = self.turn.outcome
        return outcome.error if outcome and not self.turn.deltas else None

    def take_in(self, deltas: Sequence[Delta]) -> None:
        """Publish what the engine said; its last words, which no reader is shown, are kept for the outcome."""
        shown: list[Delta] = []
        for delta in deltas:
            if delta.is_shown:
                shown.append(delta)
                self._size += _size_of(delta)
            self.finish_reason = delta.finish_reason or self.finish_reason
            self.usage = delta.usage or self.usage
        self._show(self.screen.pass_on(shown) if self.screen and shown else shown)
        if self._size > ANSWER_LIMIT:
            self.stop(StopReason.TOO_LONG)

    def show_rest(self) -> None:
        """Publish what was held back, once the engine says no more."""
        if self.screen is not None:
            self._show(self.screen.rest())

    def withhold(self) -> None:
        """Take the answer back, and abort the engine."""
        if self.withheld is None:
            self.withheld = put_together(self.turn.deltas)
            self.turn.retract()
            self.stop(StopReason.WITHHELD)

    def _show(self, deltas: Sequence[Delta]) -> None:
        if not deltas or self.withheld is not None:
            return
        if not self.turn.deltas:
            self.clock.mark("first_token")
        self.turn.publish(deltas)
        if self.watch is not None:
            self.watch.see(deltas)

    def move_to(self, chat: ChatTurn) -> None:
        """Let another model answer, of which nothing has been said yet."""
        self.chat = chat
        self.turn.response = replace(self.turn.response, model=chat.model.name, degraded_from=chat.degraded_from)

    def stop(self, reason: StopReason) -> None:
        """Abort the engine. The first reason counts; after the end it changes nothing."""
        if self.stop_reason is None and self.turn.outcome is None:
            self.stop_reason = reason
            self.scope.cancel()
            if self.watch is not None:
                self.watch.hurry()


def _size_of(delta: Delta) -> int:
    size = len(delta.text) + len(delta.reasoning)
    for piece in delta.tool_calls:
        function: Mapping[str, Any] = piece.get("function") or {}
        size += len(function.get("arguments") or "")
    return size
