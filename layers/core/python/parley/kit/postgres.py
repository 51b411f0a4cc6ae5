"""Postgres: a pool, and transactions that act for one user and never wait long for a database that is gone or frozen."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from time import time
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from parley.errors import StorageUnavailable
from parley.kit.breaker import Breaker

Connection = psycopg.AsyncConnection[Any]

# A turn should be refused within a second when the database is gone.
CONNECTION_WITHIN_S = 0.8
# Of that, for a connection that lay idle to prove that it works: time enough is left to make a new one.
CHECKED_WITHIN_S = 0.4
TRANSACTION_WITHIN_S = 5
# The server is told to end a statement a little earlier than we cut the connection: it may be slow, not frozen, and would
# otherwise work on for nobody.
SERVER_SHARE = 0.9
# So that connections move on after a failover or when a proxy is scaled; RDS Proxy ends them after a day anyway.
MAX_LIFETIME_S = 30 * 60
# A connection that worked this long ago is taken to work still.
TRUSTED_FOR_S = 5
# How long the pool tries by itself to replace a lost connection. After that the next request that needs one tries at once,
# while the pool's own pauses grow to minutes, in which a database that is back would go unseen.
RECONNECTED_WITHIN_S = 0.5

_SILENT = "The database does not answer. Try again in a moment."


class _PooledConnection(psycopg.AsyncConnection[Any]):
    """`used_at` is when it last worked, by the wall clock: the monotonic one stands still while a Lambda is frozen."""

    used_at = 0.0


class Pool(AsyncConnectionPool[_PooledConnection]):
    """Connections, how many of them are in use, and what is known about the database behind them."""

    def __init__(self, url: str, *, size: int, arguments: Callable[[], dict[str, Any]]) -> None:
        super().__init__(
            url,
            min_size=1,
            max_size=size,
            timeout=CONNECTION_WITHIN_S,
            open=False,
            max_lifetime=MAX_LIFETIME_S,
            reconnect_timeout=RECONNECTED_WITHIN_S,
            kwargs=arguments,
            connection_class=_PooledConnection,
        )
        self.in_use = 0
        self.breaker = Breaker(_Outage, is_outage=lambda error: isinstance(error, _Outage))


class _Outage(StorageUnavailable):
    """No connection is to be had, or one broke: unlike a statement that took too long, or a pool of which all is in use."""

    def __init__(self, retry_after_s: int = 2) -> None:
        super().__init__(_SILENT, retry_after_s=retry_after_s)


@asynccontextmanager
async def open_pool(url: str, *, size: int, password: Callable[[], str] | None = None) -> AsyncGenerator[Pool]:
    """A pool of at most `size` connections, opened in the background: a database that is away is found by the first query.

    `password` is asked for each new connection, so that it may be a token of a few minutes' life.
    """
    set_json_dumps(orjson.dumps)
    set_json_loads(orjson.loads)

    def arguments() -> dict[str, Any]:
        # RDS Proxy pins a session that prepares statements, so nothing is prepared on the server.
        common: dict[str, Any] = {"prepare_threshold": None, "connect_timeout": 2, "autocommit": False}
        return common if password is None else {**common, "password": password()}

    async with Pool(url, size=size, arguments=arguments) as pool:
        yield pool


@asynccontextmanager
async def transaction(
    pool: Pool, user_id: UUID, *, within_s: float = TRANSACTION_WITHIN_S
) -> AsyncGenerator[Connection]:
    """One transaction whose row-level security sees only the rows of `user_id`.

    It takes `within_s` at most, the wait for a connection (0.8 s at most) and the commit included; nothing but statements may
    be awaited in it.
    Raises: StorageUnavailable when no connection is to be had, it breaks or time is up; errors of SQL itself stay bugs. It is
    rolled back then, unless it was the commit that got no answer: that may yet be carried out.
    """
    async with _connection(pool, within_s) as connection:
        # Local to the transaction: a session setting would outlive it in the pool, and pins a session of RDS Proxy.
        await connection.execute(
            "SELECT set_config('parley.user_id', %s, true), set_config('statement_timeout', %s, true)",
            (str(user_id), str(int(within_s * SERVER_SHARE * 1000))),
        )
        yield connection


@asynccontextmanager
async def transaction_for_all(pool: Pool, *, within_s: float = TRANSACTION_WITHIN_S) -> AsyncGenerator[Connection]:
    """One transaction of a role whose policies name the tables it may see across users (`parley_jobs`)."""
    async with _connection(pool, within_s) as connection:
        yield connection


@asynccontextmanager
async def single_statements(pool: Pool, *, within_s: float = TRANSACTION_WITHIN_S) -> AsyncGenerator[Connection]:
    """Each statement is a transaction of its own, in one round trip. It sees the rows of nobody, unless by a function of ours
    that acts for somebody itself.
    """
    async with _connection(pool, within_s) as connection:
        await connection.set_autocommit(True)
        try:
            yield connection
        finally:
            if not connection.closed:
                await connection.set_autocommit(False)


async def ping(pool: Pool) -> None:
    """Raises: StorageUnavailable unless the database answers now."""
    async with _connection(pool, CONNECTION_WITHIN_S) as connection:
        await connection.execute("SELECT 1")


@asynccontextmanager
async def _connection(pool: Pool, within_s: float) -> AsyncGenerator[Connection]:
    deadline = asyncio.get_running_loop().time() + within_s
    with pool.breaker.attempt():
        connection = await _take(pool, min(within_s, CONNECTION_WITHIN_S))
        pool.in_use += 1
        try:
            with _cut_at(deadline, connection):
                async with connection:
                    yield connection
            connection.used_at = time()
        except psycopg.OperationalError as error:
            if not connection.closed:
                raise StorageUnavailable(_SILENT, retry_after_s=2) from error
            # What broke it has probably broken those that lie idle, too; they would fail one request each.
            await pool.drain()
            raise _Outage from error
        finally:
            pool.in_use -= 1
            await pool.putconn(connection)


async def _take(pool: Pool, within_s: float) -> _PooledConnection:
    """A connection that works, to be put back. Raises: StorageUnavailable."""
    now = asyncio.get_running_loop().time
    deadline = now() + within_s
    try:
        while True:
            connection = await pool.getconn(deadline - now())
            if time() - connection.used_at < TRUSTED_FOR_S or await _works(pool, connection, deadline):
                return connection
    except PoolTimeout as error:
        if pool.in_use >= pool.max_size:
            raise StorageUnavailable("The database is busy. Try again in a moment.", retry_after_s=2) from error
        raise _Outage from error


async def _works(pool: Pool, connection: _PooledConnection, deadline: float) -> bool:
    """A proxy's idle timeout, a failover or a frozen Lambda leave dead connections; always asking costs a round trip.

    One that does not answer is put back, for the pool to replace.
    """
    try:
        with _cut_at(min(deadline, asyncio.get_running_loop().time() + CHECKED_WITHIN_S), connection):
            await pool.check_connection(connection)
    except psycopg.OperationalError:
        await pool.drain()
        await pool.putconn(connection)
        return False
    except BaseException:
        await pool.putconn(connection)
        raise
    return True


@contextmanager
def _cut_at(deadline: float, connection: _PooledConnection) -> Generator[None]:
    """Break the connection at `deadline`, a time of the loop: whoever waits for it then gets an OperationalError at once.

    A frozen server takes bytes and never answers, and its own statement_timeout is frozen with it. To cancel the task would not
    do: psycopg then asks that very server to cancel the statement, and waits 10 s for it.
    """
    timer = asyncio.get_running_loop().call_at(deadline, _shut_down, connection)
    try:
        yield
    finally:
        timer.cancel()


def _shut_down(connection: _PooledConnection) -> None:
    with suppress(psycopg.Error, OSError):  # it is closed already
        duplicate = socket.socket(fileno=os.dup(connection.fileno()))  # libpq goes on owning the descriptor itself
        with duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
