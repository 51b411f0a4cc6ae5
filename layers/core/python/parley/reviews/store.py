"""The SQL of reviews. The caller owns the transaction, which acts for the reviewer as `parley_review`, and for the user whose
item it is as `parley_app` (`make_appeal`, `find_appeal`): row-level security decides what either sees.
"""

from typing import Any, Literal

from psycopg.rows import class_row, scalar_row, tuple_row

from parley.ids import ItemId, UserId, new_uuid
from parley.kit.postgres import Connection
from parley.reviews.model import (
    Appeal,
    Event,
    EventKind,
    Label,
    LabelPage,
    Review,
    ReviewId,
    ReviewQuery,
    SeenItem,
    State,
    Subject,
)

# Who opens a review again within the hour is not noted again.
VIEWED_AGAIN_AFTER = "1 hour"
EVENTS_LIMIT = 1000
CONTEXT_LIMIT = 100
# Lambda returns 6 MB at most.
LABELS_LIMIT_BYTES = 4_000_000

# What an item says, and what an answer said before it was taken back.
_SAID = """
LEFT JOIN LATERAL (
    SELECT COALESCE(
    NULLIF(concat_ws(E'\\n\\n', NULLIF(withheld.reasoning, ''), NULLIF(withheld.text, '')), ''),
    NULLIF(CASE item.type
        WHEN 'message' THEN array_to_string(ARRAY(SELECT jsonb_array_elements_text(item.content -> 'texts')), E'\\n')
        WHEN 'function_call' THEN item.content ->> 'arguments'
        WHEN 'function_call_output' THEN item.content ->> 'output'
        ELSE item.content ->> 'text'
    END, '')) AS text
) AS said ON true
"""
_JOINED = (
    """
FROM reviews AS review
LEFT JOIN items AS item ON item.user_id = review.user_id AND item.item_id = review.item_id
LEFT JOIN withheld_texts AS withheld ON withheld.user_id = review.user_id AND withheld.item_id = review.item_id
"""
    + _SAID
)
_REVIEW = (
    "SELECT review.user_id, review.review_id, review.item_id, review.state, review.side, review.action, review.is_enforced, "
    "review.is_unjudged, review.categories, review.score, review.appealed_at, review.appeal_note, review.created_at, "
    "review.decided_at, left(said.text, 200) AS excerpt" + _JOINED
)
# Another review's part may reach into this one's and outlive it; and what another answer said that was taken back is for that
# one's review to show.
_CONTEXT = (
    """
SELECT item.item_id, item.type, item.role, left(coalesce(said.text, ''), 10000) AS text,
    item.item_id = review.item_id AS is_subject
FROM reviews AS review
JOIN items AS item ON item.user_id = review.user_id AND item.conversation_id = review.conversation_id
    AND item.sequence BETWEEN review.from_sequence AND review.to_sequence
LEFT JOIN withheld_texts AS withheld ON withheld.user_id = item.user_id
    AND withheld.item_id = item.item_id AND withheld.item_id = review.item_id
"""
    + _SAID
)
# Of what is still to be decided, what can be looked at.
_MATCHES = """
WHERE (%(state)s::text IS NULL OR review.state = %(state)s)
    AND (%(state)s::text IS NULL OR review.item_id IS NOT NULL OR review.state NOT IN ('open', 'escalated'))
    AND (%(side)s::text IS NULL OR review.side = %(side)s)
    AND (%(category)s::text IS NULL OR %(category)s = ANY (review.categories))
    AND (%(is_appealed)s::boolean IS NULL OR (review.appealed_at IS NOT NULL) = %(is_appealed)s)
    AND (%(is_unjudged)s::boolean IS NULL OR review.is_unjudged = %(is_unjudged)s)
"""


async def list_reviews(connection: Connection, query: ReviewQuery, *, after: Review | None, limit: int) -> list[Review]:
    """Behind `after` in the query's order of age."""
    async with connection.cursor(row_factory=class_row(Review)) as cursor:
        await cursor.execute(
            _REVIEW + _MATCHES + "AND (review.created_at, review.review_id) > "
            "(coalesce(%(at)s, '-infinity'::timestamptz), coalesce(%(id)s, '00000000000000000000000000000000'::uuid)) "
            "ORDER BY review.created_at, review.review_id LIMIT %(limit)s"
            if query.order == "asc"
            else _REVIEW + _MATCHES + "AND (review.created_at, review.review_id) < "
            "(coalesce(%(at)s, 'infinity'::timestamptz), coalesce(%(id)s, 'ffffffffffffffffffffffffffffffff'::uuid)) "
            "ORDER BY review.created_at DESC, review.review_id DESC LIMIT %(limit)s",
            {
                "state": query.state,
                "side": query.side,
                "category": query.category,
                "is_appealed": query.is_appealed,
                "is_unjudged": query.is_unjudged,
                "at": after.created_at if after else None,
                "id": after.review_id if after else None,
                "limit": limit,
            },
        )
        return await cursor.fetchall()


