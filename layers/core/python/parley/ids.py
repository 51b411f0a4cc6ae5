"""Identifiers: UUIDv7 (RFC 9562, so they sort by time) inside, OpenAI-style prefixes outside."""

from datetime import UTC, datetime
from typing import NewType
from uuid import UUID

import uuid_utils.compat

from parley.errors import NotFound

UserId = NewType("UserId", UUID)
ConversationId = NewType("ConversationId", UUID)
ItemId = NewType("ItemId", UUID)
ResponseId = NewType("ResponseId", UUID)
ApiKeyId = NewType("ApiKeyId", UUID)

_HEX_DIGITS = frozenset("0123456789abcdef")


def new_uuid() -> UUID:
    """A UUIDv7 of now."""
    return uuid_utils.compat.uuid7()


def created_at(value: UUID) -> datetime:
    """When a UUIDv7 was made, to the millisecond (RFC 9562, 5.7)."""
    return datetime.fromtimestamp((value.int >> 80) / 1000, UTC)


def wire_id(prefix: str, value: UUID) -> str:
    """`conv_0199…`: the prefix and 32 hexadecimal digits."""
    return f"{prefix}_{value.hex}"


def parse_wire_id(prefix: str, text: str) -> UUID:
    """The UUID inside `text`, in exactly the form `wire_id` writes.

    Raises: NotFound for any other text, for an id that cannot exist names nothing.
    """
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32 or not _HEX_DIGITS.issuperset(digits):
        raise NotFound(f"No such object: an id of this kind looks like '{prefix}_' and 32 hexadecimal digits.")
    return UUID(hex=digits)


def conversation_wire_id(value: ConversationId) -> str:
    return wire_id("conv", value)


def parse_conversation_id(text: str) -> ConversationId:
    return ConversationId(parse_wire_id("conv", text))


def response_wire_id(value: ResponseId) -> str:
    return wire_id("resp", value)


def parse_response_id(text: str) -> ResponseId:
    return ResponseId(parse_wire_id("resp", text))


def api_key_wire_id(value: ApiKeyId) -> str:
    return wire_id("key", value)


def parse_api_key_id(text: str) -> ApiKeyId:
    return ApiKeyId(parse_wire_id("key", text))
