"""A running turn, seen by the task that works on it and by the readers that follow it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import anyio

from parley.errors import ChatError
from parley.ids import ResponseId
from parley.models.model import Delta
from parley.turns.model import ChatTurn, Outcome, Record, StopReason


class Turn:
    """What a turn has said so far, and how it ended. One task publishes; any number of readers follow at their own pace."""

    __slots__ = (
        "_changes",
        "_ended",
        "_loop",
        "began_at",
        "begun",
        "chat",
        "deltas",
        "outcome",
        "record",
        "response_id",
        "scope",
        "stop_reason",
    )

    def __init__(self, chat: ChatTurn, response_id: ResponseId, record: Record | None, deadline_s: float) -> None:
        self.chat = chat
        self.response_id = response_id
        self.record = record
        self.began_at = datetime.now(UTC)
        self.deltas: list[Delta] = []
        self.outcome: Outcome | None = None
        self.stop_reason: StopReason | None = None
        # Leaving this scope early is how a turn stops: for a deadline, a request, a shutdown, or for want of readers.
        self.scope = anyio.CancelScope(deadline=anyio.current_time() + deadline_s)
        # Set once the engine has accepted the request, or the turn is over.
        self.begun = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._changes: list[asyncio.Future[None]] = []
        self._ended = asyncio.Event()

    @property
    def is_stored(self) -> bool:
        return self.record is not None

    @property
    def refusal(self) -> ChatError | None:
        """Why nothing was generated; it can still be told as a plain HTTP error."""
        return self.outcome.error if self.outcome and not self.deltas else None

    def publish(self, deltas: Sequence[Delta]) -> None:
        self.deltas.extend(deltas)
        self._wake()

    def finish(self, outcome: Outcome) -> None:
        self.outcome = outcome
        self.begun.set()
        self._ended.set()
        self._wake()

    def stop(self, reason: StopReason) -> None:
        """Abort the engine. The first reason counts; after the end it changes nothing."""
        if self.stop_reason is None and self.outcome is None:
            self.stop_reason = reason
            self.scope.cancel()

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

    Closing it ends a turn of which nothing is stored, for nobody could ever see the rest; a stored turn goes on.
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
        if not self._turn.is_stored:
            self._turn.stop(StopReason.ABANDONED)

    async def __aiter__(self) -> AsyncIterator[Sequence[Delta]]:
        turn, seen = self._turn, 0
        while True:
            if seen < len(turn.deltas):
                batch = turn.deltas[seen:]
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
