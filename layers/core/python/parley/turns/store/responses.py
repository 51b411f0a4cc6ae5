"""Stored responses, as their owner reads and deletes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parley.conversations.model import (
    ItemContent,
    ItemQuery,
    ListedItem,
    content_from_json,
)
from parley.errors import NotFound
from parley.ids import ItemId, ResponseId, UserId
from parley.kit.postgres import Connection
from parley.models.model import Usage
from parley.turns.model import Idempotency, Response, Status, StoredResponse
from parley.turns.store.history import ITEMS_LIMIT, find_link, item_from_row

# How long a request that the client sends again, without a key, is known by what it says.
REPEAT_WINDOW_S = 120


async def get_response(connection: Connection, user_id: UserId, response_id: ResponseId) -> StoredResponse:
    """Without its output. Raises: NotFound for an unknown or another user's response."""
    cursor = await connection.execute(
        """
        SELECT response_id, user_id, model, responses.created_at, output_item_id, conversation_id,
            conversations.is_listed, previous_response_id, instructions, request, is_background, status,
            -- What was taken back, and approved by a reviewer since, is an answer that broke off.
            CASE WHEN finish_reason <> 'withheld' OR NOT EXISTS (
                SELECT FROM items
                WHERE items.user_id = responses.user_id AND items.item_id = output_item_id AND NOT is_blocked
            ) THEN finish_reason END,
            error_code, prompt_tokens, completion_tokens, cached_tokens, settled_at, lease_epoch
        FROM responses JOIN conversations USING (user_id, conversation_id)
        WHERE user_id = %s AND response_id = %s
        """,
        (user_id, response_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such response.", param="response_id")
    return _stored_response(row)


def _stored_response(row: Sequence[Any]) -> StoredResponse:
    *facts, previous_id, instructions, request, is_background = row[:11]
    status, finish_reason, error_code, *tokens, settled_at, lease_epoch = row[11:]
    response = Response(
        *facts,
        previous_response_id=previous_id,
        instructions=instructions,
        request=request,
        is_background=is_background,
    )
    return StoredResponse(
        response,
        Status(status),
        finish_reason,
        error_code,
        Usage(*tokens) if tokens[0] is not None else None,
        settled_at,
        lease_epoch=lease_epoch,
    )


async def read_output(connection: Connection, user_id: UserId, response_id: ResponseId) -> list[ItemContent]:
    """What a settled response said, in order."""
    cursor = await connection.execute(
        """
        SELECT type, role, content FROM items
        WHERE user_id = %s AND response_id = %s
        ORDER BY sequence
        LIMIT %s
        """,
        (user_id, response_id, ITEMS_LIMIT),
    )
    return [content_from_json(*row) for row in await cursor.fetchall()]


async def list_input_items(
    connection: Connection, user_id: UserId, response_id: ResponseId, query: ItemQuery
) -> list[ListedItem]:
    """The items that the request of a response added, in the query's order, at most its limit."""
    cursor = await connection.execute(
        """
        SELECT items.conversation_id, item_id, sequence, type, role, items.status, content, items.response_id,
            token_count, tokenizer, items.created_at, verdict IS NOT NULL
        FROM responses JOIN items USING (user_id, conversation_id)
        WHERE responses.user_id = %(user_id)s AND responses.response_id = %(response_id)s
            AND sequence >= input_from_sequence AND sequence < input_to_sequence
        ORDER BY sequence
        """,
        {"user_id": user_id, "response_id": response_id},
    )
    items = [item_from_row(row[0], row[1:]) for row in await cursor.fetchall()]
    if query.order == "desc":
        items.reverse()
    if query.after is not None:
        places = [place for place, item in enumerate(items) if item.item_id == query.after.item_id]
        if not places:
            raise NotFound("No such item among the input of this response.", param="after")
        items = items[places[0] + 1 :]
    return [ListedItem(item) for item in items[: query.limit]]


async def list_input_contents(
    connection: Connection, user_id: UserId, response_id: ResponseId
) -> list[tuple[ItemId, ItemContent]]:
    """Ids and contents of the items that the request of a response added."""
    found = await list_input_items(connection, user_id, response_id, ItemQuery(limit=ITEMS_LIMIT, order="asc"))
    return [(listed.item.item_id, listed.item.content) for listed in found]


async def get_receipt(connection: Connection, user_id: UserId, response_id: ResponseId) -> Mapping[str, Any] | None:
    """What was noted of the turn when it settled; None until then. Raises: NotFound."""
    cursor = await connection.execute(
        "SELECT receipt FROM responses WHERE user_id = %s AND response_id = %s", (user_id, response_id)
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such response.", param="response_id")
    return row[0]


async def delete_response(connection: Connection, user_id: UserId, response_id: ResponseId) -> None:
    """Delete a settled response: of a chain with what it was asked and said, else its items stay in their conversation.

    Raises: NotFound, ConversationBusy while it runs.
    """
    link = await find_link(connection, user_id, response_id, locks=True)
    parameters = {"user_id": user_id, "response_id": response_id, "conversation_id": link.conversation_id}
    if not link.is_listed:
        await connection.execute(
            """
            DELETE FROM items USING responses
            WHERE items.user_id = %(user_id)s AND items.conversation_id = %(conversation_id)s
                AND responses.user_id = %(user_id)s AND responses.response_id = %(response_id)s
                AND (
                    items.response_id = %(response_id)s
                    OR (items.sequence >= input_from_sequence AND items.sequence < input_to_sequence)
                )
            """,
            parameters,
        )
    await connection.execute(
        "DELETE FROM responses WHERE user_id = %(user_id)s AND response_id = %(response_id)s", parameters
    )
    await connection.execute(
        """
        DELETE FROM conversations
        WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s AND NOT is_listed
            AND NOT EXISTS (
                SELECT FROM responses
                WHERE responses.user_id = %(user_id)s AND responses.conversation_id = %(conversation_id)s
            )
        """,
        parameters,
    )


@dataclass(frozen=True, slots=True)
class Repeat:
    """An earlier request that a new one repeats."""

    response_id: ResponseId
    request_hash: bytes


async def find_repeat(connection: Connection, user_id: UserId, idempotency: Idempotency) -> Repeat | None:
    """The response of the request with the same key or, of a client that tries again without one, that said the same."""
    if idempotency.key is not None:
        cursor = await connection.execute(
            "SELECT response_id, request_hash FROM responses WHERE user_id = %s AND idempotency_key = %s LIMIT 1",
            (user_id, idempotency.key),
        )
    else:
        cursor = await connection.execute(
            """
            SELECT response_id, request_hash FROM responses
            -- Ids sort by time, and the primary key by them.
            WHERE user_id = %s AND response_id > uuidv7(make_interval(secs => -%s::float))
                AND request_hash = %s AND status <> 'failed'
            ORDER BY response_id DESC
            LIMIT 1
            """,
            (user_id, REPEAT_WINDOW_S, idempotency.request_hash),
        )
    row = await cursor.fetchone()
    return Repeat(row[0], bytes(row[1])) if row else None
