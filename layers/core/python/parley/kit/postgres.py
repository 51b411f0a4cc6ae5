"""Postgres: a pool, and transactions that act for one user."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from time import time
from typing import Any
from uuid import UUID
from weakref import WeakKeyDictionary

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from parley.errors import StorageUnavailable

Connection = psycopg.AsyncConnection[Any]
Pool = AsyncConnectionPool[Connection]

# A turn should be refused within a second when the database is gone.
CONNECT_TIMEOUT_S = 1
STATEMENT_TIMEOUT_MS = 5_000
# So that connections move on after a failover or when a proxy is scaled; RDS Proxy ends them after a day anyway.
MAX_LIFETIME_S = 30 * 60
# A connection that worked this long ago is taken to work still.
TRUSTED_FOR_S = 5

# When a connection last worked, by the wall clock: the monotonic one stands still while a Lambda is frozen.
_used_at: WeakKeyDictionary[Connection, float] = WeakKeyDictionary()


@asynccontextmanager
async def open_pool(url: str, *, size: int, password: Callable[[], str] | None = None) -> AsyncGenerator[Pool]:
    """A pool of at most `size` connections, opened in the background: a database that is away is found by the first query.

    `password` is asked for each new connection, so that it may be a token of a few minutes' life.
    """
    set_json_dumps(orjson.dumps)
    set_json_loads(orjson.loads)

    def connection_arguments() -> dict[str, Any]:
        # RDS Proxy pins a session that prepares statements, so nothing is prepared on the server.
        arguments: dict[str, Any] = {"prepare_threshold": None, "connect_timeout": 2, "autocommit": False}
        return arguments if password is None else {**arguments, "password": password()}

    pool: Pool = AsyncConnectionPool(
        url,
        min_size=1,
        max_size=size,
        timeout=CONNECT_TIMEOUT_S,
        open=False,
        max_lifetime=MAX_LIFETIME_S,
        kwargs=connection_arguments,
        check=_check_after_idle,
    )
    async with pool:
        yield pool


@asynccontextmanager
async def transaction(pool: Pool, user_id: UUID) -> AsyncGenerator[Connection]:
    """One transaction whose row-level security sees only the rows of `user_id`.

    Raises: StorageUnavailable when no connection is to be had or it breaks; errors of SQL itself stay bugs.
    """
    async with _connection(pool) as connection:
        # Local to the transaction: a session setting would outlive it in the pool, and pins a session of RDS Proxy.
        await connection.execute(
            "SELECT set_config('parley.user_id', %s, true), set_config('statement_timeout', %s, true)",
            (str(user_id), str(STATEMENT_TIMEOUT_MS)),
        )
        yield connection


@asynccontextmanager
async def transaction_for_all(pool: Pool) -> AsyncGenerator[Connection]:
    """One transaction of a role whose policies name the tables it may see across users (`parley_jobs`)."""
    async with _connection(pool) as connection:
        yield connection


async def _check_after_idle(connection: Connection) -> None:
    """A proxy's idle timeout, a failover or a frozen Lambda leave dead connections; always asking costs a round trip."""
    if time() - _used_at.get(connection, 0) > TRUSTED_FOR_S:
        await Pool.check_connection(connection)


@asynccontextmanager
async def _connection(pool: Pool) -> AsyncGenerator[Connection]:
    try:
        async with pool.connection() as connection:
            yield connection
            _used_at[connection] = time()
    except (psycopg.OperationalError, PoolTimeout) as error:
        raise StorageUnavailable("The database does not answer. Try again in a moment.", retry_after_s=2) from error


async def ping(pool: Pool) -> None:
    """Raises: StorageUnavailable unless the database answers now."""
    async with _connection(pool) as connection:
        await connection.execute("SELECT 1")
