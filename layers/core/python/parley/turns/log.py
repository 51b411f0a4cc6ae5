"""The response log in Valkey: what turns have said so far, at most 100 ms behind. It is their checkpoint and their replay.

One task a process writes for all its turns, one pipeline at a time: a connection or a command for each chunk would cost more
than the chunk. Per turn there are three keys, on one slot because they share the owner's hash tag: `{user}:resp:ID:log` a
stream of entries, `…:alive` while a process works on the turn, `…:stop` when somebody asked it to stop.

An entry's id is `LEASE_EPOCH-N`, so that Valkey itself refuses what a process writes that has lost its lease.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast
from uuid import UUID

import anyio
from aws_lambda_powertools import Logger

from parley.errors import StorageUnavailable
from parley.ids import ResponseId, UserId
from parley.kit.tasks import running_beside
from parley.kit.telemetry import count_metric, describe_error
from parley.kit.valkey import RedisCluster, RedisError, ResponseError
from parley.models.model import Delta
from parley.turns.answer import put_together, taken_apart
from parley.turns.entries import LogCopy, encode_deltas, entry_fields
from parley.turns.log_batch import (
    ALIVE_FOR_S,
    FLUSH_EVERY_S,
    HEARTBEAT_EVERY,
    UNSETTLED_KEPT_FOR_S,
    LiveLog,
    LogBatch,
    is_refused_id,
    log_key,
)
from parley.turns.model import Outcome
from parley.turns.turn import Run

STOP_KEPT_FOR_S = 60
# While Valkey is away, a turn's text goes to Postgres after so many deltas, or after so long if there is anything new.
CHECKPOINT_DELTAS = 50
CHECKPOINT_EVERY_S = 2.0
# How long the end of a turn waits for Valkey to come back. Who follows it from elsewhere looks into Postgres by then.
END_WAITS_S = 30.0
METRIC_EVERY_S = 10.0
# How long a process that shuts down still waits for the last words of its turns to be in the log.
REST_WITHIN_S = 1.0

# What is raised when Valkey does not answer.
_AWAY = (RedisError, OSError)

# Owner, response, lease epoch and entries of each turn.
Checkpoint = tuple[UserId, ResponseId, int, list[Any]]
SaveCheckpoints = Callable[[Sequence[Checkpoint]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Claim:
    """The earlier request that holds an idempotency key of a turn that is not stored."""

    response_id: ResponseId
    request_hash: bytes


class ResponseLog:
    """Writes the logs of this process's turns and reads those of any. A write that fails is tried again, never waited for."""

    def __init__(
        self, valkey: RedisCluster, logger: Logger, kept_for_s: float, save_checkpoints: SaveCheckpoints | None = None
    ) -> None:
        self._valkey = valkey
        self._logger = logger
        self._kept_for_s = int(kept_for_s)
        self._save_checkpoints = save_checkpoints
        self._live: set[LiveLog] = set()
        self._has_work = asyncio.Event()
        self._is_failing = False
        self._metric_s = float("-inf")

    def open(self, run: Run) -> LiveLog:
        log = LiveLog(run)
        self._live.add(log)
        self._has_work.set()
        return log

    def close(self, log: LiveLog, outcome: Outcome | None) -> None:
        """End the writing: with how the turn was settled or, without, so that the sweeper will settle it from the log."""
        log.outcome = outcome
        log.closed_s = monotonic()
        self._has_work.set()

    async def request_stop(self, user_id: UserId, response_id: ResponseId) -> None:
        """Ask whichever process works on the turn to stop it. Raises: StorageUnavailable when nobody could be told."""
        with _storage_errors("The answer could not be stopped just now. Try again."):
            await self._valkey.set(log_key(user_id, response_id, "stop"), b"1", ex=STOP_KEPT_FOR_S)

    async def is_alive(self, user_id: UserId, response_id: ResponseId) -> bool:
        """Whether some process works on the turn. Raises: StorageUnavailable when that cannot be known."""
        return (await self.are_alive([(user_id, response_id)]))[0]

    async def are_alive(self, turns: Sequence[tuple[UserId, ResponseId]]) -> list[bool]:
        """The same of many turns, in one round trip. Raises: StorageUnavailable."""
        if not turns:
            return []
        with _storage_errors():
            await self._valkey.initialize()
            pipeline = cast("Any", self._valkey.pipeline(transaction=False))
            for user_id, response_id in turns:
                pipeline.exists(log_key(user_id, response_id, "alive"))
            return [bool(count) for count in await pipeline.execute()]

    async def read(self, user_id: UserId, response_id: ResponseId) -> LogCopy:
        """What the log holds of a turn, from its beginning. Raises: StorageUnavailable."""
        copy = LogCopy()
        with _storage_errors():
            copy.take(cast("Any", await self._valkey.xrange(log_key(user_id, response_id, "log"))))
        return copy

    async def read_on(self, followed: Sequence[tuple[UserId, ResponseId, LogCopy]]) -> list[list[Delta]]:
        """What is new in several logs since their copies were taken, in one round trip. Raises: StorageUnavailable."""
        with _storage_errors():
            await self._valkey.initialize()
            pipeline = cast("Any", self._valkey.pipeline(transaction=False))
            for user_id, response_id, copy in followed:
                pipeline.xrange(log_key(user_id, response_id, "log"), copy.next_ids, "+")
            answers = await pipeline.execute()
        return [copy.take(entries) for (_, _, copy), entries in zip(followed, answers, strict=True)]

    async def fence(self, user_id: UserId, response_id: ResponseId, lease_epoch: int) -> None:
        """Let nobody write any more who holds an earlier lease. Raises: StorageUnavailable."""
        key = log_key(user_id, response_id, "log")
        with _storage_errors():
            try:
                await _execute(self._valkey, "XADD", key, f"{lease_epoch}-0", *entry_fields(0, (), None))
            except ResponseError as error:
                if not is_refused_id(error):  # it stands there already
                    raise
            await self._valkey.expire(key, UNSETTLED_KEPT_FOR_S)

    async def end(self, user_id: UserId, response_id: ResponseId, entry_id: str, fields: Sequence[str | bytes]) -> None:
        """Write the last entry for a process that is gone. Raises: StorageUnavailable."""
        key = log_key(user_id, response_id, "log")
        with _storage_errors():
            await _execute(self._valkey, "XADD", key, entry_id, *fields)
            await self._valkey.expire(key, self._kept_for_s)

    @asynccontextmanager
    async def keep_alive(self, user_id: UserId, response_id: ResponseId) -> AsyncGenerator[None]:
        """Within it the turn counts as worked on, though it has no log yet."""

        async def beat_forever() -> None:
            while True:
                with suppress(*_AWAY):
                    await self._valkey.set(log_key(user_id, response_id, "alive"), b"1", ex=ALIVE_FOR_S)
                await asyncio.sleep(HEARTBEAT_EVERY * FLUSH_EVERY_S)

        async with running_beside(beat_forever(), "heartbeat"):
            yield

    async def forget(self, user_id: UserId, response_id: ResponseId) -> None:
        """Delete all that is kept of a turn here. Raises: StorageUnavailable."""
        with _storage_errors():
            await self._valkey.delete(*(log_key(user_id, response_id, name) for name in ("log", "alive", "stop")))

    async def claim(self, user_id: UserId, key_hash: str, mine: Claim) -> Claim | None:
        """Take an idempotency key for a turn that is not stored; the earlier claim where there is one.

        Raises: StorageUnavailable.
        """
        key = f"{{{user_id.hex}}}:idem:{key_hash}"
        value = f"{mine.response_id.hex}{mine.request_hash.hex()}"
        with _storage_errors():
            earlier = cast("Any", await self._valkey.set(key, value, nx=True, get=True, ex=self._kept_for_s))
        if earlier is None:
            return None
        text = cast("bytes", earlier).decode()
        return Claim(ResponseId(UUID(hex=text[:32])), bytes.fromhex(text[32:]))

    async def release(self, user_id: UserId, key_hash: str) -> None:
        """Give the key of a turn back that said nothing. Raises: StorageUnavailable."""
        with _storage_errors():
            await self._valkey.delete(f"{{{user_id.hex}}}:idem:{key_hash}")

    async def write_forever(self) -> None:
        while True:
            await self._has_work.wait()
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                try:
                    await self._flush()
                except _AWAY as error:
                    await self._note_failure(error)
            except Exception as error:  # noqa: BLE001 -- a task is a process edge: a bug in one log must not end the others
                self._logger.error("response_log_broke", extra=describe_error(error))

    async def write_rest(self) -> None:
        """Returns once the ends of all turns that are over are written; with Valkey away, soon."""
        with anyio.move_on_after(REST_WITHIN_S, shield=True):
            while any(log.closed_s is not None for log in self._live):  # noqa: ASYNC110 -- at a shutdown only
                await asyncio.sleep(FLUSH_EVERY_S / 2)

    async def _flush(self) -> None:
        if not self._live:
            self._has_work.clear()
            return
        await self._valkey.initialize()  # asks for the cluster's slots where they are not known
        batch = LogBatch(self._valkey, self._kept_for_s)
        for log in self._live:
            batch.write(log)
        await batch.execute()
        self._is_failing = False
        self._live = {log for log in self._live if log.closed_s is None or log.has_news}

    async def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:
            self._logger.warning("response_log_unavailable", extra=describe_error(error))
        self._is_failing = True
        now_s = monotonic()
        if now_s - self._metric_s > METRIC_EVERY_S:
            self._metric_s = now_s
            count_metric(self._logger, "ResponseLogUnavailable")
        self._live = {log for log in self._live if log.closed_s is None or now_s - log.closed_s < END_WAITS_S}
        await self._checkpoint(now_s)

    async def _checkpoint(self, now_s: float) -> None:
        """Postgres stands in while Valkey is away: one call for all turns that have something to lose."""
        due = [log for log in self._live if log.outcome is None and _is_due(log, now_s)]
        if not due or self._save_checkpoints is None:
            return
        rows, counts = [_checkpoint_of(log) for log in due], [len(log.run.turn.deltas) for log in due]
        try:
            await self._save_checkpoints(rows)
        except StorageUnavailable:
            return  # the next time is another try
        for log, count in zip(due, counts, strict=True):
            log.saved, log.saved_s = count, now_s