async def find_review(connection: Connection, review_id: ReviewId) -> Review | None:
    async with connection.cursor(row_factory=class_row(Review)) as cursor:
        await cursor.execute(_REVIEW + "WHERE review.review_id = %s LIMIT 1", (review_id,))
        return await cursor.fetchone()


async def read_subject(connection: Connection, review: Review) -> Subject:
    async with connection.cursor(row_factory=class_row(Subject)) as cursor:
        await cursor.execute(
            "SELECT said.text, item.verdict" + _JOINED + "WHERE review.user_id = %s AND review.review_id = %s LIMIT 1",
            (review.user_id, review.review_id),
        )
        return await cursor.fetchone() or Subject(None, None)


async def list_context(connection: Connection, review: Review) -> list[SeenItem]:
    """In the order of the conversation: what the review's day let reviewers see, 10,000 characters of each at most."""
    async with connection.cursor(row_factory=class_row(SeenItem)) as cursor:
        await cursor.execute(
            _CONTEXT + "WHERE review.user_id = %s AND review.review_id = %s AND review.item_id IS NOT NULL "
            "ORDER BY item.sequence LIMIT %s",
            (review.user_id, review.review_id, CONTEXT_LIMIT),
        )
        return await cursor.fetchall()


async def list_events(connection: Connection, review: Review) -> list[Event]:
    """The oldest first."""
    async with connection.cursor(row_factory=class_row(Event)) as cursor:
        await cursor.execute(
            "SELECT at, kind, actor_id, note FROM review_events WHERE user_id = %s AND review_id = %s "
            "ORDER BY at, event_id LIMIT %s",
            (review.user_id, review.review_id, EVENTS_LIMIT),
        )
        return await cursor.fetchall()


async def add_event(
    connection: Connection, review: Review, actor_id: UserId, kind: EventKind, note: str | None = None
) -> None:
    await connection.execute(
        "INSERT INTO review_events (user_id, review_id, event_id, actor_id, kind, note) VALUES (%s, %s, %s, %s, %s, %s)",
        (review.user_id, review.review_id, new_uuid(), actor_id, kind, note),
    )


async def note_view(connection: Connection, review: Review, actor_id: UserId) -> None:
    """Once an hour."""
    await connection.execute(
        "INSERT INTO review_events (user_id, review_id, event_id, actor_id, kind) "
        "SELECT %(user_id)s, %(review_id)s, %(event_id)s, %(actor_id)s, 'viewed' WHERE NOT EXISTS ("
        "SELECT FROM review_events WHERE user_id = %(user_id)s AND review_id = %(review_id)s "
        "AND actor_id = %(actor_id)s AND kind = 'viewed' AND at > now() - %(again_after)s::interval LIMIT 1)",
        {
            "user_id": review.user_id,
            "review_id": review.review_id,
            "event_id": new_uuid(),
            "actor_id": actor_id,
            "again_after": VIEWED_AGAIN_AFTER,
        },
    )


async def lock_item(connection: Connection, review: Review) -> None:
    """Where the review is of a blocked item that still exists. Before `lock_state`: who deletes an item locks it first, too."""
    await connection.execute(
        "SELECT FROM items WHERE user_id = %s AND item_id = %s LIMIT 1 FOR UPDATE", (review.user_id, review.item_id)
    )


