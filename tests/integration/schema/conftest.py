"""Two users in the real Postgres, and connections as the roles of the functions."""

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from local.parts.postgres import EmbeddedPostgres
from tests.integration.schema.rows import UserRows, insert_rows

MakeDatabase = Callable[[], str]


@pytest.fixture(scope="session")
def owner(postgres: EmbeddedPostgres) -> Iterator[psycopg.Connection]:
    """For looking at the catalogs and making databases; no test reads or writes rows as the owner."""
    with psycopg.connect(postgres.owner_url, autocommit=True) as connection:
        yield connection


@pytest.fixture(scope="session")
def alice(postgres: EmbeddedPostgres) -> UserRows:
    return insert_rows(postgres.url_for("parley_app"))


@pytest.fixture(scope="session")
def bob(postgres: EmbeddedPostgres) -> UserRows:
    return insert_rows(postgres.url_for("parley_app"))


@pytest.fixture(scope="session")
def connections(postgres: EmbeddedPostgres) -> Iterator[dict[str, psycopg.Connection]]:
    """A connection as each role."""
    opened = {
        role: psycopg.connect(postgres.url_for(role), autocommit=True)
        for role in ("parley_app", "parley_jobs", "parley_review", "parley_auth")
    }
    yield opened
    for connection in opened.values():
        connection.close()


@pytest.fixture
def make_database(postgres: EmbeddedPostgres, owner: psycopg.Connection) -> Iterator[MakeDatabase]:
    """Makes an empty database and returns its owner's URL."""
    names: list[str] = []

    def make() -> str:
        names.append(f"empty_{len(names)}")
        owner.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(names[-1])))
        return postgres.url_for("parley_owner", names[-1])

    yield make
    for name in names:
        owner.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
