"""Who may do what to whose rows, as the roles that the functions log in with."""

from collections.abc import Mapping
from itertools import product
from typing import get_args

import psycopg
import pytest

from local.parts.postgres import EmbeddedPostgres
from parley.ids import UserId
from parley.kit.postgres import open_pool, transaction
from tests.integration.schema.rows import Operation, Outcome, Table, UserRows, act_for, attempt

ROLES = ("parley_app", "parley_jobs", "parley_review", "parley_auth")
# Tables without rows of users: nobody but the owner may so much as look.
OWNER_ONLY = {"schema_migrations"}

APP_OWN: Mapping[tuple[Table, Operation], Outcome] = {
    **{
        (table, operation): "rows"
        for table in ("conversations", "responses", "items")
        for operation in get_args(Operation)
    },
    ("users", "select"): "rows",
    ("users", "insert"): "no rows",  # permitted; the row is there already
    # A key that was revoked stays, so that nobody wonders what it was.
    **{("api_keys", operation): "rows" for operation in ("select", "insert", "update")},
    # An update is an appeal.
    **{("reviews", operation): "rows" for operation in ("select", "insert", "update")},
    ("review_events", "insert"): "rows",
    ("withheld_texts", "insert"): "no rows",  # as of users
}
APP_FOREIGN: Mapping[tuple[Table, Operation], Outcome] = {
    **{
        (table, operation): "no rows"
        for table in ("conversations", "responses", "items")
        for operation in ("select", "update", "delete")
    },
    ("users", "select"): "no rows",
    **{(table, operation): "no rows" for table in ("api_keys", "reviews") for operation in ("select", "update")},
}
JOBS: Mapping[tuple[Table, Operation], Outcome] = {
    ("responses", "select"): "rows",
    ("conversations", "select"): "rows",
    # ("responses", "update") of a model and ("conversations", "update") of a title are refused: their columns are named one by
    # one.
    ("items", "insert"): "rows",
}
# What a reviewer changes of a review, and adds to its trail, are test_reviews.py's.
REVIEW: Mapping[tuple[Table, Operation], Outcome] = {
    **{(table, "select"): "rows" for table in ("items", "reviews", "review_events", "withheld_texts")},
    ("items", "update"): "rows",
}


@pytest.mark.parametrize(("table", "operation"), list(product(get_args(Table), get_args(Operation))))
class TestEveryOperationOnEveryTable:
    def test_the_functions_reach_the_rows_of_the_user_they_act_for(
        self, connections: dict[str, psycopg.Connection], alice: UserRows, table: Table, operation: Operation
    ) -> None:
        outcome = attempt(connections["parley_app"], alice.user_id, operation, table, alice)

        assert outcome == APP_OWN.get((table, operation), "refused")

    def test_the_functions_reach_no_other_user_s_rows(
        self,
        connections: dict[str, psycopg.Connection],
        alice: UserRows,
        bob: UserRows,
        table: Table,
        operation: Operation,
    ) -> None:
        outcome = attempt(connections["parley_app"], alice.user_id, operation, table, bob)

        assert outcome == APP_FOREIGN.get((table, operation), "refused")

    def test_the_functions_reach_nothing_while_they_act_for_nobody(
        self, connections: dict[str, psycopg.Connection], alice: UserRows, table: Table, operation: Operation
    ) -> None:
        outcome = attempt(connections["parley_app"], None, operation, table, alice)

        assert outcome == APP_FOREIGN.get((table, operation), "refused")

    def test_jobs_reach_what_it_takes_to_settle_a_turn(
        self, connections: dict[str, psycopg.Connection], alice: UserRows, table: Table, operation: Operation
    ) -> None:
        outcome = attempt(connections["parley_jobs"], None, operation, table, alice)

        assert outcome == JOBS.get((table, operation), "refused")

    def test_reviewers_reach_what_is_under_review(
        self,
        connections: dict[str, psycopg.Connection],
        alice: UserRows,
        bob: UserRows,
        table: Table,
        operation: Operation,
    ) -> None:
        outcome = attempt(connections["parley_review"], bob.user_id, operation, table, alice)

        assert outcome == REVIEW.get((table, operation), "refused")

    def test_the_authorizer_reaches_no_table(
        self, connections: dict[str, psycopg.Connection], alice: UserRows, table: Table, operation: Operation
    ) -> None:
        outcome = attempt(connections["parley_auth"], alice.user_id, operation, table, alice)

        assert outcome == "refused"


