"""Turns that run in another process, followed by their log.

One task a process reads the logs of all turns that somebody here follows, in one round trip each 100 ms: a hundred readers of
a turn cost Valkey as much as one, and who writes it nothing.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from weakref import ref

from aws_lambda_powertools import Logger

from parley.errors import EngineFailed, StorageUnavailable
from parley.ids import ResponseId
from parley.kit.tasks import running_beside
from parley.kit.telemetry import describe_error
from parley.models.model import Delta
from parley.turns.answer import Answer, put_together
from parley.turns.entries import LogCopy
from parley.turns.log import ResponseLog
from parley.turns.log_batch import FLUSH_EVERY_S
from parley.turns.model import Outcome, Response, Status
from parley.turns.turn import Turn

# A log that is silent for so long may have lost its writer, or its end: then storage is asked how the turn stands.
ASK_AFTER_S = 5.0

# How a turn that is over ended and what it said, by the database; None while it is not over.
LookUp = Callable[[Response], Awaitable[tuple[Outcome, Answer] | None]]


@dataclass(slots=True, eq=False)
class _Followed:
    turn: "ref[Turn]"
    copy: LogCopy
    heard_s: float


class Followers:
    """The turns that this process follows. One that nobody here holds any more is not followed further."""

    def __init__(self, log: ResponseLog, look_up: LookUp, logger: Logger) -> None:
        self._log = log
        self._logger = logger
        self._look_up = look_up
        self._followed: dict[ResponseId, _Followed] = {}
        self._has_work = asyncio.Event()

    async def follow(self, response: Response) -> Turn:
        """The turn as its log has it now; it goes on until the turn ends. Without Valkey it is told once it is settled."""
        followed = self._followed.get(response.response_id)
        turn = followed.turn() if followed else None
        if turn is not None:
            return turn
        turn, copy = Turn(response), LogCopy()
        # Known before it is read: whoever asks meanwhile gets the same turn.
        self._followed[response.response_id] = _Followed(ref(turn), copy, monotonic())
        self._has_work.set()
        with suppress(StorageUnavailable):
            for deltas in await self._log.read_on([(response.user_id, response.response_id, copy)]):
                self._take(turn, deltas, copy.outcome)
        return turn

    async def read_forever(self) -> None:
        while True:
            await self._has_work.wait()
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                with suppress(StorageUnavailable):  # the database may know more; if not, the next time is another try
                    await self._read_on()
                await self._ask_after_silent()
            except Exception as error:  # noqa: BLE001 -- a task is a process edge: a bug in one log must not end the others
                self._logger.error("follower_broke", extra=describe_error(error))

    async def _read_on(self) -> None:
        pairs = [(turn, each) for each in self._followed.values() if (turn := each.turn()) is not None]
        self._followed = {turn.response.response_id: each for turn, each in pairs}
        if not pairs:
            self._has_work.clear()
            return
        batches = await self._log.read_on(
            [(turn.response.user_id, turn.response.response_id, each.copy) for turn, each in pairs]
        )
        for (turn, each), deltas in zip(pairs, batches, strict=True):
            if deltas:
                each.heard_s = monotonic()
            if each.copy.is_retracted:
                turn.retract()
            self._take(turn, deltas, each.copy.outcome)

    async def _ask_after_silent(self) -> None:
        for each in list(self._followed.values()):
            turn = each.turn()
            if turn is None or monotonic() - each.heard_s < ASK_AFTER_S:
                continue
            each.heard_s = monotonic()
            try:
                found = await self._look_up(turn.response)
            except StorageUnavailable:
                continue
            if found is not None:
                outcome, answer = found
                self._take(turn, rest_of(answer, turn.deltas), outcome)

    def _take(self, turn: Turn, deltas: Sequence[Delta], outcome: Outcome | None) -> None:
        if deltas:
            turn.publish(deltas)
        if outcome is not None and turn.outcome is None:
            self._followed.pop(turn.response.response_id, None)
            turn.finish(outcome)


def rest_of(answer: Answer, deltas: list[Delta]) -> list[Delta]:
    """What a reader of `deltas` lacks of the answer; nothing where it is not plain text that continues."""
    said = put_together(deltas)
    if answer.text.startswith(said.text) and len(answer.text) > len(said.text) and not said.tool_calls:
        return [Delta(text=answer.text[len(said.text) :])]
    return []


@asynccontextmanager
async def open_followers(log: ResponseLog, look_up: LookUp, logger: Logger) -> AsyncGenerator[Followers]:
    followers = Followers(log, look_up, logger)
    async with running_beside(followers.read_forever(), "response-log-reader"):
        yield followers


def lost() -> Outcome:
    """The outcome of a turn whose process is gone."""
    error = EngineFailed("The server stopped while it wrote this answer. What it had written is kept.")
    return Outcome(Status.INCOMPLETE, None, error=error)
