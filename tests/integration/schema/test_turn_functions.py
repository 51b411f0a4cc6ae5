"""The functions that read, begin and settle turns: they do for an owner what the caller may do, and nothing to anybody else's."""

import json
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
import pytest

from parley.ids import new_uuid
from tests.integration.schema.rows import UserRows, act_for

READ = "SELECT sequence FROM read_conversation(%s, %s, NULL)"
RECORD = "SELECT record_turn(%s, %s, %s, 1, NULL, %s, '[]')"
SETTLE = "SELECT settle_turn(%s, %s, 1, %s, NULL, '[]')"
OUTCOME = json.dumps({"status": "cancelled", "model": "m"})
NAMES = ("read_conversation", "record_turn", "settle_turn", "save_checkpoints")


@pytest.fixture
def app(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_app"]


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
