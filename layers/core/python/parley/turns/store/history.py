"""What a prompt is made of: a conversation or a chain of responses, locked for the turn that continues it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from parley.conversations.model import (
    Item,
    ItemContent,
    content_from_json,
)
from parley.errors import ConversationBusy, NotFound
from parley.ids import ConversationId, ItemId, ResponseId, UserId, new_uuid
from parley.kit.postgres import Connection
from parley.turns.model import Status

# Far more than any context holds; a conversation of more items starts its window at the newest of them.
ITEMS_LIMIT = 4000


@dataclass(frozen=True, slots=True)
class OpenConversation:
    """A conversation as it was read, with the items its next prompt is made of, in order of sequence."""

    conversation_id: ConversationId
    next_sequence: int
    window_start: int
    items: Sequence[Item]
    read_at: datetime
    is_listed: bool = True
    has_title: bool = False
    is_busy: bool = False


async def read_conversation(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, from_sequence: int | None = None
) -> OpenConversation:
    """The conversation as it is, with its items from a sequence on, or from where its window starts.

    It acts for the user by itself, in a transaction or alone. Raises: NotFound for an unknown or another user's conversation.
    """
    cursor = await connection.execute(
        """
        SELECT next_sequence, window_start, is_busy, read_at, is_listed, has_title,
            item_id, sequence, type, role, status, content, response_id, token_count, tokenizer, created_at, is_judged
        FROM read_conversation(%s, %s, %s)
        """,
        (user_id, conversation_id, from_sequence),
    )
    rows = await cursor.fetchall()
    if not rows:
        raise NotFound("No such conversation.", param="conversation_id")
    next_sequence, window_start, is_busy, read_at, is_listed, has_title = rows[0][:6]
    items = [item_from_row(conversation_id, row[6:]) for row in rows if row[6] is not None]
    return OpenConversation(conversation_id, next_sequence, window_start, items, read_at, is_listed, has_title, is_busy)


async def open_conversation(
    connection: Connection,
    user_id: UserId,
    conversation_id: ConversationId,
    replaces: ItemId | None = None,
    *,
    reads_all: bool = False,
) -> OpenConversation:
    """Lock the conversation and read it; with `replaces`, first delete that user item and everything after it.

    With `reads_all` its window starts at its first item.
    Raises: NotFound for the conversation or the item; ConversationBusy while a turn of it runs.
    """
    cursor = await connection.execute(
        "SELECT context_from_sequence FROM conversations WHERE user_id = %s AND conversation_id = %s FOR UPDATE",
        (user_id, conversation_id),
    )
    row = await cursor.fetchone()
    window_start = row[0] if row else 1
    if replaces is not None and row is not None:
        replaced_sequence = await _delete_from(connection, user_id, conversation_id, replaces)
        # An edit of what the window has dropped already looks at the whole history again.
        window_start = window_start if replaced_sequence > window_start else 1
    conversation = await read_conversation(connection, user_id, conversation_id, 1 if reads_all else window_start)
    if conversation.is_busy:
        raise busy()
    return replace(conversation, window_start=window_start)


async def create_chain(connection: Connection, user_id: UserId) -> OpenConversation:
    """An unlisted conversation for a response that names none."""
    conversation_id = ConversationId(new_uuid())
    cursor = await connection.execute(
        """
        WITH known AS (INSERT INTO users (user_id) VALUES (%(user_id)s) ON CONFLICT DO NOTHING)
        INSERT INTO conversations (user_id, conversation_id, is_listed) VALUES (%(user_id)s, %(conversation_id)s, false)
        RETURNING created_at
        """,
        {"user_id": user_id, "conversation_id": conversation_id},
    )
    row = await cursor.fetchone()
    assert row is not None
    return OpenConversation(conversation_id, 1, 1, (), row[0], is_listed=False)


async def open_chain(
    connection: Connection, user_id: UserId, previous_id: ResponseId, *, reads_all: bool = False
) -> OpenConversation:
    """The chain that ends with a previous response, locked: its own where nothing has followed it yet, else a copy up to it.

    A response of a listed conversation is always copied: what continues it by its id is no part of that conversation.
    Raises: NotFound for an unknown, deleted or another user's response; ConversationBusy while it is being written.
    """
    previous = await find_link(connection, user_id, previous_id, locks=True)
    if previous.is_listed or previous.is_continued:
        conversation_id = await _copy_until(connection, user_id, previous)
        return await open_conversation(connection, user_id, conversation_id, reads_all=reads_all)
    return await open_conversation(connection, user_id, previous.conversation_id, reads_all=reads_all)


async def read_chain(connection: Connection, user_id: UserId, previous_id: ResponseId) -> Sequence[Item]:
    """The items that a response which is not stored follows. Raises: what `open_chain` raises."""
    previous = await find_link(connection, user_id, previous_id, locks=False)
    conversation = await read_conversation(connection, user_id, previous.conversation_id, 1)
    return [item for item in conversation.items if item.sequence <= previous.end_sequence]


@dataclass(frozen=True, slots=True)
class Link:
    conversation_id: ConversationId
    is_listed: bool
    end_sequence: int
    is_continued: bool


async def find_link(connection: Connection, user_id: UserId, response_id: ResponseId, *, locks: bool) -> Link:
    if locks:  # a statement of its own: the next one must see what the last holder of the lock has written
        await connection.execute(
            """
            SELECT 1 FROM conversations
            WHERE user_id = %(user_id)s AND conversation_id = (
                SELECT conversation_id FROM responses WHERE user_id = %(user_id)s AND response_id = %(response_id)s
            )
            FOR UPDATE
            """,
            {"user_id": user_id, "response_id": response_id},
        )
    cursor = await connection.execute(
        """
        SELECT link.conversation_id, link.is_listed, link.end_sequence, link.status,
            EXISTS (
                SELECT FROM items
                WHERE user_id = %(user_id)s AND conversation_id = link.conversation_id AND sequence > link.end_sequence
            ) OR EXISTS (
                SELECT FROM responses
                WHERE user_id = %(user_id)s AND conversation_id = link.conversation_id
                    AND status IN ('queued', 'in_progress')
            )
        FROM (
            SELECT responses.conversation_id, conversations.is_listed, responses.status,
                COALESCE(
                    (
                        SELECT max(sequence) FROM items
                        WHERE items.user_id = responses.user_id AND items.response_id = responses.response_id
                    ),
                    responses.input_to_sequence - 1,
                    0
                ) AS end_sequence
            FROM responses JOIN conversations USING (user_id, conversation_id)
            WHERE responses.user_id = %(user_id)s AND responses.response_id = %(response_id)s
        ) AS link
        """,
        {"user_id": user_id, "response_id": response_id},
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotFound("No such response.", param="previous_response_id")
    conversation_id, is_listed, end_sequence, status, is_continued = row
    if not Status(status).is_settled:
        raise ConversationBusy(
            "The previous response is still being written. Wait for it or cancel it.",
            param="previous_response_id",
            retry_after_s=1,
        )
    return Link(conversation_id, is_listed, end_sequence, is_continued)


async def _copy_until(connection: Connection, user_id: UserId, link: Link) -> ConversationId:
    copy_id = ConversationId(new_uuid())
    await connection.execute(
        """
        WITH copy AS (
            INSERT INTO conversations (user_id, conversation_id, is_listed, next_sequence, context_from_sequence)
            SELECT user_id, %(copy_id)s, false, %(end)s + 1,
                CASE WHEN context_from_sequence > %(end)s THEN 1 ELSE context_from_sequence END
            FROM conversations
            WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s
        )
        INSERT INTO items
            (user_id, item_id, conversation_id, sequence, type, role, status, content, token_count, tokenizer, created_at,
             verdict, is_blocked)
        SELECT user_id, uuidv7(), %(copy_id)s, sequence, type, role, status, content, token_count, tokenizer, created_at,
            verdict, is_blocked
        FROM items
        WHERE user_id = %(user_id)s AND conversation_id = %(conversation_id)s AND sequence <= %(end)s
        """,
        {
            "user_id": user_id,
            "conversation_id": link.conversation_id,
            "copy_id": copy_id,
            "end": link.end_sequence,
        },
    )
    return copy_id


def check_listed(conversation: OpenConversation) -> None:
    """Raises: NotFound for one that holds a chain of responses: it has no name of its own."""
    if not conversation.is_listed:
        raise NotFound("No such conversation.", param="conversation_id")


def busy() -> ConversationBusy:
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


def item_from_row(conversation_id: ConversationId, row: Sequence[Any]) -> Item:
    item_id, sequence, kind, role, status, content, response_id, token_count, tokenizer, created_at, is_judged = row
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
        is_judged,
    )


def repeats_last(conversation: OpenConversation, contents: Sequence[ItemContent]) -> bool:
    """Whether the conversation ends with what is said now."""
    return [item.content for item in conversation.items[-len(contents) :]] == list(contents)


async def drop_failed_repeat(
    connection: Connection, user_id: UserId, conversation: OpenConversation, contents: Sequence[ItemContent]
) -> OpenConversation:
    """The conversation without its last items, where they say what `contents` say and their turn failed before its answer.

    The SDKs send a request again after a 5xx: what was said once stands once.
    """
    if not repeats_last(conversation, contents):
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
            "item_ids": [item.item_id for item in conversation.items[-len(contents) :]],
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
