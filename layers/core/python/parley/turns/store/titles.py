"""The SQL of titles. The caller owns the transaction, which acts for `user_id`."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from parley.conversations.model import ItemContent, content_from_json
from parley.ids import ConversationId, UserId
from parley.kit.postgres import Connection

# A conversation may begin with messages that say nothing.
_MESSAGES_LIMIT = 8


@dataclass(frozen=True, slots=True)
class Opening:
    """How a conversation began: its title, and the first messages of user and assistant. `model` is that of its first answer."""

    title: str | None = field(repr=False)
    model: str
    said: Sequence[ItemContent] = field(repr=False)


async def read_opening(connection: Connection, user_id: UserId, conversation_id: ConversationId) -> Opening | None:
    """None for a conversation that is gone, is not listed, or has no answer yet."""
    cursor = await connection.execute(
        """
        SELECT conversations.title, items.role, items.content, responses.model
        FROM conversations
        JOIN items USING (user_id, conversation_id)
        LEFT JOIN responses ON responses.user_id = items.user_id AND responses.response_id = items.response_id
        WHERE conversations.user_id = %s AND conversations.conversation_id = %s AND conversations.is_listed
            AND items.role IN ('user', 'assistant')
        ORDER BY items.sequence
        LIMIT %s
        """,
        (user_id, conversation_id, _MESSAGES_LIMIT),
    )
    rows = await cursor.fetchall()
    model = next((model for *_, model in rows if model is not None), None)
    if model is None:
        return None
    return Opening(rows[0][0], model, [content_from_json("message", role, content) for _, role, content, _ in rows])


async def replace_title(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, old: str, new: str
) -> None:
    """Only while it is still the old one. It is no activity, so the conversation keeps its place in the list."""
    await connection.execute(
        "UPDATE conversations SET title = %s WHERE user_id = %s AND conversation_id = %s AND title = %s",
        (new, user_id, conversation_id, old),
    )
