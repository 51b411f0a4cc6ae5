"""The SQL of a turn: two short transactions, one when it begins and one when it settles."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from psycopg.errors import UniqueViolation

from parley.conversations.model import Item, ItemContent, Message, content_from_json, content_to_json, item_type
from parley.errors import ConversationBusy, NotFound
from parley.ids import ConversationId, ItemId, ResponseId, UserId
from parley.kit.postgres import Connection
from parley.models.model import Usage
from parley.turns.model import Outcome, Response, Status

# Far more than any context holds; a conversation of more items starts its window at the newest of them.
ITEMS_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A conversation locked for one transaction, with the items its next prompt is made of, in order of sequence."""

    conversation_id: ConversationId
    next_sequence: int
    window_start: int
    items: Sequence[Item]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class NewTurn:
    """What `insert_turn` writes. `token_counts` belong to `contents`, by the tokenizer of `model`."""

    user_id: UserId
    response_id: ResponseId
    output_item_id: ItemId
    model: str
    item_ids: Sequence[ItemId]
    contents: Sequence[ItemContent]
    token_counts: Sequence[int | None]
    title: str | None


async def open_conversation(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, replaces: ItemId | None = None
) -> OpenConversation:
    """Lock the conversation and read it; with `replaces`, first delete that user item and everything after it.

    Raises: NotFound for an unknown or another user's conversation or item; ConversationBusy while a turn of it runs.
    """
    cursor = await connection.execute(
        """
        SELECT conversations.next_sequence, conversations.context_from_sequence,
            EXISTS (
                SELECT FROM responses
                WHERE responses.user_id = conversations.user_id
                    AND responses.conversation_id = conversations.conversation_id
                    AND responses.status = 'in_progress'
            ),
            now()
        FROM conversations
        WHERE conversations.user_id = %s AND conversations.conversation_id = %s
        FOR UPDATE
        """,
        (user_id, conversation_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such conversation.", param="conversation_id")
    next_sequence, window_start, is_busy, read_at = row
    if is_busy:
        raise _busy()
    if replaces is not None:
        replaced_sequence = await _delete_from(connection, user_id, conversation_id, replaces)
        # An edit of what the window has dropped already looks at the whole history again.
        window_start = window_start if replaced_sequence > window_start else 1
    items = await _read_items(connection, user_id, conversation_id, window_start)
    return OpenConversation(conversation_id, next_sequence, window_start, items, read_at)


def _busy() -> ConversationBusy:
    message = "Another answer is being written in this conversation. Wait for it or stop it."
    return ConversationBusy(message, retry_after_s=1)


async def _delete_from(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, item_id: ItemId
) -> int:
    cursor = await connection.execute(
        """
        WITH edited AS (
            SELECT sequence FROM items
            WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s AND item_id = %(item_id)s AND role = 'user'
        )
        DELETE FROM items USING edited
        WHERE items.user_id = %(user_id)s AND items.conversation_id = %(conversation_id)s
            AND items.sequence >= edited.sequence
        RETURNING edited.sequence
        """,
        {"user_id": user_id, "conversation_id": conversation_id, "item_id": item_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such message of yours in this conversation.", param="replaces_item_id")
    return row[0]


async def _read_items(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, window_start: int
) -> Sequence[Item]:
    """The window's items and the instructions before it."""
    cursor = await connection.execute(
        """
        SELECT item_id, sequence, type, role, status, content, response_id, token_count, tokenizer, created_at
        FROM items
        WHERE user_id = %s AND conversation_id = %s AND (sequence >= %s OR role IN ('system', 'developer'))
        ORDER BY sequence DESC
        LIMIT %s
        """,
        (user_id, conversation_id, window_start, ITEMS_LIMIT),
    )
    rows = await cursor.fetchall()
    return [_item(conversation_id, row) for row in reversed(rows)]


def _item(conversation_id: ConversationId, row: Sequence[Any]) -> Item:
    item_id, sequence, kind, role, status, content, response_id, token_count, tokenizer, created_at = row
    return Item(
        item_id,
        conversation_id,
        sequence,
        content_from_json(kind, role, content),
        status,
        created_at,
        response_id,
        token_count,
        tokenizer,
    )


async def drop_failed_repeat(
    connection: Connection, user_id: UserId, conversation: OpenConversation, contents: Sequence[ItemContent]
) -> OpenConversation:
    """The conversation without its last items, where they say what `contents` say and their turn failed before its answer.

    The SDKs send a request again after a 5xx: what was said once stands once.
    """
    last = conversation.items[-len(contents) :]
    if [item.content for item in last] != list(contents):
        return conversation
    cursor = await connection.execute(
        """
        DELETE FROM items
        WHERE user_id = %(user_id)s AND item_id = ANY(%(item_ids)s) AND (
            SELECT status FROM responses
            WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s
            ORDER BY created_at DESC
            LIMIT 1
        ) = 'failed'
        """,
        {
            "user_id": user_id,
            "conversation_id": conversation.conversation_id,
            "item_ids": [item.item_id for item in last],
        },
    )
    return replace(conversation, items=conversation.items[: -len(contents)]) if cursor.rowcount else conversation


async def save_token_counts(
    connection: Connection, user_id: UserId, tokenizer: str, token_counts: Sequence[tuple[ItemId, int]]
) -> None:
    await connection.execute(
        """
        UPDATE items SET token_count = counted.token_count, tokenizer = %s
        FROM unnest(%s::uuid[], %s::integer[]) AS counted (item_id, token_count)
        WHERE items.user_id = %s AND items.item_id = counted.item_id
        """,
        (tokenizer, [item_id for item_id, _ in token_counts], [count for _, count in token_counts], user_id),
    )


async def insert_turn(connection: Connection, conversation: OpenConversation, turn: NewTurn, window_start: int) -> None:
    """Store what the user said, an `in_progress` response and where the prompt's window starts, in one statement.

    Raises: ConversationBusy when another turn began while this one waited for the conversation's lock.
    """
    try:
        await _insert_turn(connection, conversation, turn, window_start)
    except UniqueViolation as error:
        if error.diag.constraint_name != "responses_in_progress":
            raise
        raise _busy() from None


async def _insert_turn(
    connection: Connection, conversation: OpenConversation, turn: NewTurn, window_start: int
) -> None:
    await connection.execute(
        """
        WITH turn AS (
            INSERT INTO responses (user_id, response_id, conversation_id, output_item_id, model, status)
            VALUES (%(user_id)s, %(response_id)s, %(conversation_id)s, %(output_item_id)s, %(model)s, 'in_progress')
        ), moved AS (
            UPDATE conversations
            SET next_sequence = next_sequence + %(count)s,
                context_from_sequence = %(window_start)s,
                title = COALESCE(title, %(title)s),
                updated_at = now()
            WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s
        )
        INSERT INTO items
            (user_id, item_id, conversation_id, sequence, type, role, status, content, token_count, tokenizer)
        SELECT %(user_id)s, item_id, %(conversation_id)s, %(next_sequence)s + position - 1,
            type, role, 'completed', content, token_count, CASE WHEN token_count IS NOT NULL THEN %(tokenizer)s END
        FROM json_to_recordset(%(items)s::json) AS new_items
            (position integer, item_id uuid, type text, role text, content jsonb, token_count integer)
        """,
        {
            "user_id": turn.user_id,
            "response_id": turn.response_id,
            "conversation_id": conversation.conversation_id,
            "output_item_id": turn.output_item_id,
            "model": turn.model,
            "count": len(turn.contents),
            "window_start": window_start,
            "title": turn.title,
            "next_sequence": conversation.next_sequence,
            "tokenizer": turn.model,
            "items": _rows(turn.item_ids, turn.contents, turn.token_counts),
        },
    )


def _rows(item_ids: Sequence[ItemId], contents: Sequence[ItemContent], token_counts: Iterable[int | None]) -> str:
    """Items as one JSON parameter: an array for each column was most of psycopg's work on the statement."""
    rows = [
        {
            "position": position,
            "item_id": item_id,
            "type": item_type(content),
            "role": content.role if isinstance(content, Message) else None,
            "content": content_to_json(content),
            "token_count": token_count,
        }
        for position, (item_id, content, token_count) in enumerate(
            zip(item_ids, contents, token_counts, strict=True), 1
        )
    ]
    return orjson.dumps(rows).decode()


async def settle_turn(
    connection: Connection,
    user_id: UserId,
    response_id: ResponseId,
    outcome: Outcome,
    *,
    model: str,
    item_ids: Sequence[ItemId],
    contents: Sequence[ItemContent],
) -> bool:
    """End the turn once: False, and nothing written, when it is not in progress any more (settled, or deleted)."""
    usage = outcome.usage
    cursor = await connection.execute(
        """
        WITH settled AS (
            UPDATE responses
            SET status = %(status)s, finish_reason = %(finish_reason)s, error_code = %(error_code)s,
                prompt_tokens = %(prompt_tokens)s, cached_tokens = %(cached_tokens)s,
                completion_tokens = %(completion_tokens)s, settled_at = now()
            WHERE user_id = %(user_id)s AND response_id = %(response_id)s AND status = 'in_progress'
            RETURNING conversation_id
        ), moved AS (
            UPDATE conversations
            SET next_sequence = next_sequence + %(count)s, updated_at = now()
            FROM settled
            WHERE conversations.user_id = %(user_id)s AND conversations.conversation_id = settled.conversation_id
            RETURNING conversations.conversation_id, conversations.next_sequence - %(count)s AS first_sequence
        ), stored AS (
            INSERT INTO items
                (user_id, item_id, conversation_id, sequence, response_id, type, role, status, content,
                 token_count, tokenizer)
            SELECT %(user_id)s, item_id, moved.conversation_id, moved.first_sequence + position - 1,
                %(response_id)s, type, role, %(item_status)s, content, token_count,
                CASE WHEN token_count IS NOT NULL THEN %(tokenizer)s END
            FROM moved, json_to_recordset(%(items)s::json) AS new_items
                (position integer, item_id uuid, type text, role text, content jsonb, token_count integer)
        )
        SELECT count(*) FROM settled
        """,
        {
            "user_id": user_id,
            "response_id": response_id,
            "status": outcome.status.value,
            "finish_reason": outcome.finish_reason,
            "error_code": outcome.error.code if outcome.error else None,
            "prompt_tokens": usage.prompt_tokens if usage else None,
            "cached_tokens": usage.cached_tokens if usage else None,
            "completion_tokens": usage.completion_tokens if usage else None,
            "count": len(contents),
            "item_status": "completed" if outcome.status is Status.COMPLETED else "incomplete",
            "tokenizer": model,
            # Of several items the share of each is not known: they are counted when a prompt needs them.
            "items": _rows(
                item_ids, contents, [usage.completion_tokens if usage and len(contents) == 1 else None] * len(contents)
            ),
        },
    )
    row = await cursor.fetchone()
    return row is not None and row[0] == 1


async def get_response(connection: Connection, user_id: UserId, response_id: ResponseId) -> Response:
    """Raises: NotFound for an unknown or another user's response."""
    cursor = await connection.execute(
        """
        SELECT conversation_id, output_item_id, model, status, finish_reason, error_code,
            prompt_tokens, completion_tokens, cached_tokens, created_at
        FROM responses
        WHERE user_id = %s AND response_id = %s
        """,
        (user_id, response_id),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such response.", param="response_id")
    conversation_id, output_item_id, model, status, finish_reason, error_code, *tokens, created_at = row
    usage = Usage(*tokens) if tokens[0] is not None else None
    return Response(
        response_id,
        conversation_id,
        output_item_id,
        model,
        Status(status),
        finish_reason,
        error_code,
        usage,
        created_at,
    )


@dataclass(frozen=True, slots=True)
class UnsettledTurn:
    user_id: UserId
    response_id: ResponseId
    output_item_id: ItemId
    model: str


async def list_unsettled(connection: Connection, older_than_s: float, limit: int = 500) -> list[UnsettledTurn]:
    """Turns of all users that are in progress and began longer ago than that; for the role `parley_jobs`."""
    cursor = await connection.execute(
        """
        SELECT user_id, response_id, output_item_id, model FROM responses
        WHERE status = 'in_progress' AND created_at < now() - make_interval(secs => %s)
        ORDER BY created_at
        LIMIT %s
        """,
        (older_than_s, limit),
    )
    return [UnsettledTurn(*row) for row in await cursor.fetchall()]