def test_every_table_of_users_is_tried_above(owner: psycopg.Connection) -> None:
    tables = {name for (name,) in owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}

    assert tables == {*get_args(Table), *OWNER_ONLY}


def test_every_table_of_users_forces_row_level_security(owner: psycopg.Connection) -> None:
    forced = owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') "
        "AND relrowsecurity AND relforcerowsecurity"
    )

    assert {name for (name,) in forced} == set(get_args(Table))


def test_every_table_of_users_has_the_user_first_in_its_key(owner: psycopg.Connection) -> None:
    leading = owner.execute(
        "SELECT c.relname, a.attname FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid "
        "JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] "
        "WHERE i.indisprimary AND c.relnamespace = 'public'::regnamespace"
    )

    assert {(table, column) for table, column in leading if table not in OWNER_ONLY} == {
        (table, "user_id") for table in get_args(Table)
    }


@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_the_functions_can_get_around_a_policy(owner: psycopg.Connection, role: str) -> None:
    powers = owner.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s",
        (role,),
    ).fetchone()
    groups = owner.execute("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", (role,)).fetchone()
    owned = owner.execute(
        "SELECT count(*) FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass AND refobjid = %s::regrole "
        "AND deptype = 'o'",
        (role,),
    ).fetchone()
    creates = owner.execute("SELECT has_schema_privilege(%s, 'public', 'CREATE')", (role,)).fetchone()

    assert powers == (False,) * 5
    assert (groups, owned, creates) == ((0,), (0,), (False,))


@pytest.mark.parametrize("role", ROLES)
def test_no_role_of_the_functions_can_become_another_or_turn_policies_off(
    connections: dict[str, psycopg.Connection], role: str
) -> None:
    connection = connections[role]

    for other in {"parley_owner", *ROLES} - {role}:
        with pytest.raises(psycopg.errors.InsufficientPrivilege), connection.transaction():
            connection.execute(f"SET LOCAL ROLE {other}".encode())
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL row_security = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT user_id FROM conversations LIMIT 1")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT version FROM schema_migrations LIMIT 1",
        "TRUNCATE items",
        "ALTER TABLE items DISABLE ROW LEVEL SECURITY",
        "CREATE TABLE mine (a int)",
        "CREATE POLICY mine ON items USING (true)",
        "SELECT rolpassword FROM pg_authid",
        "COPY items TO PROGRAM 'true'",
    ],
)
def test_no_role_of_the_functions_touches_the_schema(
    connections: dict[str, psycopg.Connection], role: str, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), connections[role].transaction():
        connections[role].execute(statement.encode())


def test_a_row_cannot_be_given_to_another_user(
    connections: dict[str, psycopg.Connection], alice: UserRows, bob: UserRows
) -> None:
    app = connections["parley_app"]

    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("UPDATE items SET user_id = %s WHERE user_id = %s", (bob.user_id, alice.user_id))


def test_an_item_cannot_be_put_into_another_user_s_conversation(
    connections: dict[str, psycopg.Connection], alice: UserRows, bob: UserRows
) -> None:
    mixed = UserRows(alice.user_id, bob.conversation_id, alice.response_id)

    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        attempt(connections["parley_app"], alice.user_id, "insert", "items", mixed)


def test_jobs_cannot_write_what_a_user_said(connections: dict[str, psycopg.Connection], alice: UserRows) -> None:
    jobs = connections["parley_jobs"]

    with pytest.raises(psycopg.errors.InsufficientPrivilege), jobs.transaction():
        jobs.execute(
            "INSERT INTO items (user_id, item_id, conversation_id, sequence, type, role, status, content) "
            "VALUES (%s, gen_random_uuid(), %s, 9, 'message', 'user', 'completed', '{}')",
            (alice.user_id, alice.conversation_id),
        )


async def test_whom_a_transaction_acts_for_ends_with_it(postgres: EmbeddedPostgres, alice: UserRows) -> None:
    count = "SELECT count(*), current_setting('parley.user_id', true) FROM conversations"
    async with open_pool(postgres.url_for("parley_app"), size=1) as pool:
        async with transaction(pool, UserId(alice.user_id)) as connection:
            during = await (await connection.execute(count)).fetchone()
        async with pool.connection() as same_connection:
            afterwards = await (await same_connection.execute(count)).fetchone()

    assert during == (1, str(alice.user_id))
    assert afterwards == (0, "")


