"""The SQL of conversations and their items. The caller owns the transaction, which acts for `user_id` (`kit.postgres`).

Every query names the owner as well, so that a transaction that acts for somebody else finds nothing twice over. And what is
not listed, which holds a chain of responses, is no conversation to anybody here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from parley.conversations.model import (
    Block,
    Conversation,
    ConversationChange,
    Item,
    ItemContent,
    ItemKey,
    ItemQuery,
    ItemStatus,
    ListedItem,
    Message,
    NewItem,
    ResponseFacts,
    ResponseStatus,
    content_from_json,
    content_to_json,
    item_type,
)
from parley.ids import ConversationId, ItemId, ResponseId, UserId, new_uuid
from parley.kit.postgres import Connection


async def ensure_user(connection: Connection, user_id: UserId) -> None:
    """The user's row exists afterwards: users come from the issuer and are first heard of when they store something."""
    await connection.execute("INSERT INTO users (user_id) VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))


async def insert_conversation(connection: Connection, user_id: UserId, change: ConversationChange) -> Conversation:
    async with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        await cursor.execute(
            "INSERT INTO conversations (user_id, conversation_id, title, metadata) VALUES (%s, %s, %s, %s) "
            "RETURNING conversation_id, title, metadata, created_at, updated_at",
            (user_id, new_uuid(), change.title, Jsonb(dict(change.metadata or {}))),
        )
        created = await cursor.fetchone()
    assert created is not None
    return created


async def find_conversation(
    connection: Connection, user_id: UserId, conversation_id: ConversationId
) -> Conversation | None:
    async with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        await cursor.execute(
            "SELECT conversation_id, title, metadata, created_at, updated_at FROM conversations "
            "WHERE user_id = %s AND conversation_id = %s AND is_listed LIMIT 1",
            (user_id, conversation_id),
        )
        return await cursor.fetchone()


async def list_conversations(
    connection: Connection, user_id: UserId, *, after: Conversation | None, limit: int
) -> list[Conversation]:
    """The most recently active first; after `after` where it is given."""
    async with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        await cursor.execute(
            "SELECT conversation_id, title, metadata, created_at, updated_at FROM conversations "
            "WHERE user_id = %(user_id)s AND is_listed AND (updated_at, conversation_id) < "
            "(coalesce(%(at)s, 'infinity'::timestamptz), coalesce(%(id)s, 'ffffffffffffffffffffffffffffffff'::uuid)) "
            "ORDER BY updated_at DESC, conversation_id DESC LIMIT %(limit)s",
            {
                "user_id": user_id,
                "at": after.updated_at if after else None,
                "id": after.conversation_id if after else None,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def update_conversation(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, change: ConversationChange
) -> Conversation | None:
    """None when there is none. `updated_at` stays: it is the last activity, and a renamed chat keeps its place in the list."""
    async with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        await cursor.execute(
            "UPDATE conversations SET title = CASE WHEN %(sets_title)s THEN %(title)s ELSE title END, "
            "metadata = coalesce(%(metadata)s, metadata) "
            "WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s AND is_listed "
            "RETURNING conversation_id, title, metadata, created_at, updated_at",
            {
                "user_id": user_id,
                "conversation_id": conversation_id,
                "sets_title": change.sets_title,
                "title": change.title,
                "metadata": None if change.metadata is None else Jsonb(dict(change.metadata)),
            },
        )
        return await cursor.fetchone()


async def delete_conversation(connection: Connection, user_id: UserId, conversation_id: ConversationId) -> bool:
    """Whether there was one. Its items and responses go with it; a turn that runs will settle into nothing."""
    cursor = await connection.execute(
        "DELETE FROM conversations WHERE user_id = %s AND conversation_id = %s AND is_listed",
        (user_id, conversation_id),
    )
    return cursor.rowcount == 1


async def lock_conversation(connection: Connection, user_id: UserId, conversation_id: ConversationId) -> int | None:
    """The sequence its next item will have, which nobody else can take until the transaction ends; None when there is none."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT next_sequence FROM conversations "
            "WHERE user_id = %s AND conversation_id = %s AND is_listed LIMIT 1 FOR UPDATE",
            (user_id, conversation_id),
        )
        return await cursor.fetchone()


async def has_running_turn(connection: Connection, user_id: UserId, conversation_id: ConversationId) -> bool:
    """Whether one runs or waits to.

    Ask after `lock_conversation`, not with it: one statement sees one snapshot, taken before it waited for the lock.
    """
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT EXISTS (SELECT FROM responses "
            "WHERE user_id = %s AND conversation_id = %s AND status IN ('queued', 'in_progress') LIMIT 1)",
            (user_id, conversation_id),
        )
        return bool(await cursor.fetchone())


async def append_items(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, items: Sequence[NewItem], sequence: int
) -> list[ListedItem]:
    """Store `items` from `sequence` on, which `lock_conversation` told."""
    new = [_new_row(each, place) for place, each in enumerate(items, start=sequence)]
    async with connection.cursor(row_factory=class_row(_ItemRow)) as cursor:
        await cursor.execute(
            "INSERT INTO items (user_id, conversation_id, item_id, sequence, type, role, status, content) "
            "SELECT %(user_id)s, %(conversation_id)s, item_id, sequence, type, role, status, content "
            "FROM jsonb_to_recordset(%(new)s) AS new "
            "(item_id uuid, sequence bigint, type text, role text, status text, content jsonb) "
            "RETURNING item_id, conversation_id, sequence, type, role, status, content, created_at",
            {"user_id": user_id, "conversation_id": conversation_id, "new": Jsonb(new)},
        )
        rows = await cursor.fetchall()
    return [_listed(row) for row in sorted(rows, key=lambda row: row.sequence)]


async def note_activity(
    connection: Connection,
    user_id: UserId,
    conversation_id: ConversationId,
    *,
    next_sequence: int,
    title: str | None,
) -> Conversation:
    """Move the conversation to the top of the list, and name it unless it has a name. The caller holds its lock."""
    async with connection.cursor(row_factory=class_row(Conversation)) as cursor:
        await cursor.execute(
            "UPDATE conversations SET next_sequence = %s, title = coalesce(title, %s), updated_at = now() "
            "WHERE user_id = %s AND conversation_id = %s "
            "RETURNING conversation_id, title, metadata, created_at, updated_at",
            (next_sequence, title, user_id, conversation_id),
        )
        updated = await cursor.fetchone()
    assert updated is not None, "the caller holds the row's lock"
    return updated


# The items of a conversation, and as its last one the answer of a turn that runs or waits to: its text is stored when the
# turn settles, until then only its id is. One statement, so that the answer is never seen twice or not at all.
_ENTRIES = """
SELECT entry.item_id, entry.conversation_id, entry.sequence, entry.type, entry.role, entry.status, entry.content,
    entry.created_at, entry.token_count, entry.tokenizer, entry.response_id, response.status AS response_status,
    response.model, response.error_code, response.prompt_tokens, response.cached_tokens, response.completion_tokens,
    response.created_at AS began_at, response.settled_at,
    -- What was taken back, and approved by a reviewer since, is an answer that broke off.
    CASE WHEN response.finish_reason <> 'withheld' OR entry.is_blocked THEN response.finish_reason END AS finish_reason,
    entry.is_blocked, review.state AS review_state, review.appealed_at
FROM (
    SELECT user_id, item_id, conversation_id, sequence, type, role, status, content, created_at, token_count, tokenizer,
        response_id, is_blocked
    FROM items
    WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s
    UNION ALL
    SELECT r.user_id, r.output_item_id, r.conversation_id, c.next_sequence, 'message', 'assistant', 'in_progress',
        '{"texts": []}', r.created_at, NULL, NULL, r.response_id, false
    FROM responses AS r JOIN conversations AS c USING (user_id, conversation_id)
    WHERE r.user_id = %(user_id)s AND r.conversation_id = %(conversation_id)s
        AND r.status IN ('queued', 'in_progress')
) AS entry
LEFT JOIN responses AS response USING (user_id, response_id)
-- What was flagged and not blocked is for reviewers to know.
LEFT JOIN reviews AS review ON review.user_id = entry.user_id AND review.item_id = entry.item_id
    AND (entry.is_blocked OR (review.state = 'approved' AND review.action = 'block' AND review.is_enforced))
"""


async def list_items(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, query: ItemQuery, *, after: int | None
) -> list[ListedItem]:
    """Behind the sequence `after`, in the query's order."""
    async with connection.cursor(row_factory=class_row(_ItemRow)) as cursor:
        await cursor.execute(
            _ENTRIES + "WHERE entry.sequence > coalesce(%(after)s, 0) ORDER BY entry.sequence LIMIT %(limit)s"
            if query.order == "asc"
            else _ENTRIES + "WHERE entry.sequence < coalesce(%(after)s, 9223372036854775807) "
            "ORDER BY entry.sequence DESC LIMIT %(limit)s",
            {"user_id": user_id, "conversation_id": conversation_id, "after": after, "limit": query.limit},
        )
        return [_listed(row) for row in await cursor.fetchall()]


async def find_item(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, key: ItemKey
) -> ListedItem | None:
    async with connection.cursor(row_factory=class_row(_ItemRow)) as cursor:
        await cursor.execute(
            _ENTRIES + "WHERE entry.item_id = %(item_id)s AND entry.type = %(type)s LIMIT 1",
            {
                "user_id": user_id,
                "conversation_id": conversation_id,
                "item_id": key.item_id,
                "type": key.type,
            },
        )
        row = await cursor.fetchone()
    return _listed(row) if row else None


async def delete_item(connection: Connection, user_id: UserId, conversation_id: ConversationId, key: ItemKey) -> bool:
    """Whether there was one."""
    cursor = await connection.execute(
        "DELETE FROM items WHERE user_id = %s AND conversation_id = %s AND item_id = %s AND type = %s",
        (user_id, conversation_id, key.item_id, key.type),
    )
    return cursor.rowcount == 1


@dataclass(frozen=True, slots=True)
class _ItemRow:
    """An item and its response as the columns of one row."""

    item_id: ItemId
    conversation_id: ConversationId
    sequence: int
    type: str
    role: str | None
    status: ItemStatus
    content: dict[str, Any]
    created_at: datetime
    token_count: int | None = None
    tokenizer: str | None = None
    response_id: ResponseId | None = None
    response_status: ResponseStatus | None = None
    model: str | None = None
    finish_reason: str | None = None
    error_code: str | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    began_at: datetime | None = None
    settled_at: datetime | None = None
    is_blocked: bool = False
    review_state: Literal["open", "approved", "upheld", "escalated"] | None = None
    appealed_at: datetime | None = None


def _new_row(new: NewItem, sequence: int) -> dict[str, Any]:
    return {
        "item_id": str(new_uuid()),
        "sequence": sequence,
        "type": item_type(new.content),
        "role": _role(new.content),
        "status": new.status,
        "content": content_to_json(new.content),
    }


def _role(content: ItemContent) -> str | None:
    return content.role if isinstance(content, Message) else None


def _listed(row: _ItemRow) -> ListedItem:
    item = Item(
        item_id=row.item_id,
        conversation_id=row.conversation_id,
        sequence=row.sequence,
        content=content_from_json(row.type, row.role, row.content),
        status=row.status,
        created_at=row.created_at,
        response_id=row.response_id,
        token_count=row.token_count,
        tokenizer=row.tokenizer,
    )
    return ListedItem(item, _response(row), _block(row))


def _block(row: _ItemRow) -> Block | None:
    if not row.is_blocked and row.review_state is None:
        return None
    return Block(row.review_state, row.appealed_at is not None, is_over=not row.is_blocked)


def _response(row: _ItemRow) -> ResponseFacts | None:
    if row.response_id is None or row.response_status is None or row.model is None or row.began_at is None:
        return None
    return ResponseFacts(
        response_id=row.response_id,
        status=row.response_status,
        model=row.model,
        began_at=row.began_at,
        settled_at=row.settled_at,
        finish_reason=row.finish_reason,
        error_code=row.error_code,
        prompt_tokens=row.prompt_tokens,
        cached_tokens=row.cached_tokens,
        completion_tokens=row.completion_tokens,
    )
