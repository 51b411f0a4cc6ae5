"""What the writer of checkpoints may write: what was said, of turns that run under its lease, each for its owner."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import psycopg
import pytest

from parley.ids import new_uuid
from tests.integration.schema.rows import UserRows, act_for

SAVE = "SELECT save_checkpoints(%s::json)"
SAID = [{"t": "Hel"}, {"t": "lo"}]

Begin = Callable[[UserRows], UUID]


@pytest.fixture
def app(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_app"]


@pytest.fixture
def begin(app: psycopg.Connection) -> Begin:
    """Begins a turn of a user in a conversation of its own, under the lease 2."""

    def begin(user: UserRows, status: str = "in_progress") -> UUID:
        conversation_id, response_id = new_uuid(), new_uuid()
        with app.transaction():
            act_for(app, user.user_id)
            app.execute(
                "INSERT INTO conversations (user_id, conversation_id, is_listed) VALUES (%s, %s, false)",
                (user.user_id, conversation_id),
            )
            app.execute(
                "INSERT INTO responses "
                "(user_id, response_id, conversation_id, output_item_id, model, lease_epoch, status, settled_at) "
                "VALUES (%s, %s, %s, %s, 'm', 2, %s, CASE WHEN %s IN ('queued', 'in_progress') THEN NULL ELSE now() END)",
                (user.user_id, response_id, conversation_id, new_uuid(), status, status),
            )
        return response_id

    return begin


def entry(user: UserRows, response_id: UUID, lease_epoch: int = 2) -> dict[str, Any]:
    return {"user_id": str(user.user_id), "response_id": str(response_id), "lease_epoch": lease_epoch, "said": SAID}


def save(connection: psycopg.Connection, *entries: dict[str, Any]) -> None:
    with connection.transaction():
        connection.execute(SAVE, (json.dumps(entries),))


def checkpoint(app: psycopg.Connection, user: UserRows, response_id: UUID) -> Any:
    with app.transaction():
        act_for(app, user.user_id)
        row = app.execute("SELECT checkpoint FROM responses WHERE response_id = %s", (response_id,)).fetchone()
    assert row
    return row[0]


def test_turns_of_many_users_are_written_at_once(
    app: psycopg.Connection, begin: Begin, alice: UserRows, bob: UserRows
) -> None:
    turns = [(alice, begin(alice)), (bob, begin(bob)), (alice, begin(alice))]

    save(app, *(entry(*turn) for turn in turns))

    assert [checkpoint(app, *turn) for turn in turns] == [SAID] * 3


def test_a_later_checkpoint_takes_the_place_of_the_one_before(
    app: psycopg.Connection, begin: Begin, alice: UserRows
) -> None:
    response_id = begin(alice)
    save(app, entry(alice, response_id))

    save(app, {**entry(alice, response_id), "said": ["all of it"]})

    assert checkpoint(app, alice, response_id) == ["all of it"]


@pytest.mark.parametrize("lease_epoch", [1, 3])
def test_who_lost_the_lease_writes_nothing(
    app: psycopg.Connection, begin: Begin, alice: UserRows, lease_epoch: int
) -> None:
    response_id = begin(alice)

    save(app, entry(alice, response_id, lease_epoch))

    assert checkpoint(app, alice, response_id) is None


@pytest.mark.parametrize("status", ["queued", "completed", "incomplete", "cancelled", "failed"])
def test_a_turn_that_does_not_run_is_left_alone(
    app: psycopg.Connection, begin: Any, alice: UserRows, status: str
) -> None:
    response_id = begin(alice, status)

    save(app, entry(alice, response_id))

    assert checkpoint(app, alice, response_id) is None


def test_a_turn_under_another_user_s_name_is_left_alone_and_the_others_are_written(
    app: psycopg.Connection, begin: Begin, alice: UserRows, bob: UserRows
) -> None:
    hers, his = begin(alice), begin(bob)

    save(app, entry(bob, hers), entry(alice, new_uuid()), entry(bob, his))

    assert checkpoint(app, alice, hers) is None
    assert checkpoint(app, bob, his) == SAID


def test_it_writes_nothing_but_the_checkpoint(app: psycopg.Connection, begin: Begin, alice: UserRows) -> None:
    def others() -> Any:
        with app.transaction():
            act_for(app, alice.user_id)
            statement = "SELECT to_jsonb(responses) - 'checkpoint' FROM responses WHERE response_id = %s"
            return app.execute(statement, (response_id,)).fetchone()

    response_id = begin(alice)
    before = others()

    save(app, {**entry(alice, response_id), "status": "completed", "model": "other"})

    assert others() == before
    assert checkpoint(app, alice, response_id) == SAID


def test_nothing_to_write_is_fine(app: psycopg.Connection) -> None:
    save(app)


@pytest.mark.parametrize(
    "entries", ["{}", "null", "7", '[{"user_id": "x"}]', '["a"]', '[{"lease_epoch": "two"}]', '[{"response_id": "%"}]']
)
def test_what_is_no_list_of_checkpoints_writes_nothing(
    app: psycopg.Connection, begin: Begin, alice: UserRows, entries: str
) -> None:
    response_id = begin(alice)

    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        try:
            with app.transaction():
                app.execute(SAVE, (entries,))
        except psycopg.DataError:
            pass
        app.execute("SELECT 1")

    assert checkpoint(app, alice, response_id) is None


def test_whom_it_acted_for_ends_with_its_transaction(
    app: psycopg.Connection, begin: Begin, alice: UserRows, bob: UserRows
) -> None:
    save(app, entry(alice, begin(alice)), entry(bob, begin(bob)))

    row = app.execute("SELECT count(*), acting_user_id() FROM responses").fetchone()

    assert row == (0, None)


@pytest.mark.parametrize("role", ["parley_review", "parley_auth"])
def test_it_gives_nobody_rights_they_do_not_have(
    connections: dict[str, psycopg.Connection], app: psycopg.Connection, begin: Begin, alice: UserRows, role: str
) -> None:
    response_id = begin(alice)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        save(connections[role], entry(alice, response_id))

    assert checkpoint(app, alice, response_id) is None


def test_a_caller_s_temporary_table_is_not_written_instead(
    app: psycopg.Connection, begin: Begin, alice: UserRows
) -> None:
    response_id = begin(alice)

    with app.transaction():
        app.execute("CREATE TEMPORARY TABLE responses (LIKE public.responses) ON COMMIT DROP")
        app.execute("SET LOCAL search_path = pg_temp, public")
        app.execute(SAVE, (json.dumps([entry(alice, response_id)]),))

    assert checkpoint(app, alice, response_id) == SAID
