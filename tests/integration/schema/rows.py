"""One row of each table, and what may be tried on it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import psycopg

from parley.ids import new_uuid

Table = Literal[
    "users", "conversations", "responses", "items", "api_keys", "reviews", "review_events", "withheld_texts"
]
Operation = Literal["select", "insert", "update", "delete"]
# What comes of an operation: rows, no rows, or a refusal.
Outcome = Literal["rows", "no rows", "refused"]


@dataclass(frozen=True, slots=True)
class UserRows:
    """The keys of a user's rows: one in each table."""

    user_id: UUID = field(default_factory=new_uuid)
    conversation_id: UUID = field(default_factory=new_uuid)
    response_id: UUID = field(default_factory=new_uuid)
    item_id: UUID = field(default_factory=new_uuid)
    review_id: UUID = field(default_factory=new_uuid)


_INSERTS: Mapping[Table, str] = {
    "users": "INSERT INTO users (user_id) VALUES (%(user_id)s) ON CONFLICT DO NOTHING",
    "conversations": "INSERT INTO conversations (user_id, conversation_id) VALUES (%(user_id)s, %(conversation_id)s)",
    "responses": (
        "INSERT INTO responses (user_id, response_id, conversation_id, output_item_id, model, status, settled_at) "
        "VALUES (%(user_id)s, %(response_id)s, %(conversation_id)s, %(new_id)s, 'm', 'completed', now())"
    ),
    "items": (
        "INSERT INTO items (user_id, item_id, conversation_id, response_id, sequence, type, role, status, content) VALUES "
        "(%(user_id)s, %(item_id)s, %(conversation_id)s, %(response_id)s, %(sequence)s, 'message', 'user', 'completed', '{}')"
    ),
    "api_keys": (
        "INSERT INTO api_keys (user_id, key_id, place, name, key_hash, secret_end, tier) VALUES "
        "(%(user_id)s, %(new_id)s, %(sequence)s, 'laptop', sha256(%(new_id)s::text::bytea), 'wxyz', 'free')"
    ),
    "reviews": (
        "INSERT INTO reviews (user_id, review_id, item_id, conversation_id, response_id, side, action, is_enforced, "
        "is_unjudged, categories, score, from_sequence, to_sequence) VALUES (%(user_id)s, %(review_id)s, %(reviewed_id)s, "
        "%(conversation_id)s, %(response_id)s, 'input', 'block', true, false, '{hate}', 0.9, 1, 1)"
    ),
    "review_events": (
        "INSERT INTO review_events (user_id, review_id, event_id, actor_id, kind) VALUES "
        "(%(user_id)s, %(known_review_id)s, %(new_id)s, %(user_id)s, 'appealed')"
    ),
    # Of a new one nothing comes: there is one for the item already.
    "withheld_texts": (
        "INSERT INTO withheld_texts (user_id, item_id, text) VALUES (%(user_id)s, %(known_item_id)s, 'x') "
        "ON CONFLICT DO NOTHING"
    ),
}
_OTHERS: Mapping[Operation, Mapping[Table, str]] = {
    "select": {
        "users": "SELECT user_id FROM users WHERE user_id = %(user_id)s",
        "conversations": "SELECT user_id FROM conversations WHERE user_id = %(user_id)s",
        "responses": "SELECT user_id FROM responses WHERE user_id = %(user_id)s",
        "items": "SELECT user_id FROM items WHERE user_id = %(user_id)s",
        "api_keys": "SELECT user_id FROM api_keys WHERE user_id = %(user_id)s",
        "reviews": "SELECT user_id FROM reviews WHERE user_id = %(user_id)s",
        "review_events": "SELECT user_id FROM review_events WHERE user_id = %(user_id)s",
        "withheld_texts": "SELECT user_id FROM withheld_texts WHERE user_id = %(user_id)s",
    },
    "update": {
        "users": "UPDATE users SET created_at = now() WHERE user_id = %(user_id)s",
        "conversations": "UPDATE conversations SET title = 'x' WHERE user_id = %(user_id)s",
        "responses": "UPDATE responses SET instructions = 'x' WHERE user_id = %(user_id)s",
        "items": "UPDATE items SET content = '{}' WHERE user_id = %(user_id)s",
        "api_keys": "UPDATE api_keys SET revoked_at = now() WHERE user_id = %(user_id)s",
        "reviews": "UPDATE reviews SET appealed_at = now() WHERE user_id = %(user_id)s",
        "review_events": "UPDATE review_events SET kind = 'viewed' WHERE user_id = %(user_id)s",
        "withheld_texts": "UPDATE withheld_texts SET text = 'y' WHERE user_id = %(user_id)s",
    },
    "delete": {
        "users": "DELETE FROM users WHERE user_id = %(user_id)s",
        "conversations": "DELETE FROM conversations WHERE user_id = %(user_id)s",
        "responses": "DELETE FROM responses WHERE user_id = %(user_id)s",
        "items": "DELETE FROM items WHERE user_id = %(user_id)s",
        "api_keys": "DELETE FROM api_keys WHERE user_id = %(user_id)s",
        "reviews": "DELETE FROM reviews WHERE user_id = %(user_id)s",
        "review_events": "DELETE FROM review_events WHERE user_id = %(user_id)s",
        "withheld_texts": "DELETE FROM withheld_texts WHERE user_id = %(user_id)s",
    },
}


def insert_rows(app_url: str) -> UserRows:
    """A new user with one row in each table, written as the user."""
    rows = UserRows()
    with psycopg.connect(app_url) as connection:
        act_for(connection, rows.user_id)
        for table in _INSERTS:
            _execute(connection, table, "insert", rows, is_new=False)
    return rows


def act_for(connection: psycopg.Connection, user_id: UUID | None) -> None:
    """Until the transaction ends, as `parley.kit.postgres.transaction` does."""
    if user_id:
        connection.execute("SELECT set_config('parley.user_id', %s, true)", (str(user_id),))


def attempt(
    connection: psycopg.Connection, acting_for: UUID | None, operation: Operation, table: Table, whose: UserRows
) -> Outcome:
    """What comes of it; nothing of it stays."""
    try:
        with connection.transaction(force_rollback=True):
            act_for(connection, acting_for)
            return "rows" if _execute(connection, table, operation, whose, is_new=True) else "no rows"
    except psycopg.errors.InsufficientPrivilege:
        return "refused"


def _execute(
    connection: psycopg.Connection, table: Table, operation: Operation, rows: UserRows, *, is_new: bool
) -> int:
    """How many rows it concerned. A new row hangs on the user's other rows as they are."""
    statement = _INSERTS[table] if operation == "insert" else _OTHERS[operation][table]
    keys = {
        "user_id": rows.user_id,
        "conversation_id": new_uuid() if is_new and table == "conversations" else rows.conversation_id,
        "response_id": new_uuid() if is_new and table == "responses" else rows.response_id,
        "item_id": new_uuid() if is_new else rows.item_id,
        "review_id": new_uuid() if is_new else rows.review_id,
        # An item has one review at most.
        "reviewed_id": None if is_new else rows.item_id,
        "known_item_id": rows.item_id,
        "known_review_id": rows.review_id,
        "new_id": new_uuid(),
        "sequence": 2 if is_new else 1,
    }
    return connection.execute(statement.encode(), keys).rowcount
