"""Turns whose process died: found, and settled once from what their log holds."""

from aws_lambda_powertools import Logger

from parley.errors import EngineFailed
from parley.ids import ResponseId
from parley.kit.postgres import Pool, transaction_for_all
from parley.turns import store
from parley.turns.log import FLUSH_EVERY_S, HEARTBEAT_EVERY, ResponseLog
from parley.turns.model import Outcome, Status, put_together
from parley.turns.service import item_ids_for

SWEEP_EVERY_S = 3


class Sweeper:
    """Settles abandoned turns as `incomplete`. A turn counts as abandoned when two sweeps in a row, a heartbeat apart, find
    no sign of life: after a restart of Valkey the living have written theirs again by then.
    """

    def __init__(self, jobs_pool: Pool, log: ResponseLog, logger: Logger) -> None:
        self._pool = jobs_pool
        self._log = log
        self._logger = logger
        self._suspects: set[ResponseId] = set()

    async def sweep(self) -> int:
        """How many turns were settled. Call it every `SWEEP_EVERY_S`. Raises: StorageUnavailable; then nothing was judged."""
        async with transaction_for_all(self._pool) as connection:
            unsettled = await store.list_unsettled(connection, older_than_s=HEARTBEAT_EVERY * FLUSH_EVERY_S)
        silent = [turn for turn in unsettled if not await self._log.is_alive(turn.user_id, turn.response_id)]
        abandoned = [turn for turn in silent if turn.response_id in self._suspects]
        self._suspects = {turn.response_id for turn in silent}
        return sum([await self._settle(turn) for turn in abandoned])

    async def _settle(self, turn: store.UnsettledTurn) -> bool:
        answer = put_together(await self._log.read(turn.user_id, turn.response_id))
        has_output = bool(answer.text or answer.tool_calls)
        contents = answer.contents() if has_output else ()
        error = EngineFailed("The server stopped while it wrote this answer. What it had written is kept.")
        async with transaction_for_all(self._pool) as connection:
            is_settled = await store.settle_turn(
                connection,
                turn.user_id,
                turn.response_id,
                Outcome(Status.INCOMPLETE, None, error=error),
                model=turn.model,
                item_ids=item_ids_for(turn.output_item_id, len(contents)),
                contents=contents,
            )
        if is_settled:
            self._logger.warning("abandoned_turn_settled", extra={"turn_id": str(turn.response_id)})
        return is_settled
