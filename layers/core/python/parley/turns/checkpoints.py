"""Where the text of turns goes while Valkey is away."""

from collections.abc import Sequence

from parley.kit.postgres import Pool, transaction_for_all
from parley.turns.log import Checkpoint, SaveCheckpoints
from parley.turns.store.unsettled import save_checkpoints


def checkpoints_in(pool: Pool) -> SaveCheckpoints:
    """Into the rows of the turns themselves."""

    async def save(rows: Sequence[Checkpoint]) -> None:
        async with transaction_for_all(pool) as connection:
            await save_checkpoints(connection, rows)

    return save
