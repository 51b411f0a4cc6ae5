"""What reviewers do with what moderation flagged, and how its user asks them to. Each use case is one transaction.

Reviewers' transactions are `parley_review`'s and act for the reviewer; an appeal is `parley_app`'s and acts for the user.
Raises throughout: NotFound, StorageUnavailable.
"""

from parley.errors import InvalidRequest, NotFound, PermissionDenied
from parley.ids import ItemId, UserId
from parley.kit.postgres import Connection, Pool, transaction
from parley.reviews import store
from parley.reviews.model import (
    Appeal,
    Decision,
    Event,
    LabelPage,
    OpenedReview,
    Review,
    Reviewer,
    ReviewId,
    ReviewPage,
    ReviewQuery,
    state_after,
)


async def list_reviews(pool: Pool, reviewer: Reviewer, query: ReviewQuery) -> ReviewPage:
    """By age. A review keeps its place when it is decided, so that pages neither repeat nor skip one."""
    async with transaction(pool, reviewer.user_id) as connection:
        after = await _after(connection, query.after)
        # One more than asked for tells whether there are more.
        found = await store.list_reviews(connection, query, after=after, limit=query.limit + 1)
    return ReviewPage(found[: query.limit], has_more=len(found) > query.limit)


async def open_review(pool: Pool, reviewer: Reviewer, review_id: ReviewId) -> OpenedReview:
    """With what stands around the item, as far as a reviewer may see it. That it was looked at is noted first."""
    async with transaction(pool, reviewer.user_id) as connection:
        review = await _find(connection, review_id)
        await store.note_view(connection, review, reviewer.user_id)
        return OpenedReview(
            review,
            await store.read_subject(connection, review),
            await store.list_context(connection, review),
            await store.list_events(connection, review),
        )


async def decide_review(
    pool: Pool, reviewer: Reviewer, review_id: ReviewId, decision: Decision, note: str | None
) -> tuple[Review, list[Event]]:
    """The review as it is then, and its trail. Of two that decide at once one is told that it is decided.

    Raises: PermissionDenied for the reviewer's own item, and for what is an admin's to decide; ReviewDecided.
    """
    async with transaction(pool, reviewer.user_id) as connection:
        review = await _find(connection, review_id)
        if review.user_id == reviewer.user_id:
            raise PermissionDenied("This is about a conversation of your own: somebody else has to decide it.")
        await store.lock_item(connection, review)
        before = await store.lock_state(connection, review)
        if before is None:
            raise _no_review()
        state = state_after(before, decision, is_admin=reviewer.is_admin)
        await store.set_state(connection, review, state)
        if review.was_blocked and state == "approved":
            await store.let_through(connection, review)
        if review.was_blocked and state == "upheld":
            await store.block_again(connection, review)
        await store.add_event(connection, review, reviewer.user_id, state, note)
        return await _find(connection, review_id), await store.list_events(connection, review)


async def list_labels(pool: Pool, reviewer: Reviewer, *, limit: int, after: ReviewId | None) -> LabelPage:
    """What was decided, the oldest decision first, without what its users have deleted."""
    async with transaction(pool, reviewer.user_id) as connection:
        cursor = await _after(connection, after)
        if cursor is not None and cursor.decided_at is None:
            raise NotFound("This review is not decided any more: begin anew.", param="after")
        return await store.list_labels(connection, after=cursor, limit=limit)


async def appeal(pool: Pool, user_id: UserId, item_id: ItemId, note: str | None) -> Appeal:
    """The user asks that a person look at what was blocked. Once: who asks again is told what came of it, and the note stays.

    Raises: InvalidRequest for an item that is not blocked.
    """
    async with transaction(pool, user_id) as connection:
        made = await store.make_appeal(connection, user_id, item_id, note)
        if made is not None:
            review_id, new = made
            await store.add_appeal_event(connection, user_id, review_id, note)
            return new
        earlier = await store.find_appeal(connection, user_id, item_id)
    if earlier is None:
        raise InvalidRequest("Nobody blocked this item, so there is nothing to appeal to.")
    return earlier


async def _find(connection: Connection, review_id: ReviewId, param: str | None = None) -> Review:
    found = await store.find_review(connection, review_id)
    if found is None:
        raise _no_review(param)
    return found


def _no_review(param: str | None = None) -> NotFound:
    return NotFound("No such review.", param=param)


async def _after(connection: Connection, review_id: ReviewId | None) -> Review | None:
    return None if review_id is None else await _find(connection, review_id, param="after")
