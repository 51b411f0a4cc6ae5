"""What the tests of jobs share."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
from redis.cluster import RedisCluster as SyncCluster

from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.kit.valkey import RedisCluster, open_valkey
from parley.kit.valkey_queue import DEAD_LETTERS, STREAM


def jobs_environment(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_url: str = "http://127.0.0.1:9/v1"
) -> dict[str, str]:
    """What the function finds in its environment; no engine listens at the usual one."""
    return {
        "DATABASE_URL": postgres.url_for("parley_jobs"),
        "APP_DATABASE_URL": postgres.url_for("parley_app"),
        "VALKEY_URL": valkey.url,
        "VALKEY_PASSWORD_FILE": str(valkey.password_file),
        "ENGINE_URL": engine_url,
    }


@pytest.fixture
def stream(valkey: EmbeddedValkey) -> Iterator[Any]:
    """A client of the tests' own, which finds the queue empty and leaves it so."""
    with closing(SyncCluster.from_url(valkey.url, password=valkey.password_file.read_text())) as client:
        client.delete(STREAM, DEAD_LETTERS)
        yield client
        client.delete(STREAM, DEAD_LETTERS)


@pytest.fixture
async def cluster(valkey: EmbeddedValkey) -> AsyncIterator[RedisCluster]:
    async with open_valkey(valkey.url, valkey.password_file) as client:
        yield client
