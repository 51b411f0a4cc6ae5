"""What the authorizer's login may do: ask for one key by its hash, and nothing else."""

import os
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime

import psycopg
import pytest

from local.parts.postgres import EmbeddedPostgres
from tests.integration.schema.rows import UserRows, act_for

FIND = "SELECT user_id, tier FROM find_api_key(%s)"


@pytest.fixture
def auth(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_auth"]


@pytest.fixture
def app(connections: dict[str, psycopg.Connection]) -> psycopg.Connection:
    return connections["parley_app"]


@pytest.fixture
def key_hash(app: psycopg.Connection, alice: UserRows) -> Iterator[bytes]:
    """The hash of a live key of alice's on her last place, revoked afterwards."""
    key_hash = os.urandom(32)
    _insert(app, alice, key_hash)
    yield key_hash
    _change(
        app, alice, "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE user_id = %s AND place = 20"
    )


def _insert(app: psycopg.Connection, user: UserRows, key_hash: bytes, expires_at: str | None = None) -> None:
    with app.transaction():
        act_for(app, user.user_id)
        app.execute(
            "INSERT INTO api_keys (user_id, key_id, place, name, key_hash, secret_end, tier, expires_at) "
            "VALUES (%s, gen_random_uuid(), 20, 'ci', %s, 'wxyz', 'pro', %s)",
            (user.user_id, key_hash, expires_at),
        )


def _change(app: psycopg.Connection, user: UserRows, statement: str) -> None:
    with app.transaction():
        act_for(app, user.user_id)
        app.execute(statement.encode(), (user.user_id,))


def _last_used_on(app: psycopg.Connection, user: UserRows) -> date | None:
    with app.transaction():
        act_for(app, user.user_id)
        row = app.execute("SELECT last_used_on FROM api_keys WHERE place = 20 AND revoked_at IS NULL").fetchone()
    assert row
    return row[0]


def test_a_live_key_is_found_by_its_hash_alone(auth: psycopg.Connection, alice: UserRows, key_hash: bytes) -> None:
    assert auth.execute(FIND, (key_hash,)).fetchall() == [(alice.user_id, "pro")]


@pytest.mark.parametrize("wrong", [b"", b"\0" * 32, os.urandom(32), os.urandom(33), None])
@pytest.mark.usefixtures("key_hash")
def test_any_other_hash_finds_nothing(auth: psycopg.Connection, wrong: bytes | None) -> None:
    assert auth.execute(FIND, (wrong,)).fetchall() == []


def test_a_revoked_key_is_found_no_more(
    auth: psycopg.Connection, app: psycopg.Connection, alice: UserRows, key_hash: bytes
) -> None:
    _change(app, alice, "UPDATE api_keys SET revoked_at = now() WHERE user_id = %s AND place = 20")

    assert auth.execute(FIND, (key_hash,)).fetchall() == []


def test_an_expired_key_is_found_no_more(auth: psycopg.Connection, app: psycopg.Connection, bob: UserRows) -> None:
    key_hash = os.urandom(32)
    _insert(app, bob, key_hash, expires_at="2026-01-01T00:00:00Z")

    assert auth.execute(FIND, (key_hash,)).fetchall() == []
    _change(app, bob, "UPDATE api_keys SET revoked_at = expires_at WHERE user_id = %s AND place = 20")


def test_use_is_noted_once_a_day(
    auth: psycopg.Connection, app: psycopg.Connection, alice: UserRows, key_hash: bytes
) -> None:
    unused = _last_used_on(app, alice)
    with auth.transaction():
        auth.execute(FIND, (key_hash,))
        first = auth.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()
    with auth.transaction():
        auth.execute(FIND, (key_hash,))
        second = auth.execute("SELECT pg_current_xact_id_if_assigned() IS NOT NULL").fetchone()

    assert (first, second) == ((True,), (False,))  # whether anything was written
    assert (unused, _last_used_on(app, alice)) == (None, datetime.now(UTC).date())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT key_hash FROM api_keys",
        "SELECT user_id FROM users",
        "UPDATE api_keys SET last_used_on = NULL",
        "DELETE FROM api_keys",
        "TABLE conversations",
        "COPY api_keys TO STDOUT",
        "LOCK TABLE api_keys IN ACCESS SHARE MODE",
        "CREATE TABLE mine (a int)",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql RETURN 1",
        "SELECT pg_read_file('/etc/passwd')",
        "ALTER FUNCTION find_api_key(bytea) SECURITY INVOKER",
        "CREATE OR REPLACE FUNCTION find_api_key(presented_hash bytea) RETURNS int LANGUAGE sql RETURN 1",
        "DROP FUNCTION find_api_key(bytea)",
        "SET ROLE parley_keys",
        "SET ROLE parley_app",
    ],
)
def test_the_authorizer_s_login_is_refused_everything_else(auth: psycopg.Connection, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), auth.transaction():
        auth.execute(statement.encode())


