"""A database that is gone, frozen or slow is told of within a second, and used again as soon as it is back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from uuid import uuid4

import psycopg
import pytest

from local.parts import EmbeddedPostgres, temporary_home
from local.parts.ports import free_port
from parley.errors import StorageUnavailable
from parley.kit.postgres import Pool, open_pool, ping, transaction
from tests.integration.kit.faults import frozen, refused_after_s, refused_unasked_after_s, report, works_again_after_s

USER = uuid4()


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedPostgres]:
    """A Postgres of its own: other tests must not meet the faults."""
    with temporary_home() as home, EmbeddedPostgres(home, durable=False) as part:
        yield part


@pytest.fixture
async def pool(server: EmbeddedPostgres) -> AsyncIterator[Pool]:
    async with open_pool(server.url_for("parley_app"), size=1) as pool:
        yield pool


async def work(pool: Pool) -> int:
    """A transaction as at the beginning of a turn. Returns the process of the server that it spoke to."""
    async with transaction(pool, USER, within_s=0.9) as connection:
        await connection.execute("SELECT count(*) FROM conversations")
        return connection.info.backend_pid


def pid_of(server: EmbeddedPostgres) -> int:
    pid = server._process.pid
    assert pid is not None
    return pid


async def test_a_frozen_database_is_given_up_in_a_transaction(server: EmbeddedPostgres, pool: Pool) -> None:
    await works_again_after_s(lambda: work(pool))
    with frozen(pid_of(server)):
        took_s = await refused_after_s(lambda: work(pool))

    report("frozen, connection in use", took_s)


async def test_a_frozen_database_is_given_up_between_two_statements(server: EmbeddedPostgres, pool: Pool) -> None:
    async def work_and_freeze() -> None:
        async with transaction(pool, USER, within_s=0.9) as connection:
            await connection.execute("SELECT 1")
            with frozen(pid_of(server)):
                await connection.execute("SELECT 2")

    took_s = await refused_after_s(work_and_freeze)

    report("frozen, between two statements", took_s)


async def test_a_frozen_database_is_given_up_when_an_idle_connection_is_checked(
    server: EmbeddedPostgres, pool: Pool
) -> None:
    await pool.wait()  # there is a connection, and its last use is unknown
    with frozen(pid_of(server)):
        took_s = await refused_after_s(lambda: work(pool))

    report("frozen, idle connection", took_s)


async def test_a_frozen_database_is_given_up_without_a_connection(server: EmbeddedPostgres) -> None:
    with frozen(pid_of(server)):
        async with open_pool(server.url_for("parley_app"), size=2) as pool:
            took_s = await refused_after_s(lambda: work(pool))

    report("frozen, no connection yet", took_s)


async def test_a_database_that_thaws_is_used_again(server: EmbeddedPostgres, pool: Pool) -> None:
    await works_again_after_s(lambda: work(pool))
    with frozen(pid_of(server)):
        for _ in range(5):
            await refused_after_s(lambda: work(pool))
        at_once_s = await refused_unasked_after_s(lambda: work(pool))

    back_s = await works_again_after_s(lambda: work(pool))

    report("frozen, refused by the breaker", at_once_s)
    report("thawed", back_s)


async def test_a_killed_database_is_told_of_and_used_again_after_its_restart(
    server: EmbeddedPostgres, pool: Pool
) -> None:
    await works_again_after_s(lambda: work(pool))
    server._process.kill()
    first_s = await refused_after_s(lambda: work(pool))
    others_s = await asyncio.gather(*(refused_after_s(lambda: work(pool)) for _ in range(4)))
    at_once_s = await refused_unasked_after_s(lambda: work(pool))
    server._process.bring_up()
    back_s = await works_again_after_s(lambda: work(pool))

    report("killed, connection in use", first_s)
    report("killed, no connection any more", max(others_s))
    report("killed, refused by the breaker", at_once_s)
    report("restarted", back_s)


async def test_a_port_where_nobody_listens() -> None:
    url = f"postgresql://parley_app:secret@127.0.0.1:{free_port()}/parley"
    async with open_pool(url, size=4) as pool:
        all_s = await asyncio.gather(*(refused_after_s(lambda: work(pool)) for _ in range(20)))
        at_once_s = await refused_unasked_after_s(lambda: ping(pool))

    report("nobody listens, the slowest of 20", max(all_s))
    report("nobody listens, refused by the breaker", at_once_s)


async def test_connections_that_died_while_idle_are_all_replaced_unseen(server: EmbeddedPostgres) -> None:
    async with open_pool(server.url_for("parley_app"), size=3) as pool:
        async with pool.connection(), pool.connection(), pool.connection():
            pass
        with psycopg.connect(server.owner_url) as owner:
            owner.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'parley_app'")

        await ping(pool)


async def test_a_slow_statement_is_ended_by_the_server_and_costs_no_connection(pool: Pool) -> None:
    before = await work(pool)

    async def sleep() -> None:
        async with transaction(pool, USER, within_s=0.5) as connection:
            await connection.execute("SELECT pg_sleep(60)")

    took_s = [await refused_after_s(sleep) for _ in range(6)]

    report("slow statement", took_s[0])
    assert await work(pool) == before  # nor does it make the breaker open


async def test_a_pool_of_which_all_is_in_use_is_busy_and_not_away(server: EmbeddedPostgres) -> None:
    async with open_pool(server.url_for("parley_app"), size=1) as pool:
        await work(pool)
        async with transaction(pool, USER):
            with pytest.raises(StorageUnavailable, match="busy"):
                await work(pool)
            await asyncio.gather(*(refused_after_s(lambda: work(pool)) for _ in range(6)))

        await works_again_after_s(lambda: work(pool))
