"""Turns that are not over: those that wait, those whose process may be gone, and what they had said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from parley.ids import ItemId, ResponseId, UserId
from parley.kit.postgres import Connection
from parley.turns.model import StoredResponse
from parley.turns.store.responses import get_response


@dataclass(frozen=True, slots=True)
class QueuedTurn:
    """A background turn that this process has taken: who holds its lease runs it."""

    stored: StoredResponse
    job: Mapping[str, Any]


async def take_turn(connection: Connection, user_id: UserId, response_id: ResponseId) -> QueuedTurn | None:
    """Take a queued turn, for one process alone; None when it is queued no more, or gone."""
    cursor = await connection.execute(
        """
        UPDATE responses SET status = 'in_progress', lease_epoch = lease_epoch + 1
        WHERE user_id = %s AND response_id = %s AND status = 'queued'
        RETURNING job
        """,
        (user_id, response_id),
    )
    row = await cursor.fetchone()
    return QueuedTurn(await get_response(connection, user_id, response_id), row[0]) if row else None


async def save_checkpoints(
    connection: Connection, checkpoints: Sequence[tuple[UserId, ResponseId, int, Sequence[Any]]]
) -> None:
    """What turns have said so far, as their log would hold it: owner, response, lease epoch and entries of each."""
    rows = [
        {"user_id": user_id, "response_id": response_id, "lease_epoch": epoch, "said": said}
        for user_id, response_id, epoch, said in checkpoints
    ]
    await connection.execute("SELECT save_checkpoints(%s::json)", (orjson.dumps(rows).decode(),))


@dataclass(frozen=True, slots=True)
class UnsettledTurn:
    """`checkpoint` is what the turn had said while Valkey was away, None where it never was."""

    user_id: UserId
    response_id: ResponseId
    output_item_id: ItemId
    model: str
    lease_epoch: int
    is_background: bool
    checkpoint: Sequence[Any] | None


async def list_unsettled(connection: Connection, older_than_s: float, limit: int = 5000) -> list[UnsettledTurn]:
    """Turns of all users that are in progress and began longer ago than that; for the role `parley_jobs`.

    What began in the future did so by a clock that is wrong, and may be of any age.
    """
    cursor = await connection.execute(
        """
        SELECT user_id, response_id, output_item_id, model, lease_epoch, is_background, checkpoint FROM responses
        WHERE status = 'in_progress'
            AND (created_at < now() - make_interval(secs => %s) OR created_at > now() + interval '5 seconds')
        ORDER BY created_at
        LIMIT %s
        """,
        (older_than_s, limit),
    )
    return [UnsettledTurn(*row) for row in await cursor.fetchall()]


async def list_waiting(connection: Connection, longer_than_s: float, limit: int = 500) -> list[UnsettledTurn]:
    """Background turns that nobody has taken for so long that their message must be lost; for the role `parley_jobs`.

    Each time one is queued again it may wait as long again.
    """
    cursor = await connection.execute(
        """
        SELECT user_id, response_id, output_item_id, model, lease_epoch, is_background, checkpoint FROM responses
        WHERE status = 'queued' AND created_at < now() - (lease_epoch + 1) * make_interval(secs => %s)
        ORDER BY created_at
        LIMIT %s
        """,
        (longer_than_s, limit),
    )
    return [UnsettledTurn(*row) for row in await cursor.fetchall()]


async def queue_again(connection: Connection, turn: UnsettledTurn) -> bool:
    """Let another process take the turn; whoever held it has lost its lease. False when that has changed meanwhile."""
    cursor = await connection.execute(
        """
        UPDATE responses SET status = 'queued', lease_epoch = lease_epoch + 1
        WHERE user_id = %s AND response_id = %s AND lease_epoch = %s AND status IN ('queued', 'in_progress')
        """,
        (turn.user_id, turn.response_id, turn.lease_epoch),
    )
    return cursor.rowcount == 1