def test_jobs_may_move_a_conversations_sequence_and_nothing_else_of_it(
    connections: dict[str, psycopg.Connection], alice: UserRows
) -> None:
    moved = "UPDATE conversations SET next_sequence = next_sequence + 1, updated_at = now() WHERE user_id = %s"
    with connections["parley_jobs"].transaction(force_rollback=True):
        assert connections["parley_jobs"].execute(moved, (alice.user_id,)).rowcount == 1
    for query in (b"SELECT title FROM conversations", b"SELECT metadata FROM conversations"):
        with (
            connections["parley_jobs"].transaction(force_rollback=True),
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connections["parley_jobs"].execute(query)


@pytest.mark.parametrize("column", ["instructions", "request", "job", "receipt", "previous_response_id"])
def test_jobs_cannot_read_what_was_asked(connections: dict[str, psycopg.Connection], column: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connections["parley_jobs"].execute(b"SELECT " + column.encode() + b" FROM responses")


def test_jobs_cannot_tell_a_chain_of_responses_from_a_conversation(
    connections: dict[str, psycopg.Connection],
) -> None:
    jobs = connections["parley_jobs"]

    for statement in (b"SELECT is_listed FROM conversations", b"UPDATE conversations SET is_listed = true"):
        with jobs.transaction(force_rollback=True), pytest.raises(psycopg.errors.InsufficientPrivilege):
            jobs.execute(statement)


def test_a_chain_of_responses_is_its_owner_s_alone(
    connections: dict[str, psycopg.Connection], alice: UserRows, bob: UserRows
) -> None:
    app, count = connections["parley_app"], "SELECT count(*) FROM responses JOIN conversations USING (conversation_id)"

    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        app.execute("UPDATE conversations SET is_listed = false WHERE user_id = %s", (alice.user_id,))
        act_for(app, bob.user_id)
        own = app.execute(count.encode()).fetchone()
        foreign = app.execute("SELECT FROM conversations WHERE NOT is_listed").fetchone()

    assert (own, foreign) == ((1,), None)


def test_an_idempotency_key_is_one_response_of_one_user(
    connections: dict[str, psycopg.Connection], alice: UserRows, bob: UserRows
) -> None:
    app = connections["parley_app"]
    take = "UPDATE responses SET idempotency_key = 'again' WHERE response_id = %s"

    with app.transaction(force_rollback=True):
        for user in (alice, bob):
            act_for(app, user.user_id)
            assert app.execute(take, (user.response_id,)).rowcount == 1
        with pytest.raises(psycopg.errors.UniqueViolation):
            app.execute(
                "INSERT INTO responses "
                "(user_id, response_id, conversation_id, output_item_id, model, status, settled_at, idempotency_key) "
                "VALUES (%s, gen_random_uuid(), %s, gen_random_uuid(), 'm', 'completed', now(), 'again')",
                (bob.user_id, bob.conversation_id),
            )


@pytest.mark.parametrize(("first", "second"), [("queued", "in_progress"), ("in_progress", "queued"), ("queued",) * 2])
def test_of_two_turns_in_one_conversation_one_begins(
    connections: dict[str, psycopg.Connection], alice: UserRows, first: str, second: str
) -> None:
    app = connections["parley_app"]
    begin = (
        "INSERT INTO responses (user_id, response_id, conversation_id, output_item_id, model, status) "
        "VALUES (%s, gen_random_uuid(), %s, gen_random_uuid(), 'm', %s)"
    )

    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        app.execute(begin, (alice.user_id, alice.conversation_id, first))
        with pytest.raises(psycopg.errors.UniqueViolation):
            app.execute(begin, (alice.user_id, alice.conversation_id, second))


@pytest.mark.parametrize(
    "change",
    [
        "status = 'queued'",
        "status = 'in_progress'",
        "settled_at = NULL",
        "status = 'running'",
        "idempotency_key = ''",
        "idempotency_key = repeat('k', 256)",
        "request_hash = 'short'",
        "request = NULL",
    ],
)
def test_a_response_that_cannot_be_is_refused(
    connections: dict[str, psycopg.Connection], alice: UserRows, change: str
) -> None:
    app = connections["parley_app"]

    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        with pytest.raises(psycopg.IntegrityError):
            app.execute(b"UPDATE responses SET " + change.encode())


def test_a_deleted_response_leaves_what_it_said(
    connections: dict[str, psycopg.Connection], alice: UserRows, bob: UserRows
) -> None:
    app = connections["parley_app"]

    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        deleted = app.execute(
            "DELETE FROM responses WHERE response_id = ANY(%s)", ([alice.response_id, bob.response_id],)
        ).rowcount
        items = app.execute("SELECT user_id, response_id FROM items").fetchall()

    assert (deleted, items) == (1, [(alice.user_id, None)])
