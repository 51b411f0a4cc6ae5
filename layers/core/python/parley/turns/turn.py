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
        "_changed",
        "_ended",
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
        self._changed = asyncio.Event()
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

    async def wait_for_change(self, timeout_s: float) -> None:
        """Returns after the next `publish` or `finish`, or when the time is up."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()
        except TimeoutError:
            pass

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class TurnReader:
    """Follows one turn: `async for deltas in reader`, an empty batch when nothing came for `idle_s`.

    Closing it, as `async with` does, ends a turn of which nothing is stored, for nobody could ever see the rest; a stored
    turn goes on.
    """

    def __init__(self, turn: Turn, idle_s: float) -> None:
        self._turn = turn
        self._idle_s = idle_s

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
                before = len(turn.deltas)
                await turn.wait_for_change(self._idle_s)
                if len(turn.deltas) == before and turn.outcome is None:
                    yield ()