async def lock_state(connection: Connection, review: Review) -> State | None:
    """The state as it is until the transaction ends. None where its user is gone, and for the reviewer's own item."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT state FROM reviews WHERE user_id = %s AND review_id = %s LIMIT 1 FOR UPDATE",
            (review.user_id, review.review_id),
        )
        return await cursor.fetchone()


async def set_state(connection: Connection, review: Review, state: Literal["approved", "upheld", "escalated"]) -> None:
    await connection.execute(
        "UPDATE reviews SET state = %(state)s, decided_at = CASE WHEN %(state)s <> 'escalated' THEN now() END "
        "WHERE user_id = %(user_id)s AND review_id = %(review_id)s",
        {"state": state, "user_id": review.user_id, "review_id": review.review_id},
    )


# One statement each: a row that is changed twice has its foreign keys checked, which locks the conversation, and who deletes an
# item locks that one first.
async def let_through(connection: Connection, review: Review) -> None:
    """What was blocked stands in its conversation and in later prompts as if it never had been."""
    await connection.execute(
        "UPDATE items SET is_blocked = false, token_count = NULL, tokenizer = NULL, content = coalesce(("
        "SELECT jsonb_build_object('texts', jsonb_build_array(withheld.text)) FROM withheld_texts AS withheld "
        "WHERE withheld.user_id = items.user_id AND withheld.item_id = items.item_id LIMIT 1), content) "
        "WHERE user_id = %s AND item_id = %s",
        (review.user_id, review.item_id),
    )


async def block_again(connection: Connection, review: Review) -> None:
    """The inverse of `let_through`; what is blocked stays so."""
    await connection.execute(
        "UPDATE items SET is_blocked = true, token_count = NULL, tokenizer = NULL, content = coalesce(("
        'SELECT \'{"texts": [""]}\'::jsonb FROM withheld_texts AS withheld '
        "WHERE withheld.user_id = items.user_id AND withheld.item_id = items.item_id LIMIT 1), content) "
        "WHERE user_id = %s AND item_id = %s",
        (review.user_id, review.item_id),
    )


async def list_labels(connection: Connection, *, after: Review | None, limit: int) -> LabelPage:
    """The oldest decision first: at most `limit` of them, and fewer where their texts are long."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "WITH decided AS (SELECT review.review_id, review.side, said.text, review.state, review.categories, "  # noqa: S608 -- of literals
            "item.verdict, review.decided_at"
            + _JOINED
            + "WHERE review.decided_at IS NOT NULL AND said.text IS NOT NULL "
            "AND (review.decided_at, review.review_id) > "
            "(coalesce(%(at)s, '-infinity'::timestamptz), coalesce(%(id)s, '00000000000000000000000000000000'::uuid)) "
            # One more than asked for tells whether there are more.
            "ORDER BY review.decided_at, review.review_id LIMIT %(limit)s + 1), "
            "measured AS (SELECT *, count(*) OVER () AS found, sum(octet_length(to_json(text)::text)) OVER ("
            "ORDER BY decided_at, review_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before FROM decided) "
            "SELECT review_id, side, text, state, categories, verdict, decided_at, found FROM measured "
            "WHERE coalesce(bytes_before, 0) < %(limit_bytes)s ORDER BY decided_at, review_id LIMIT %(limit)s",
            {
                "at": after.decided_at if after else None,
                "id": after.review_id if after else None,
                "limit": limit,
                "limit_bytes": LABELS_LIMIT_BYTES,
            },
        )
        rows: list[tuple[Any, ...]] = await cursor.fetchall()
    return LabelPage([Label(*row[:-1]) for row in rows], has_more=bool(rows) and rows[0][-1] > len(rows))


async def make_appeal(
    connection: Connection, user_id: UserId, item_id: ItemId, note: str | None
) -> tuple[ReviewId, Appeal] | None:
    """None where there is nothing to appeal to, or it was done before. What was upheld is open again."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "UPDATE reviews SET appealed_at = now(), appeal_note = %s, "
            "state = CASE state WHEN 'upheld' THEN 'open' ELSE state END, decided_at = NULL "
            "WHERE user_id = %s AND item_id = %s AND appealed_at IS NULL AND action = 'block' AND is_enforced "
            "AND state <> 'approved' RETURNING review_id, state, appealed_at",
            (note, user_id, item_id),
        )
        row = await cursor.fetchone()
    return (row[0], Appeal(row[1], row[2], is_new=True)) if row else None


async def add_appeal_event(connection: Connection, user_id: UserId, review_id: ReviewId, note: str | None) -> None:
    await connection.execute(
        "INSERT INTO review_events (user_id, review_id, event_id, actor_id, kind, note) "
        "VALUES (%s, %s, %s, %s, 'appealed', %s)",
        (user_id, review_id, new_uuid(), user_id, note),
    )


async def find_appeal(connection: Connection, user_id: UserId, item_id: ItemId) -> Appeal | None:
    async with connection.cursor(row_factory=tuple_row) as cursor:
        await cursor.execute(
            "SELECT state, appealed_at FROM reviews "
            "WHERE user_id = %s AND item_id = %s AND appealed_at IS NOT NULL LIMIT 1",
            (user_id, item_id),
        )
        row = await cursor.fetchone()
    return Appeal(row[0], row[1], is_new=False) if row else None
