"""The functions that read, begin and settle turns: they do for an owner what the caller may do, and nothing to anybody else's."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar
from uuid import UUID

import psycopg
import pytest

from local.parts.postgres import EmbeddedPostgres
from parley.ids import new_uuid
from tests.integration.schema.rows import UserRows, act_for, insert_rows

READ = "SELECT sequence FROM read_conversation(%s, %s, NULL)"
RECORD = "SELECT record_turn(%s, %s, %s, 1, NULL, %s, '[]')"
SETTLE = "SELECT settle_turn(%s, %s, 1, %s, NULL, '[]')"
OUTCOME = json.dumps({"status": "cancelled", "model": "m"})
NAMES = ("read_conversation", "record_turn", "settle_turn", "save_checkpoints")


@pytest.fixture
def app(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_app"]


@pytest.fixture
def review(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_review"]


def call(connection: psycopg.Connection, statement: str, *parameters: object) -> Sequence[Any]:
    """The first column. Nothing stays."""
    with connection.transaction(force_rollback=True):
        return [row[0] for row in connection.execute(statement.encode(), parameters).fetchall()]


def new_turn() -> str:
    ids = {name: str(new_uuid()) for name in ("response_id", "output_item_id")}
    facts = {"model": "m", "status": "in_progress", "created_at": "2026-11-22T00:00:00Z", "request": {}}
    return json.dumps({**ids, **facts, "is_background": False, "lease_epoch": 1})


def began(app: psycopg.Connection, user: UserRows) -> UUID:
    """A turn that runs, in a conversation of its own."""
    conversation_id, turn = new_uuid(), new_turn()
    with app.transaction():
        act_for(app, user.user_id)
        app.execute(
            "INSERT INTO conversations (user_id, conversation_id) VALUES (%s, %s)", (user.user_id, conversation_id)
        )
        app.execute(RECORD, (user.user_id, conversation_id, 1, turn))
    return UUID(json.loads(turn)["response_id"])


def test_an_owner_s_conversation_is_read_begun_and_settled(app: psycopg.Connection, alice: UserRows) -> None:
    response_id = began(app, alice)

    assert call(app, READ, alice.user_id, alice.conversation_id) == [1]
    assert call(app, RECORD, alice.user_id, alice.conversation_id, 1, new_turn()) == [True]
    assert call(app, SETTLE, alice.user_id, response_id, OUTCOME) == [True]


@pytest.mark.parametrize(
    ("version", "decides", "is_judged"), [("v-1", False, True), ("away", False, False), ("away", True, True)]
)
def test_an_item_without_a_verdict_in_time_is_judged_again_until_a_person_has_looked(
    app: psycopg.Connection,
    review: psycopg.Connection,
    postgres: EmbeddedPostgres,
    bob: UserRows,
    version: str,
    decides: bool,
    is_judged: bool,
) -> None:
    user = insert_rows(postgres.url_for("parley_app"))
    verdict = {"action": "review", "layers": [{"layer": "keywords", "version": "1"}, {"version": version}]}
    with app.transaction():
        act_for(app, user.user_id)
        app.execute("UPDATE items SET verdict = %s WHERE item_id = %s", (json.dumps(verdict), user.item_id))
    if decides:
        with review.transaction():
            act_for(review, bob.user_id)
            review.execute("UPDATE reviews SET state = 'escalated' WHERE user_id = %s", (user.user_id,))

    found = call(app, "SELECT is_judged FROM read_conversation(%s, %s, NULL)", user.user_id, user.conversation_id)

    assert found == [is_judged]


def test_another_s_conversation_is_not_there(app: psycopg.Connection, alice: UserRows, bob: UserRows) -> None:
    response_id = began(app, alice)

    assert call(app, READ, bob.user_id, alice.conversation_id) == []
    assert call(app, RECORD, bob.user_id, alice.conversation_id, 1, new_turn()) == [False]
    assert call(app, SETTLE, bob.user_id, response_id, OUTCOME) == [False]
    assert call(app, SETTLE, alice.user_id, response_id, OUTCOME) == [True]


def test_who_lost_the_lease_settles_nothing(app: psycopg.Connection, alice: UserRows) -> None:
    late = SETTLE.replace("%s, 1,", "%s, 2,")

    assert call(app, late, alice.user_id, began(app, alice), OUTCOME) == [False]


def test_whom_they_acted_for_ends_with_the_transaction(app: psycopg.Connection, alice: UserRows) -> None:
    with app.transaction():
        app.execute(READ, (alice.user_id, alice.conversation_id))

    assert app.execute("SELECT count(*), acting_user_id() FROM items").fetchone() == (0, None)


@pytest.mark.parametrize("role", ["parley_review", "parley_auth"])
def test_they_give_nobody_rights_they_do_not_have(
    connections: dict[str, psycopg.Connection], app: psycopg.Connection, alice: UserRows, role: str
) -> None:
    response_id = began(app, alice)

    for statement, *parameters in (
        (READ, alice.user_id, alice.conversation_id),
        (RECORD, alice.user_id, alice.conversation_id, 1, new_turn()),
        (SETTLE, alice.user_id, response_id, OUTCOME),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            call(connections[role], statement, *parameters)


def test_jobs_settle_a_turn_and_neither_read_nor_begin_one(
    connections: dict[str, psycopg.Connection], app: psycopg.Connection, alice: UserRows
) -> None:
    jobs, response_id = connections["parley_jobs"], began(app, alice)

    for statement, *parameters in (
        (READ, alice.user_id, alice.conversation_id),
        (RECORD, alice.user_id, alice.conversation_id, 1, new_turn()),
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            call(jobs, statement, *parameters)
    assert call(jobs, SETTLE, alice.user_id, response_id, OUTCOME) == [True]


@pytest.mark.parametrize("name", NAMES)
def test_each_runs_with_the_rights_of_its_caller_whatever_is_on_his_search_path(
    owner: psycopg.Connection, name: str
) -> None:
    function = owner.execute(
        "SELECT proowner::regrole::text, prosecdef, proconfig FROM pg_proc WHERE proname = %s", (name,)
    ).fetchall()

    assert function == [("parley_owner", False, ["search_path=pg_catalog, public, pg_temp"])]


class TestWhatASettledTurnSaysOfItsItems:
    """An outcome's `reviews` and the verdicts of new items."""

    VERDICT: ClassVar = {"action": "block", "layers": []}

    def asked(self, app: psycopg.Connection, user: UserRows, *, messages: int = 1) -> tuple[UUID, list[UUID]]:
        """A turn that runs, and the user's messages before it: the last is what it answers."""
        response_id, items = began(app, user), [new_uuid() for _ in range(messages)]
        with app.transaction():
            act_for(app, user.user_id)
            for sequence, item_id in enumerate(items, start=1):
                app.execute(
                    "INSERT INTO items (user_id, item_id, conversation_id, sequence, type, role, status, content) "
                    "SELECT user_id, %s, conversation_id, %s, 'message', 'user', 'completed', '{\"texts\": [\"Hi\"]}' "
                    "FROM responses WHERE response_id = %s",
                    (item_id, sequence, response_id),
                )
            app.execute(
                "UPDATE conversations SET next_sequence = %s FROM responses "
                "WHERE response_id = %s AND responses.conversation_id = conversations.conversation_id",
                (messages + 1, response_id),
            )
        return response_id, items

    def asked_later(self, app: psycopg.Connection, user: UserRows, response_id: UUID) -> UUID:
        """Another turn of the conversation of one that has settled."""
        turn = new_turn()
        with app.transaction():
            act_for(app, user.user_id)
            row = app.execute(
                "SELECT conversation_id, next_sequence FROM responses JOIN conversations USING (user_id, conversation_id) "
                "WHERE response_id = %s",
                (response_id,),
            ).fetchone()
            assert row is not None
            conversation_id, next_sequence = row
            app.execute(RECORD, (user.user_id, conversation_id, next_sequence, turn))
        return UUID(json.loads(turn)["response_id"])

    def flagged(self, item_id: UUID, **changes: object) -> dict[str, Any]:
        return {
            "review_id": str(new_uuid()),
            "item_id": str(item_id),
            "side": "input",
            "action": "block",
            "is_enforced": True,
            "is_unjudged": False,
            "categories": ["hate", "violence"],
            "score": 0.5,
            "context_items": 3,
            "withheld": None,
            **changes,
        }

    def settle(
        self,
        app: psycopg.Connection,
        user: UserRows,
        response_id: UUID,
        reviews: Sequence[dict[str, Any]],
        items: Sequence[dict[str, Any]] = (),
    ) -> None:
        statement = "SELECT settle_turn(%s, %s, 1, %s, NULL, %s)"
        outcome = json.dumps({"status": "failed", "model": "m", "reviews": list(reviews)})
        with app.transaction():
            row = app.execute(statement, (user.user_id, response_id, outcome, json.dumps(list(items)))).fetchone()
        assert row == (True,)

    def answer(self, item_id: UUID, **changes: object) -> dict[str, Any]:
        said = {"type": "message", "role": "assistant", "status": "incomplete", "content": {"texts": []}}
        return {"position": 1, "item_id": str(item_id), **said, "token_count": None, **changes}

    def test_a_flagged_message_is_queued_with_what_stood_around_it(
        self, app: psycopg.Connection, review: psycopg.Connection, alice: UserRows
    ) -> None:
        response_id, items = self.asked(app, alice, messages=6)
        flagged = self.flagged(items[-1])

        self.settle(app, alice, response_id, [flagged], [self.answer(new_uuid())])

        row = review.execute(
            "SELECT item_id, conversation_id IS NOT NULL, response_id, side, action, is_enforced, is_unjudged, categories, "
            "score, from_sequence, to_sequence, state, appealed_at, decided_at FROM reviews WHERE review_id = %s",
            (flagged["review_id"],),
        ).fetchone()
        # Behind it stands the answer; of what will be said later nothing comes into sight.
        assert row == (
            *(items[-1], True, response_id, "input", "block", True, False, ["hate", "violence"], 0.5),
            *(3, 7, "open", None, None),
        )

    def test_what_an_answer_said_is_kept_for_reviewers_and_its_item_has_the_verdict(
        self, app: psycopg.Connection, review: psycopg.Connection, alice: UserRows
    ) -> None:
        response_id, _ = self.asked(app, alice)
        answer_id = new_uuid()
        flagged = self.flagged(answer_id, side="output", withheld="What it said")
        answer = self.answer(answer_id, verdict=self.VERDICT, is_blocked=True)

        self.settle(app, alice, response_id, [flagged], [answer])

        withheld = review.execute("SELECT text FROM withheld_texts WHERE item_id = %s", (answer_id,)).fetchone()
        item = review.execute(
            "SELECT content, verdict, is_blocked, status FROM items WHERE item_id = %s", (answer_id,)
        ).fetchone()
        assert withheld == ("What it said",)
        assert item == ({"texts": []}, self.VERDICT, True, "incomplete")

    def test_an_answer_without_a_verdict_has_none_and_is_not_blocked(
        self, app: psycopg.Connection, alice: UserRows
    ) -> None:
        response_id, _ = self.asked(app, alice)
        answer_id = new_uuid()

        self.settle(app, alice, response_id, [], [self.answer(answer_id)])

        with app.transaction():
            act_for(app, alice.user_id)
            item = app.execute("SELECT verdict, is_blocked FROM items WHERE item_id = %s", (answer_id,)).fetchone()
        assert item == (None, False)

    def test_what_is_under_review_is_not_asked_about_again(
        self, app: psycopg.Connection, review: psycopg.Connection, alice: UserRows
    ) -> None:
        response_id, (item_id,) = self.asked(app, alice)
        first, second = self.flagged(item_id), self.flagged(item_id, withheld="x")

        self.settle(app, alice, response_id, [first, second])

        found = review.execute("SELECT review_id FROM reviews WHERE item_id = %s", (item_id,)).fetchall()
        assert found == [(UUID(first["review_id"]),)]

    @pytest.mark.parametrize(
        ("is_unjudged", "decides", "action"), [(True, False, "block"), (True, True, "review"), (False, False, "block")]
    )
    def test_what_is_blocked_by_a_later_verdict_is_under_review_as_blocked(
        self,
        app: psycopg.Connection,
        review: psycopg.Connection,
        alice: UserRows,
        bob: UserRows,
        is_unjudged: bool,
        decides: bool,
        action: str,
    ) -> None:
        """But what a person has looked at stays what it was."""
        response_id, (item_id,) = self.asked(app, alice)
        first = self.flagged(item_id, action="review" if is_unjudged else "block", is_unjudged=is_unjudged)
        self.settle(app, alice, response_id, [first])
        if decides:
            with review.transaction():
                act_for(review, bob.user_id)
                review.execute("UPDATE reviews SET state = 'escalated' WHERE review_id = %s", (first["review_id"],))

        later = self.asked_later(app, alice, response_id)
        self.settle(app, alice, later, [self.flagged(item_id, score=0.9)])

        found = review.execute(
            "SELECT review_id, action, is_unjudged, score FROM reviews WHERE item_id = %s", (item_id,)
        ).fetchall()
        is_changed = is_unjudged and not decides
        assert found == [
            (
                UUID(first["review_id"]),
                action,
                is_unjudged and not is_changed,
                pytest.approx(0.9 if is_changed else 0.5),
            )
        ]
        assert review.execute("SELECT FROM withheld_texts WHERE item_id = %s", (item_id,)).fetchall() == []

    def test_an_item_that_is_not_in_the_turn_s_conversation_is_not_queued(
        self, app: psycopg.Connection, review: psycopg.Connection, alice: UserRows, bob: UserRows
    ) -> None:
        response_id, _ = self.asked(app, alice)
        elsewhere = [self.flagged(each, withheld="x") for each in (alice.item_id, bob.item_id, new_uuid())]

        self.settle(app, alice, response_id, elsewhere)

        ids = [UUID(each["review_id"]) for each in elsewhere]
        assert review.execute("SELECT FROM reviews WHERE review_id = ANY(%s)", (ids,)).fetchall() == []

    def test_who_lost_the_lease_flags_nothing(
        self, app: psycopg.Connection, review: psycopg.Connection, alice: UserRows
    ) -> None:
        response_id, (item_id,) = self.asked(app, alice)
        outcome = json.dumps({"status": "failed", "reviews": [self.flagged(item_id)]})

        with app.transaction():
            app.execute("SELECT settle_turn(%s, %s, 2, %s, NULL, '[]')", (alice.user_id, response_id, outcome))

        assert review.execute("SELECT FROM reviews WHERE item_id = %s", (item_id,)).fetchall() == []
