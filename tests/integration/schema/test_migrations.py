"""Migrations run forward, once, whoever starts them and how many at a time, and add up to `schema.sql`."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from importlib.resources import files

import psycopg
import pytest
from psycopg import sql

from local.parts.postgres import EmbeddedPostgres
from local.parts.postgres_files import installed_programs
from parley.migrations import load_migrations, migrate
from tests.integration.schema.conftest import MakeDatabase
from tests.integration.schema.rows import UserRows, act_for, attempt, insert_rows

NAMES = [migration.name for migration in load_migrations()]


def test_a_new_database_gets_every_migration_and_then_nothing_more(make_database: MakeDatabase) -> None:
    url = make_database()

    assert migrate(url) == NAMES
    assert migrate(url) == []


def test_what_runs_after_the_new_code_waits_for_its_phase(make_database: MakeDatabase) -> None:
    url = make_database()

    before = migrate(url, ("pre",))
    after = migrate(url, ("pre", "post"))

    assert all(name.endswith("_pre.sql") for name in before)
    assert before + after == NAMES


def test_of_many_processes_that_migrate_at_once_one_does_the_work(make_database: MakeDatabase) -> None:
    url = make_database()
    program = "import json, sys; from parley.migrations import migrate; print(json.dumps(migrate(sys.argv[1])))"

    processes = [
        subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True) for _ in range(8)
    ]
    applied = [json.loads(process.communicate()[0]) for process in processes]

    assert [process.returncode for process in processes] == [0] * 8
    assert sorted(applied, key=len) == [[]] * 7 + [NAMES]


async def test_whoever_comes_second_waits_and_finds_nothing_to_do(make_database: MakeDatabase) -> None:
    url = make_database()
    both = await asyncio.gather(*(asyncio.to_thread(migrate, url) for _ in range(4)))

    assert sorted(both, key=len) == [[], [], [], NAMES]


def test_a_migration_that_was_cut_off_leaves_nothing_behind_and_is_done_again(make_database: MakeDatabase) -> None:
    url = make_database()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE items (in_the_way int)")

    with pytest.raises(psycopg.errors.DuplicateTable):
        migrate(url)

    with psycopg.connect(url) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
        assert tables == [("items",), ("schema_migrations",)]
        connection.execute("DROP TABLE items")
    assert migrate(url) == NAMES


def test_migrations_add_up_to_schema_sql(make_database: MakeDatabase) -> None:
    migrated, declared = make_database(), make_database()
    migrate(migrated)
    with psycopg.connect(declared) as connection:
        connection.execute(files("parley.migrations").joinpath("schema.sql").read_bytes())

    assert _dump(migrated) == _dump(declared)


def test_the_dump_sees_what_differs(make_database: MakeDatabase) -> None:
    migrated, changed = make_database(), make_database()
    changes = (
        "ALTER TABLE items ADD COLUMN extra int",
        "DROP INDEX items_by_response",
        "ALTER TABLE items NO FORCE ROW LEVEL SECURITY",
        "REVOKE INSERT ON items FROM parley_jobs",
        "DROP POLICY own_rows ON items",
        "ALTER TABLE conversations ALTER COLUMN title SET NOT NULL",
    )
    migrate(migrated)
    migrate(changed)
    expected = _dump(migrated)

    for change in changes:
        with psycopg.connect(changed) as connection:
            connection.execute(change.encode())
            connection.commit()
        assert _dump(changed) != expected
        expected = _dump(changed)


def test_an_owner_who_is_no_superuser_can_migrate_as_on_rds(
    postgres: EmbeddedPostgres, owner: psycopg.Connection, make_database: MakeDatabase
) -> None:
    name = make_database().rpartition("/")[2].partition("?")[0]
    owner.execute("CREATE ROLE rds_owner LOGIN CREATEROLE NOSUPERUSER NOBYPASSRLS PASSWORD 'only-here'")
    owner.execute(
        "GRANT parley_app, parley_jobs, parley_review, parley_auth, parley_keys TO rds_owner WITH ADMIN OPTION"
    )
    owner.execute(sql.SQL("ALTER DATABASE {} OWNER TO rds_owner").format(sql.Identifier(name)))

    applied = migrate(f"postgresql://rds_owner:only-here@127.0.0.1:{postgres.port}/{name}")

    assert applied == NAMES
    # Foreign keys and cascades act as the owner, whom policies bind here.
    app_url = postgres.url_for("parley_app", name)
    alice, bob = insert_rows(app_url), insert_rows(app_url)
    with psycopg.connect(app_url, autocommit=True) as app:
        assert attempt(app, alice.user_id, "delete", "responses", alice) == "rows"
        assert attempt(app, alice.user_id, "delete", "conversations", alice) == "rows"
        assert attempt(app, alice.user_id, "delete", "conversations", bob) == "no rows"
    with psycopg.connect(postgres.url_for("parley_jobs", name), autocommit=True) as jobs:
        assert (
            attempt(jobs, None, "insert", "items", UserRows(alice.user_id, alice.conversation_id, alice.response_id))
            == "rows"
        )
    with psycopg.connect(app_url) as app:
        act_for(app, alice.user_id)
        app.execute("DELETE FROM items WHERE item_id = %s", (alice.item_id,))
    with psycopg.connect(postgres.url_for("parley_review", name)) as reviewer:
        left = reviewer.execute("SELECT item_id FROM reviews WHERE review_id = %s", (alice.review_id,)).fetchone()
        assert left == (None,)
        assert attempt(reviewer, bob.user_id, "select", "withheld_texts", alice) == "no rows"


def test_on_rds_the_functions_sign_in_with_iam_tokens(owner: psycopg.Connection, make_database: MakeDatabase) -> None:
    owner.execute("CREATE ROLE rds_iam NOLOGIN")
    try:
        migrate(make_database())
        members = owner.execute(
            "SELECT rolname, rolcanlogin FROM pg_auth_members JOIN pg_roles ON pg_roles.oid = member "
            "WHERE roleid = 'rds_iam'::regrole ORDER BY 1"
        ).fetchall()
    finally:
        owner.execute("DROP ROLE rds_iam")

    assert members == [(f"parley_{name}", True) for name in ("app", "auth", "jobs", "review")]


def _dump(url: str) -> Counter[str]:
    """The statements that make the schema, owners and grants included, whatever order its columns were added in."""
    done = subprocess.run(
        [installed_programs() / "pg_dump", "--schema-only", "--exclude-table=schema_migrations", url],
        check=True,
        capture_output=True,
        text=True,
    )
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(("--", "\\"))]
    statements = "\n".join(lines).split(";\n")
    return Counter("\n".join(sorted(line.strip().rstrip(",") for line in each.splitlines())) for each in statements)
