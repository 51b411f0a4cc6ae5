"""Forward-only migrations: numbered SQL files, each in a transaction of its own, under one advisory lock."""

import re
from importlib.resources import files
from typing import Literal, NamedTuple, cast, get_args

import psycopg

Phase = Literal["pre", "post"]

# Any number will do, as long as every migrating process uses the same one.
_LOCK_KEY = 0x7061726C6579
_FILE_NAME = re.compile(r"(?P<version>\d{4})_[a-z0-9_]+_(?P<phase>pre|post)\.sql")


class Migration(NamedTuple):
    version: int
    name: str
    phase: Phase
    sql: str


def load_migrations() -> list[Migration]:
    """All migrations in order. Raises: ValueError when a name is malformed or numbers are not 1, 2, 3 …"""
    sql_files = sorted(
        (each for each in files(__name__).iterdir() if each.name.endswith(".sql") and each.name != "schema.sql"),
        key=lambda each: each.name,
    )
    migrations: list[Migration] = []
    for version, file in enumerate(sql_files, start=1):
        match = _FILE_NAME.fullmatch(file.name)
        if match is None or int(match["version"]) != version:
            raise ValueError(f"migration {file.name} should be named {version:04d}_what_it_does_pre.sql or …_post.sql")
        migrations.append(Migration(version, file.name, cast("Phase", match["phase"]), file.read_text()))
    return migrations


def migrate(owner_url: str, phases: tuple[Phase, ...] = get_args(Phase)) -> list[str]:
    """Bring the database to the newest schema as its owner; the names of what was applied, empty when up to date.

    `pre` migrations must work with the code that is still running and `post` ones with only the new: a deployment runs the
    first before the switch and the second after it. A `pre` that follows an unapplied `post` waits for it.
    Safe to run from many processes at once: one works, the rest wait and find nothing to do.
    """
    applied_now: list[str] = []
    with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (_LOCK_KEY,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations "
            "(version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        done = {row[0] for row in connection.execute("SELECT version FROM schema_migrations").fetchall()}
        for migration in load_migrations():
            if migration.version in done:
                continue
            if migration.phase not in phases:
                break
            with connection.transaction():
                connection.execute(migration.sql.encode())
                connection.execute(
                    "INSERT INTO schema_migrations (version, name) VALUES (%s, %s)", (migration.version, migration.name)
                )
            applied_now.append(migration.name)
    return applied_now
