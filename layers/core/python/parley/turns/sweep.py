"""Turns whose process died: found, and settled once from what their log holds, or run again where nothing was said yet."""

from collections.abc import Sequence
from contextlib import suppress

from aws_lambda_powertools import Logger

from parley.conversations.model import item_type
from parley.errors import StorageUnavailable
from parley.ids import ResponseId
from parley.kit.postgres import Pool, transaction_for_all
from parley.kit.telemetry import describe_error
from parley.moderation.model import Action, Verdict
from parley.turns.answer import Answer, item_ids_for, put_together
from parley.turns.entries import LogCopy, decode_deltas, entry_fields
from parley.turns.follow import lost
from parley.turns.log import ResponseLog
from parley.turns.log_batch import FLUSH_EVERY_S, HEARTBEAT_EVERY
from parley.turns.model import LAST_LEASE, JudgedItem, Outcome, StopReason, outcome_of_stop
from parley.turns.queue import JobQueue, turn_job
from parley.turns.store.turn import Settlement, settle_turn
from parley.turns.store.unsettled import UnsettledTurn, list_unsettled, list_waiting, queue_again

SWEEP_EVERY_S = 3
# A background turn that nobody has taken for so long was lost on its way.
WAITS_AT_MOST_S = 15 * 60


class Sweeper:
    """Settles abandoned turns as `incomplete`. A turn counts as abandoned when two sweeps in a row, a heartbeat apart, find
    no sign of life: after a restart of Valkey the living have written theirs again by then.
    """

    def __init__(self, jobs_pool: Pool, log: ResponseLog, queue: JobQueue, logger: Logger) -> None:
        self._pool = jobs_pool
        self._log = log
        self._queue = queue
        self._logger = logger
        self._suspects: set[tuple[ResponseId, int]] = set()

    async def sweep(self) -> int:
        """How many turns were settled or queued again. Call it every `SWEEP_EVERY_S`.

        Raises: StorageUnavailable; what was not judged then is judged the next time.
        """
        async with transaction_for_all(self._pool) as connection:
            unsettled = await list_unsettled(connection, older_than_s=HEARTBEAT_EVERY * FLUSH_EVERY_S)
            waiting = await list_waiting(connection, longer_than_s=WAITS_AT_MOST_S)
        alive = await self._log.are_alive([(turn.user_id, turn.response_id) for turn in unsettled])
        silent = [turn for turn, lives in zip(unsettled, alive, strict=True) if not lives]
        abandoned = [turn for turn in silent if (turn.response_id, turn.lease_epoch) in self._suspects]
        self._suspects = {(turn.response_id, turn.lease_epoch) for turn in silent}
        return sum([await self._resolve_alone(turn) for turn in [*abandoned, *waiting]])

    async def _resolve_alone(self, turn: UnsettledTurn) -> bool:
        try:
            return await self._resolve(turn)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 -- one turn that cannot be read must not keep the others from being settled
            self._logger.error("turn_not_swept", extra={"turn_id": str(turn.response_id), **describe_error(error)})
            return False

    async def _resolve(self, turn: UnsettledTurn) -> bool:
        # Should its process thaw, it writes nothing that is not read here.
        await self._log.fence(turn.user_id, turn.response_id, turn.lease_epoch + 1)
        copy = await self._log.read(turn.user_id, turn.response_id)
        has_spoken = copy.deltas or copy.is_retracted or copy.outcome or turn.checkpoint
        if turn.is_background and not has_spoken and turn.lease_epoch < LAST_LEASE:
            return await self._queue_again(turn)
        return await self._settle(turn, copy)

    async def _queue_again(self, turn: UnsettledTurn) -> bool:
        """Nobody has heard a word of it yet, so nobody can tell that it is told anew."""
        async with transaction_for_all(self._pool) as connection:
            is_queued = await queue_again(connection, turn)
        if is_queued:
            self._logger.warning("abandoned_turn_queued_again", extra={"turn_id": str(turn.response_id)})
            await self._queue.send(turn_job(turn.user_id, turn.response_id))
        return is_queued

    async def _settle(self, turn: UnsettledTurn, copy: LogCopy) -> bool:
        is_withheld = copy.is_retracted
        answer, knows_more = (Answer(), False) if is_withheld else _what_is_left(copy, turn.checkpoint)
        contents = answer.items(broke_off=not is_withheld)
        # What was found in it has gone with its process; that it is nobody's to read has not.
        withheld = JudgedItem(turn.output_item_id, Verdict(Action.BLOCK), is_blocked=True)
        # Where only the database was away at its end, the log tells how the turn ended.
        outcome = copy.outcome or (outcome_of_stop(StopReason.WITHHELD) if is_withheld else lost())
        async with transaction_for_all(self._pool) as connection:
            is_settled = await settle_turn(
                connection,
                Settlement(
                    turn.user_id,
                    turn.response_id,
                    turn.model,
                    None,
                    turn.lease_epoch,
                    outcome,
                    item_ids_for(turn.output_item_id, [item_type(each) for each in contents]),
                    contents,
                    judged=[withheld] if is_withheld else (),
                ),
            )
        if is_settled:
            self._logger.warning("abandoned_turn_settled", extra={"turn_id": str(turn.response_id)})
        if is_settled and copy.outcome is None:
            await self._end_log(turn, copy, None if knows_more else outcome)
        return is_settled

    async def _end_log(self, turn: UnsettledTurn, copy: LogCopy, outcome: Outcome | None) -> None:
        """Without an outcome who follows the turn asks the database, which tells each what he lacks: where a checkpoint knew
        more than the log, readers may have heard of it delta by delta.
        """
        entry_id, fields = f"{turn.lease_epoch + 1}-1", entry_fields(len(copy.deltas), (), outcome)
        with suppress(StorageUnavailable):  # who follows the turn asks the database
            await self._log.end(turn.user_id, turn.response_id, entry_id, fields)


def _what_is_left(copy: LogCopy, checkpoint: Sequence[object] | None) -> tuple[Answer, bool]:
    """The longer of what the log and the checkpoint hold, and whether that is the checkpoint."""
    logged = put_together(copy.deltas)
    if checkpoint is None:
        return logged, False
    saved = put_together(decode_deltas(checkpoint))
    knows_more = len(saved.text) + len(saved.reasoning) > len(logged.text) + len(logged.reasoning)
    return (saved, True) if knows_more else (logged, False)
