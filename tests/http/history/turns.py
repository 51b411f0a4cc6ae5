"""Turns as rows: what the chat function leaves in the database when a turn begins and when it settles."""

from uuid import UUID

from parley.ids import ItemId, ResponseId, UserId, new_uuid, parse_conversation_id, response_wire_id, wire_id
from parley.kit.postgres import Connection, transaction
from parley.wiring.history import History


class Turn:
    """A running turn of the conversation at `path`."""

    def __init__(self, history: History, user_id: UserId, path: str) -> None:
        self._pool = history.pool
        self._user_id = user_id
        self._conversation_id = parse_conversation_id(path.rsplit("/", 1)[1])
        self._response_id = ResponseId(new_uuid())
        self._item_id = ItemId(new_uuid())
        self.response_id = response_wire_id(self._response_id)
        self.item_id = wire_id("msg", self._item_id)

    async def begin(self, status: str = "in_progress") -> "Turn":
        async with transaction(self._pool, self._user_id) as connection:
            await begin_turn(connection, self._user_id, self._conversation_id, self._response_id, self._item_id, status)
        return self

    async def settle(self, text: str) -> None:
        async with transaction(self._pool, self._user_id) as connection:
            await connection.execute(
                "UPDATE responses SET status = 'completed', finish_reason = 'stop', prompt_tokens = 7, cached_tokens = 3, "
                "completion_tokens = 2, settled_at = now() WHERE response_id = %s",
                (self._response_id,),
            )
            await connection.execute(
                "INSERT INTO items (user_id, item_id, conversation_id, sequence, response_id, type, role, status, content) "
                "SELECT user_id, %s, conversation_id, next_sequence, %s, 'message', 'assistant', 'completed', "
                "jsonb_build_object('texts', jsonb_build_array(%s::text)) FROM conversations WHERE conversation_id = %s",
                (self._item_id, self._response_id, text, self._conversation_id),
            )
            await connection.execute(
                "UPDATE conversations SET next_sequence = next_sequence + 1 WHERE conversation_id = %s",
                (self._conversation_id,),
            )

    async def fail(self, code: str) -> None:
        async with transaction(self._pool, self._user_id) as connection:
            await connection.execute(
                "UPDATE responses SET status = 'failed', error_code = %s, settled_at = now() WHERE response_id = %s",
                (code, self._response_id),
            )


async def begin_turn(
    connection: Connection,
    user_id: UUID,
    conversation_id: UUID,
    response_id: UUID,
    item_id: UUID,
    status: str = "in_progress",
) -> None:
    """As the chat function does: lock the conversation, then record the response."""
    await connection.execute(
        "SELECT FROM conversations WHERE conversation_id = %s FOR UPDATE",
        (conversation_id,),
    )
    await connection.execute(
        "INSERT INTO responses (user_id, response_id, conversation_id, output_item_id, model, status) "
        "VALUES (%s, %s, %s, %s, 'smollm2', %s)",
        (user_id, response_id, conversation_id, item_id, status),
    )


async def unlist(history: History, user_id: UserId, path: str) -> None:
    """Make of the conversation at `path` what holds a chain of responses."""
    async with transaction(history.pool, user_id) as connection:
        await connection.execute(
            "UPDATE conversations SET is_listed = false WHERE user_id = %s AND conversation_id = %s",
            (user_id, parse_conversation_id(path.rsplit("/", 1)[1])),
        )
