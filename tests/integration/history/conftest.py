"""A real Postgres, and the history function in a process of its own, as Lambda runs it."""

from collections.abc import Iterator

import pytest

from local.parts.home import temporary_home
from local.parts.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    with temporary_home() as home, EmbeddedPostgres(home, durable=False) as part:
        yield part
