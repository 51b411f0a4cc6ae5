"""What a user can do with conversations and their items. Each use case is one transaction that acts for that user.

Raises throughout: NotFound for what does not exist, is another user's or is not listed; StorageUnavailable when the database
is away.
"""

from collections.abc import Sequence

from parley.conversations import store
from parley.conversations.model import (
    Conversation,
    ConversationChange,
    ItemKey,
    ItemQuery,
    ListedItem,
    NewConversation,
    NewItem,
    Page,
    title_of,
)
from parley.errors import ConversationBusy, NotFound
from parley.ids import ConversationId, UserId
from parley.kit.postgres import Connection, Pool, transaction


async def create_conversation(pool: Pool, user_id: UserId, new: NewConversation) -> Conversation:
    """Its title is the one given, or is made of the first thing the user says in it."""
    async with transaction(pool, user_id) as connection:
        await store.ensure_user(connection, user_id)
        change = ConversationChange(title=new.title, metadata=new.metadata)
        created = await store.insert_conversation(connection, user_id, change)
        if not new.items:
            return created
        conversation, _ = await _append(connection, user_id, created.conversation_id, new.items, sequence=1)
        return conversation


async def get_conversation(pool: Pool, user_id: UserId, conversation_id: ConversationId) -> Conversation:
    async with transaction(pool, user_id) as connection:
        return _found(await store.find_conversation(connection, user_id, conversation_id))


async def list_conversations(
    pool: Pool, user_id: UserId, *, limit: int, after: ConversationId | None
) -> Page[Conversation]:
    """The most recently active first. One that becomes active between two pages moves to the first."""
    async with transaction(pool, user_id) as connection:
        cursor = None
        if after is not None:
            cursor = _found(await store.find_conversation(connection, user_id, after), param="after")
        # One more than asked for tells whether there are more.
        found = await store.list_conversations(connection, user_id, after=cursor, limit=limit + 1)
    return Page(found[:limit], has_more=len(found) > limit)


async def update_conversation(
    pool: Pool, user_id: UserId, conversation_id: ConversationId, change: ConversationChange
) -> Conversation:
    """A title of None takes the title away; metadata are replaced as a whole."""
    async with transaction(pool, user_id) as connection:
        return _found(await store.update_conversation(connection, user_id, conversation_id, change))


async def delete_conversation(pool: Pool, user_id: UserId, conversation_id: ConversationId) -> None:
    async with transaction(pool, user_id) as connection:
        if not await store.delete_conversation(connection, user_id, conversation_id):
            raise _no_conversation()


async def add_items(
    pool: Pool, user_id: UserId, conversation_id: ConversationId, items: Sequence[NewItem]
) -> list[ListedItem]:
    """The stored items, in order. Raises: ConversationBusy while a turn runs, whose answer follows what it was asked."""
    async with transaction(pool, user_id) as connection:
        sequence = await _lock_idle(connection, user_id, conversation_id)
        _, added = await _append(connection, user_id, conversation_id, items, sequence=sequence)
    return added


async def list_items(
    pool: Pool, user_id: UserId, conversation_id: ConversationId, query: ItemQuery
) -> Page[ListedItem]:
    """With the answer that a running turn is writing, in progress and empty, as the newest item."""
    # One more than asked for tells whether there are more.
    wider = ItemQuery(limit=query.limit + 1, after=query.after, order=query.order)
    async with transaction(pool, user_id) as connection:
        _found(await store.find_conversation(connection, user_id, conversation_id))
        after = await _sequence_of(connection, user_id, conversation_id, query.after)
        found = await store.list_items(connection, user_id, conversation_id, wider, after=after)
    return Page(found[: query.limit], has_more=len(found) > query.limit)


async def get_item(pool: Pool, user_id: UserId, conversation_id: ConversationId, key: ItemKey) -> ListedItem:
    async with transaction(pool, user_id) as connection:
        _found(await store.find_conversation(connection, user_id, conversation_id))
        found = await store.find_item(connection, user_id, conversation_id, key)
    if found is None:
        raise _no_item()
    return found


async def delete_item(pool: Pool, user_id: UserId, conversation_id: ConversationId, key: ItemKey) -> Conversation:
    """The conversation that is left. Raises: ConversationBusy while a turn runs, whose prompt the item is part of."""
    async with transaction(pool, user_id) as connection:
        await _lock_idle(connection, user_id, conversation_id)
        if not await store.delete_item(connection, user_id, conversation_id, key):
            raise _no_item()
        return _found(await store.find_conversation(connection, user_id, conversation_id))


async def _lock_idle(connection: Connection, user_id: UserId, conversation_id: ConversationId) -> int:
    """The next sequence of a conversation in which no turn runs, nor can begin before the transaction ends."""
    sequence = await store.lock_conversation(connection, user_id, conversation_id)
    if sequence is None:
        raise _no_conversation()
    if await store.has_running_turn(connection, user_id, conversation_id):
        raise ConversationBusy("An answer is being written in this conversation. Wait for it or cancel it first.")
    return sequence


async def _append(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, items: Sequence[NewItem], *, sequence: int
) -> tuple[Conversation, list[ListedItem]]:
    added = await store.append_items(connection, user_id, conversation_id, items, sequence)
    title = title_of(each.content for each in items)
    conversation = await store.note_activity(
        connection, user_id, conversation_id, next_sequence=sequence + len(added), title=title
    )
    return conversation, added


async def _sequence_of(
    connection: Connection, user_id: UserId, conversation_id: ConversationId, key: ItemKey | None
) -> int | None:
    if key is None:
        return None
    found = await store.find_item(connection, user_id, conversation_id, key)
    if found is None:
        raise _no_item(param="after")
    return found.item.sequence


def _found(conversation: Conversation | None, *, param: str | None = None) -> Conversation:
    if conversation is None:
        raise _no_conversation(param)
    return conversation


def _no_conversation(param: str | None = None) -> NotFound:
    return NotFound("No such conversation.", param=param)


def _no_item(param: str | None = None) -> NotFound:
    return NotFound("No such item in this conversation.", param=param)
