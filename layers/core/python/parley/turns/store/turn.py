"""The two short statements of a turn: one when it begins and one when it settles. Their bodies are functions of the schema."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from types import MappingProxyType
from typing import Any

import orjson
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from parley.conversations.model import (
    ItemContent,
    ItemStatus,
    Message,
    content_to_json,
    item_type,
)
from parley.ids import ItemId, ResponseId, UserId
from parley.kit.postgres import Connection
from parley.moderation.model import verdict_to_json
from parley.turns.answer import item_statuses_for
from parley.turns.model import Idempotency, JudgedItem, Outcome, Response, Status
from parley.turns.store.history import OpenConversation, busy


@dataclass(frozen=True, slots=True)
class NewTurn:
    """What `record_turn` writes. `token_counts` belong to the response's input items, by `tokenizer`.

    `job`: what a background turn is run with later; it begins `queued` then.
    """

    response: Response
    tokenizer: str
    token_counts: Sequence[int | None]
    title: str | None
    idempotency: Idempotency | None = None
    job: Mapping[str, Any] | None = None

    @property
    def contents(self) -> list[ItemContent]:
        return [content for _, content in self.response.input_items]


async def record_turn(connection: Connection, conversation: OpenConversation, turn: NewTurn, window_start: int) -> bool:
    """Store what the user said, the response and where the prompt's window starts, in one statement.

    False, and nothing stored, when the conversation has changed since it was read.
    Raises: ConversationBusy when another turn runs in it, or one with this idempotency key.
    """
    response, contents = turn.response, turn.contents
    document = {
        "response_id": response.response_id,
        "output_item_id": response.output_item_id,
        "model": response.model,
        "tokenizer": turn.tokenizer,
        "status": Status.QUEUED if turn.job is not None else Status.IN_PROGRESS,
        "created_at": response.created_at,
        "previous_response_id": response.previous_response_id,
        "instructions": response.instructions,
        "request": response.request,
        "is_background": response.is_background,
        "job": turn.job,
        # Nobody holds the lease of a turn that waits.
        "lease_epoch": 1 if turn.job is None else 0,
        "idempotency_key": turn.idempotency.key if turn.idempotency else None,
        "request_hash": turn.idempotency.request_hash.hex() if turn.idempotency else None,
    }
    try:
        cursor = await connection.execute(
            "SELECT record_turn(%s, %s, %s, %s, %s, %s::json, %s::json)",
            (
                response.user_id,
                conversation.conversation_id,
                conversation.next_sequence,
                window_start,
                turn.title,
                orjson.dumps(document).decode(),
                _rows(
                    [item_id for item_id, _ in response.input_items],
                    contents,
                    repeat("completed", len(contents)),
                    turn.token_counts,
                ),
            ),
        )
    except UniqueViolation as error:
        if error.diag.constraint_name not in {"responses_unsettled", "responses_idempotency"}:
            raise
        raise busy() from None
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _rows(
    item_ids: Iterable[ItemId],
    contents: Iterable[ItemContent],
    statuses: Iterable[ItemStatus],
    token_counts: Iterable[int | None],
    judged: Mapping[ItemId | None, JudgedItem] = MappingProxyType({}),
) -> str:
    """Items as one JSON parameter: an array for each column was most of psycopg's work on the statement."""
    rows = [
        {
            "position": position,
            "item_id": item_id,
            "type": item_type(content),
            "role": content.role if isinstance(content, Message) else None,
            "status": status,
            "content": content_to_json(content),
            "token_count": token_count,
            **(_finding(judged[item_id]) if item_id in judged else {}),
        }
        for position, (item_id, content, status, token_count) in enumerate(
            zip(item_ids, contents, statuses, token_counts, strict=True), 1
        )
    ]
    return orjson.dumps(rows).decode()


def _finding(judged: JudgedItem) -> dict[str, Any]:
    return {"verdict": verdict_to_json(judged.verdict), "is_blocked": judged.is_blocked}


async def move_turn(
    connection: Connection, user_id: UserId, response_id: ResponseId, lease_epoch: int, model: str
) -> None:
    """Let whoever reads of the turn while it runs know which model answers; settling says it again. For its lease's holder."""
    await connection.execute(
        "UPDATE responses SET model = %s "
        "WHERE user_id = %s AND response_id = %s AND lease_epoch = %s AND status = 'in_progress'",
        (model, user_id, response_id, lease_epoch),
    )


@dataclass(frozen=True, slots=True)
class Settlement:
    """How a turn is settled by the holder of its lease. `item_ids` belong to `contents`.

    `model` is the one that answered, and `tokenizer` what its usage is counted by; None where nobody knows any more.
    """

    user_id: UserId
    response_id: ResponseId
    model: str
    tokenizer: str | None
    lease_epoch: int
    outcome: Outcome
    item_ids: Sequence[ItemId]
    contents: Sequence[ItemContent]
    receipt: Mapping[str, Any] | None = None
    cost_usd_micros: int | None = None
    judged: Sequence[JudgedItem] = ()


async def settle_turn(connection: Connection, settlement: Settlement) -> bool:
    """End the turn once: False, and nothing written, when it is settled or deleted, or its lease is another's.

    The function in the database acts for the owner by itself: this is one statement, and needs no transaction round it.
    """
    outcome, usage, contents = settlement.outcome, settlement.outcome.usage, settlement.contents
    # Of several items the share of each is not known: they are counted when a prompt needs them.
    is_counted = usage is not None and settlement.tokenizer is not None and len(contents) == 1
    token_count = usage.completion_tokens if usage and is_counted else None
    end = {
        "status": outcome.status.value,
        "finish_reason": outcome.finish_reason,
        "error_code": outcome.error.code if outcome.error else None,
        "prompt_tokens": usage.prompt_tokens if usage else None,
        "cached_tokens": usage.cached_tokens if usage else None,
        "completion_tokens": usage.completion_tokens if usage else None,
        "model": settlement.model,
        "tokenizer": settlement.tokenizer,
        "cost_usd_micros": settlement.cost_usd_micros,
        "verdicts": [each.to_json() for each in settlement.judged if _is_stored_already(each, settlement)] or None,
        "reviews": [each.review for each in settlement.judged if each.review is not None] or None,
    }
    cursor = await connection.execute(
        "SELECT settle_turn(%s, %s, %s, %s::json, %s, %s::json)",
        (
            settlement.user_id,
            settlement.response_id,
            settlement.lease_epoch,
            orjson.dumps(end).decode(),
            Jsonb(settlement.receipt) if settlement.receipt is not None else None,
            _rows(
                settlement.item_ids,
                contents,
                item_statuses_for(contents, outcome.status),
                [token_count] * len(contents),
                {each.item_id: each for each in settlement.judged},
            ),
        ),
    )
    row = await cursor.fetchone()
    return row is not None and bool(row[0])


def _is_stored_already(judged: JudgedItem, settlement: Settlement) -> bool:
    """Whether it is about an item of the conversation, not one that is written now."""
    return judged.item_id is not None and judged.item_id not in settlement.item_ids
