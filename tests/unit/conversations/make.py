"""Builders that hide what does not matter to a test."""

from datetime import UTC, datetime

from parley.conversations.model import Item, ItemContent
from parley.ids import ConversationId, ItemId, new_uuid


def make_item(content: ItemContent, sequence: int = 1) -> Item:
    return Item(
        item_id=ItemId(new_uuid()),
        conversation_id=ConversationId(new_uuid()),
        sequence=sequence,
        content=content,
        status="completed",
        created_at=datetime(2026, 11, 22, tzinfo=UTC),
    )