async def _execute(valkey: RedisCluster, *command: str | bytes) -> Any:
    return await cast("Any", valkey).execute_command(*command)


@contextmanager
def _storage_errors(message: str = "Valkey does not answer.") -> Generator[None]:
    try:
        yield
    except _AWAY as error:
        raise StorageUnavailable(message, retry_after_s=1) from error


def _is_due(log: LiveLog, now_s: float) -> bool:
    new = len(log.run.turn.deltas) - log.saved
    return new >= CHECKPOINT_DELTAS or (new > 0 and now_s - log.saved_s >= CHECKPOINT_EVERY_S)


def _checkpoint_of(log: LiveLog) -> Checkpoint:
    turn = log.run.turn
    said = encode_deltas(taken_apart(put_together(turn.deltas).contents))
    return turn.response.user_id, turn.response.response_id, log.run.lease_epoch, said


@asynccontextmanager
async def open_response_log(
    valkey: RedisCluster, logger: Logger, kept_for_s: float, save_checkpoints: SaveCheckpoints | None = None
) -> AsyncGenerator[ResponseLog]:
    """The log, with its writer running. It is kept for `kept_for_s` after the end of a turn.

    `save_checkpoints` is where text goes while Valkey is away.
    """
    log = ResponseLog(valkey, logger, kept_for_s, save_checkpoints)
    async with running_beside(log.write_forever(), "response-log-writer"):
        try:
            yield log
        finally:
            await log.write_rest()
