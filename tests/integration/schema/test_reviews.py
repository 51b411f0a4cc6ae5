"""What reviewers see and change, and what a user can do about a review of his own."""

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
import pytest

from local.parts.postgres import EmbeddedPostgres
from parley.ids import new_uuid
from tests.integration.schema.rows import UserRows, act_for, insert_rows

ADD_EVENT = "INSERT INTO review_events (user_id, review_id, event_id, actor_id, kind) VALUES (%s, %s, %s, %s, %s)"
OPEN_REVIEW = (
    "INSERT INTO reviews (user_id, review_id, item_id, conversation_id, response_id, side, action, is_enforced, is_unjudged, "
    "categories, score, from_sequence, to_sequence) VALUES (%s, %s, %s, %s, gen_random_uuid(), 'input', %s, %s, false, "
    "'{hate}', 0.9, %s, %s)"
)
REFUSED = psycopg.errors.InsufficientPrivilege


@pytest.fixture
def user(postgres: EmbeddedPostgres) -> UserRows:
    """One whose conversation has one item, which is under review with nothing around it."""
    return insert_rows(postgres.url_for("parley_app"))


@pytest.fixture
def app(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_app"]


@pytest.fixture
def review(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_review"]


@contextmanager
def acting(connection: psycopg.Connection, user_id: UUID | None, *, keeps: bool = False) -> Iterator[None]:
    with connection.transaction(force_rollback=not keeps):
        act_for(connection, user_id)
        yield


def say(app: psycopg.Connection, user: UserRows, *sequences: int, conversation_id: UUID | None = None) -> list[UUID]:
    """More of the user's messages."""
    ids = [new_uuid() for _ in sequences]
    with acting(app, user.user_id, keeps=True):
        for item_id, sequence in zip(ids, sequences, strict=True):
            app.execute(
                "INSERT INTO items (user_id, item_id, conversation_id, sequence, type, role, status, content) "
                "VALUES (%s, %s, %s, %s, 'message', 'user', 'completed', '{}')",
                (user.user_id, item_id, conversation_id or user.conversation_id, sequence),
            )
    return ids


def flag(
    app: psycopg.Connection,
    user: UserRows,
    item_id: UUID,
    part: tuple[int, int],
    *,
    action: str = "block",
    is_enforced: bool = True,
) -> UUID:
    review_id = new_uuid()
    with acting(app, user.user_id, keeps=True):
        values = (user.user_id, review_id, item_id, user.conversation_id, action, is_enforced, *part)
        app.execute(OPEN_REVIEW, values)
    return review_id


def seen(review: psycopg.Connection, user: UserRows) -> list[int]:
    query = "SELECT sequence FROM items WHERE user_id = %s ORDER BY sequence"
    return [sequence for (sequence,) in review.execute(query, (user.user_id,))]


def set_state_of(review: psycopg.Connection, user: UserRows, state: str) -> None:
    review.execute(
        "UPDATE reviews SET state = %s::text, decided_at = CASE WHEN %s::text <> 'open' THEN now() END "
        "WHERE review_id = %s",
        (state, state, user.review_id),
    )


class TestWhatReviewersSee:
    def test_the_part_of_the_conversation_around_the_item_and_nothing_else(
        self, app: psycopg.Connection, review: psycopg.Connection, user: UserRows
    ) -> None:
        other_id = new_uuid()
        with acting(app, user.user_id, keeps=True):
            app.execute(
                "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)", (user.user_id, other_id)
            )
        say(app, user, 4, 5, 6, conversation_id=other_id)
        _, _, flagged, _, _ = say(app, user, 3, 4, 5, 6, 7)
        flag(app, user, flagged, (4, 6))

        assert seen(review, user) == [1, 4, 5, 6]

    def test_nothing_once_the_user_has_deleted_the_item(
        self, app: psycopg.Connection, review: psycopg.Connection, user: UserRows
    ) -> None:
        _, flagged, _ = say(app, user, 4, 5, 6)
        review_id = flag(app, user, flagged, (4, 6))
        with acting(app, user.user_id, keeps=True):
            app.execute("DELETE FROM items WHERE item_id = %s", (flagged,))

        kept = review.execute("SELECT item_id, score FROM reviews WHERE review_id = %s", (review_id,)).fetchone()

        assert seen(review, user) == [1]
        assert kept == (None, pytest.approx(0.9))

    def test_nothing_once_the_user_has_deleted_the_conversation(
        self, app: psycopg.Connection, review: psycopg.Connection, user: UserRows
    ) -> None:
        with acting(app, user.user_id, keeps=True):
            app.execute("DELETE FROM conversations")

        withheld = review.execute("SELECT text FROM withheld_texts WHERE user_id = %s", (user.user_id,)).fetchall()
        events = review.execute("SELECT kind FROM review_events WHERE user_id = %s", (user.user_id,)).fetchall()

        assert (seen(review, user), withheld, events) == ([], [], [("appealed",)])

    @pytest.mark.parametrize("column", ["token_count", "tokenizer"])
    def test_no_column_that_they_do_not_need(self, review: psycopg.Connection, column: str) -> None:
        with pytest.raises(REFUSED):
            review.execute(b"SELECT " + column.encode() + b" FROM items")


class TestWhatReviewersChange:
    def test_the_state_of_another_s_review(self, review: psycopg.Connection, user: UserRows, bob: UserRows) -> None:
        decide = "UPDATE reviews SET state = 'upheld', decided_at = now() WHERE review_id = %s"

        with acting(review, bob.user_id):
            assert review.execute(decide, (user.review_id,)).rowcount == 1
        for nobody_else in (user.user_id, None):
            with acting(review, nobody_else):
                assert review.execute(decide, (user.review_id,)).rowcount == 0

    @pytest.mark.parametrize("change", ["score = 0", "categories = '{}'", "to_sequence = 99", "appealed_at = now()"])
    def test_nothing_of_why_it_was_flagged(self, review: psycopg.Connection, bob: UserRows, change: str) -> None:
        with acting(review, bob.user_id), pytest.raises(REFUSED):
            review.execute(b"UPDATE reviews SET " + change.encode())

    @pytest.mark.parametrize(("action", "is_enforced"), [("review", True), ("block", False)])
    def test_no_item_that_nothing_was_done_to(
        self,
        app: psycopg.Connection,
        review: psycopg.Connection,
        user: UserRows,
        bob: UserRows,
        action: str,
        *,
        is_enforced: bool,
    ) -> None:
        before, flagged = say(app, user, 4, 5)
        flag(app, user, flagged, (4, 5), action=action, is_enforced=is_enforced)

        with acting(review, bob.user_id):
            changed = review.execute(
                "UPDATE items SET is_blocked = true WHERE item_id = ANY(%s)", ([before, flagged, user.item_id],)
            )

            assert changed.rowcount == 1  # what was blocked when the user came

    def test_no_item_of_their_own(self, review: psycopg.Connection, user: UserRows) -> None:
        with acting(review, user.user_id):
            changed = review.execute("UPDATE items SET is_blocked = false WHERE item_id = %s", (user.item_id,))

            assert changed.rowcount == 0

    @pytest.mark.parametrize(
        "change", ["sequence = 9", "role = 'assistant'", "verdict = NULL", "status = 'incomplete'"]
    )
    def test_nothing_of_an_item_but_whether_it_is_shown(
        self, review: psycopg.Connection, bob: UserRows, change: str
    ) -> None:
        with acting(review, bob.user_id), pytest.raises(REFUSED):
            review.execute(b"UPDATE items SET " + change.encode())


class TestTheTrail:
    def test_a_reviewer_adds_what_he_did_himself(
        self, review: psycopg.Connection, user: UserRows, bob: UserRows
    ) -> None:
        for kind in ("viewed", "approved", "upheld", "escalated"):
            with acting(review, bob.user_id):
                review.execute(ADD_EVENT, (user.user_id, user.review_id, new_uuid(), bob.user_id, kind))

    @pytest.mark.parametrize("kind", ["approved", "upheld", "escalated", "appealed"])
    def test_of_his_own_item_he_says_no_more_than_that_he_looked(
        self, review: psycopg.Connection, user: UserRows, kind: str
    ) -> None:
        event = (user.user_id, user.review_id, new_uuid(), user.user_id)

        with acting(review, user.user_id):
            review.execute(ADD_EVENT, (*event, "viewed"))
        with acting(review, user.user_id), pytest.raises(REFUSED):
            review.execute(ADD_EVENT, (*event, kind))

    def test_nobody_adds_in_another_s_name(
        self, app: psycopg.Connection, review: psycopg.Connection, user: UserRows, bob: UserRows
    ) -> None:
        of_review = (user.user_id, user.review_id, new_uuid())
        for connection, acts_for, actor, kind in (
            (review, bob.user_id, user.user_id, "viewed"),
            (review, None, bob.user_id, "viewed"),
            (review, bob.user_id, bob.user_id, "appealed"),
            (app, user.user_id, bob.user_id, "appealed"),
            (app, bob.user_id, bob.user_id, "appealed"),
        ):
            with acting(connection, acts_for), pytest.raises(REFUSED):
                connection.execute(ADD_EVENT, (*of_review, actor, kind))

    @pytest.mark.parametrize("kind", ["viewed", "approved", "upheld", "escalated"])
    def test_a_user_adds_nothing_but_an_appeal(self, app: psycopg.Connection, user: UserRows, kind: str) -> None:
        with acting(app, user.user_id), pytest.raises(REFUSED):
            app.execute(ADD_EVENT, (user.user_id, user.review_id, new_uuid(), user.user_id, kind))

    @pytest.mark.parametrize("role", ["parley_app", "parley_review"])
    def test_nobody_says_when(
        self, connections: dict[str, psycopg.Connection], user: UserRows, bob: UserRows, role: str
    ) -> None:
        add = ADD_EVENT.replace("kind)", "kind, at)").replace("%s)", "%s, '2020-01-01')")
        actor, kind = (user.user_id, "appealed") if role == "parley_app" else (bob.user_id, "viewed")

        with acting(connections[role], actor), pytest.raises(REFUSED):
            connections[role].execute(add, (user.user_id, user.review_id, new_uuid(), actor, kind))

    @pytest.mark.parametrize("statement", ["UPDATE review_events SET note = 'x'", "DELETE FROM review_events"])
    @pytest.mark.parametrize("role", ["parley_app", "parley_review"])
    def test_what_stands_there_stays(
        self, connections: dict[str, psycopg.Connection], user: UserRows, role: str, statement: str
    ) -> None:
        with acting(connections[role], user.user_id), pytest.raises(REFUSED):
            connections[role].execute(statement.encode())


class TestAnAppeal:
    APPEAL = b"UPDATE reviews SET appealed_at = now(), state = 'open', decided_at = NULL"

    @pytest.mark.parametrize("state", ["open", "upheld"])
    def test_of_what_was_blocked_is_made_once(
        self, app: psycopg.Connection, review: psycopg.Connection, user: UserRows, bob: UserRows, state: str
    ) -> None:
        with acting(review, bob.user_id, keeps=True):
            set_state_of(review, user, state)

        with acting(app, user.user_id):
            assert app.execute(self.APPEAL).rowcount == 1
            assert app.execute(self.APPEAL).rowcount == 0

    def test_of_what_was_approved_is_not_made(
        self, app: psycopg.Connection, review: psycopg.Connection, user: UserRows, bob: UserRows
    ) -> None:
        with acting(review, bob.user_id, keeps=True):
            set_state_of(review, user, "approved")

        with acting(app, user.user_id):
            assert app.execute(self.APPEAL).rowcount == 0

    @pytest.mark.parametrize(("action", "is_enforced"), [("review", True), ("block", False)])
    def test_of_what_was_let_through_is_not_made(
        self, app: psycopg.Connection, user: UserRows, action: str, *, is_enforced: bool
    ) -> None:
        (flagged,) = say(app, user, 4)
        review_id = flag(app, user, flagged, (4, 4), action=action, is_enforced=is_enforced)

        with acting(app, user.user_id):
            appeal = self.APPEAL.decode() + " WHERE review_id = %s"
            assert app.execute(appeal.encode(), (review_id,)).rowcount == 0

    @pytest.mark.parametrize("state", ["approved", "upheld"])
    def test_decides_nothing(self, app: psycopg.Connection, user: UserRows, state: str) -> None:
        with acting(app, user.user_id), pytest.raises(REFUSED):
            app.execute("UPDATE reviews SET appealed_at = now(), decided_at = now(), state = %s", (state,))

    def test_is_not_had_by_changing_the_state_alone(self, app: psycopg.Connection, user: UserRows) -> None:
        with acting(app, user.user_id), pytest.raises(REFUSED):
            app.execute("UPDATE reviews SET state = 'escalated'")

    @pytest.mark.parametrize("column", ["categories", "score", "appeal_note", "from_sequence", "is_unjudged"])
    def test_shows_the_user_nothing_of_why(self, app: psycopg.Connection, user: UserRows, column: str) -> None:
        with acting(app, user.user_id), pytest.raises(REFUSED):
            app.execute(b"SELECT " + column.encode() + b" FROM reviews")


def test_no_review_is_opened_about_another_or_decided_at_once(
    app: psycopg.Connection, user: UserRows, bob: UserRows
) -> None:
    values = (user.user_id, new_uuid(), None, user.conversation_id, "block", True, 1, 1)

    with acting(app, bob.user_id), pytest.raises(REFUSED):
        app.execute(OPEN_REVIEW, values)
    with acting(app, user.user_id), pytest.raises(REFUSED):
        app.execute(OPEN_REVIEW.replace("side", "state, side").replace("'input'", "'escalated', 'input'"), values)


@pytest.mark.parametrize("role", ["parley_app", "parley_jobs"])
def test_what_was_withheld_is_a_reviewer_s_to_read(
    connections: dict[str, psycopg.Connection], user: UserRows, role: str
) -> None:
    with acting(connections[role], user.user_id), pytest.raises(REFUSED):
        connections[role].execute("SELECT text FROM withheld_texts")