@pytest.mark.parametrize("role", ["parley_app", "parley_jobs", "parley_review"])
def test_nobody_else_may_look_keys_up(connections: dict[str, psycopg.Connection], role: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connections[role].execute(FIND, (os.urandom(32),))


def test_the_functions_never_see_a_hash(app: psycopg.Connection, alice: UserRows, key_hash: bytes) -> None:
    with app.transaction(force_rollback=True):
        act_for(app, alice.user_id)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute("SELECT key_hash FROM api_keys")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute("UPDATE api_keys SET tier = 'enterprise' WHERE user_id = %s", (alice.user_id,))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), app.transaction():
            app.execute("UPDATE api_keys SET expires_at = NULL WHERE key_hash = %s", (key_hash,))


def test_the_lookup_runs_with_the_rights_of_a_role_that_has_no_others(owner: psycopg.Connection) -> None:
    function = owner.execute(
        "SELECT proowner::regrole::text, prosecdef, proconfig FROM pg_proc WHERE proname = 'find_api_key'"
    ).fetchall()
    powers = owner.execute(
        "SELECT rolcanlogin, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles "
        "WHERE rolname = 'parley_keys'"
    ).fetchone()
    tables = owner.execute(
        "SELECT table_name FROM information_schema.table_privileges WHERE grantee = 'parley_keys'"
    ).fetchall()
    columns = owner.execute(
        "SELECT table_name, privilege_type, array_agg(column_name::text ORDER BY 1) "
        "FROM information_schema.column_privileges WHERE grantee = 'parley_keys' GROUP BY 1, 2 ORDER BY 1, 2"
    ).fetchall()
    groups = owner.execute("SELECT count(*) FROM pg_auth_members WHERE member = 'parley_keys'::regrole").fetchone()
    creates = owner.execute("SELECT has_schema_privilege('parley_keys', 'public', 'CREATE')").fetchone()

    assert function == [("parley_keys", True, ["search_path=pg_catalog, pg_temp"])]
    assert powers == (False,) * 6
    assert tables == []
    assert [(table, kind) for table, kind, _ in columns] == [("api_keys", "SELECT"), ("api_keys", "UPDATE")]
    assert columns[1][2] == ["last_used_on"]
    assert (groups, creates) == ((0,), (False,))


def test_a_caller_s_search_path_and_temporary_tables_change_nothing(
    auth: psycopg.Connection, owner: psycopg.Connection, alice: UserRows, key_hash: bytes
) -> None:
    with auth.transaction(force_rollback=True):
        auth.execute(
            "CREATE TEMPORARY TABLE api_keys AS SELECT gen_random_uuid() AS user_id, 'enterprise'::text AS tier"
        )
        auth.execute("SET LOCAL search_path = pg_temp, public")

        assert auth.execute(FIND, (key_hash,)).fetchall() == [(alice.user_id, "pro")]


def test_acting_for_a_user_finds_no_more_and_no_less(
    auth: psycopg.Connection, alice: UserRows, bob: UserRows, key_hash: bytes
) -> None:
    with auth.transaction():
        act_for(auth, bob.user_id)
        assert auth.execute(FIND, (key_hash,)).fetchall() == [(alice.user_id, "pro")]


def test_many_first_uses_at_once_all_succeed(
    postgres: EmbeddedPostgres, app: psycopg.Connection, alice: UserRows, key_hash: bytes
) -> None:
    found: list[object] = []

    def use() -> None:
        with psycopg.connect(postgres.url_for("parley_auth"), autocommit=True) as connection:
            found.append(connection.execute(FIND, (key_hash,)).fetchall())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [[(alice.user_id, "pro")]] * 8
    assert _last_used_on(app, alice) == datetime.now(UTC).date()
