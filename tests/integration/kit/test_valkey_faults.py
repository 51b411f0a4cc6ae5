"""A Valkey that is gone or frozen is told of within a second, and used again as soon as it is back."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from local.parts import EmbeddedValkey, temporary_home
from local.parts.ports import free_port
from parley.errors import StorageUnavailable
from parley.kit.valkey import RedisCluster, RedisError, open_valkey, ping
from tests.integration.kit.faults import frozen, refused_after_s, refused_unasked_after_s, report, works_again_after_s


@pytest.fixture(scope="module")
def server() -> Iterator[EmbeddedValkey]:
    """A Valkey of its own: other tests must not meet the faults."""
    with temporary_home() as home, EmbeddedValkey(home) as part:
        yield part


@pytest.fixture
async def client(server: EmbeddedValkey) -> AsyncIterator[RedisCluster]:
    async with open_valkey(server.url, server.password_file) as client:
        yield client


def pid_of(server: EmbeddedValkey) -> int:
    pid = server._process.pid
    assert pid is not None
    return pid


async def command(client: RedisCluster) -> Any:
    """A read as the log does it."""
    try:
        return await client.exists("key")
    except RedisError as error:
        raise StorageUnavailable("away", retry_after_s=1) from error


async def flush(client: RedisCluster) -> list[Any]:
    """A write as the log does it."""
    try:
        await client.initialize()
        pipeline = cast("Any", client.pipeline(transaction=False))
        node = client.get_node_from_key("key")
        for _ in range(3):
            pipeline.execute_command("EXISTS", "key", target_nodes=node)
        return await pipeline.execute(raise_on_error=False)
    except RedisError as error:
        raise StorageUnavailable("away", retry_after_s=1) from error


@pytest.mark.parametrize("attempt", [command, flush, ping])
async def test_a_frozen_valkey_is_given_up_and_used_again_when_it_thaws(
    server: EmbeddedValkey, client: RedisCluster, attempt: Any
) -> None:
    await works_again_after_s(lambda: attempt(client))
    with frozen(pid_of(server)):
        took_s = [await refused_after_s(lambda: attempt(client)) for _ in range(2)]
    back_s = await works_again_after_s(lambda: attempt(client))

    report(f"frozen, {attempt.__name__}", max(took_s))
    report(f"thawed, {attempt.__name__}", back_s)


@pytest.mark.parametrize("attempt", [command, flush])
async def test_a_frozen_valkey_is_given_up_by_a_client_without_a_connection(
    server: EmbeddedValkey, attempt: Any
) -> None:
    with frozen(pid_of(server)):
        async with open_valkey(server.url, server.password_file) as client:
            took_s = await refused_after_s(lambda: attempt(client))

    report(f"frozen, {attempt.__name__}, no connection yet", took_s)


async def test_while_valkey_is_frozen_nobody_waits_for_it_after_a_few_tries(
    server: EmbeddedValkey, client: RedisCluster
) -> None:
    await works_again_after_s(lambda: command(client))
    with frozen(pid_of(server)):
        together_s = await asyncio.gather(*(refused_after_s(lambda: command(client)) for _ in range(20)))
        at_once_s = await refused_unasked_after_s(lambda: command(client))
        flush_s = await refused_unasked_after_s(lambda: flush(client))
    back_s = await works_again_after_s(lambda: command(client))

    report("frozen, the slowest of 20", max(together_s))
    report("frozen, refused by the breaker", at_once_s)
    report("frozen, flush while the breaker is open", flush_s)
    report("thawed", back_s)


@pytest.mark.parametrize("attempt", [command, flush])
async def test_a_killed_valkey_is_told_of_and_used_again_after_its_restart(
    server: EmbeddedValkey, client: RedisCluster, attempt: Any
) -> None:
    await works_again_after_s(lambda: attempt(client))
    server._process.kill()
    took_s = [await refused_after_s(lambda: attempt(client)) for _ in range(5)]
    at_once_s = await refused_unasked_after_s(lambda: attempt(client))
    await asyncio.to_thread(server._process.bring_up)
    back_s = await works_again_after_s(lambda: attempt(client))

    report(f"killed, {attempt.__name__}, the slowest of 5", max(took_s))
    report(f"killed, {attempt.__name__}, refused by the breaker", at_once_s)
    report(f"restarted, {attempt.__name__}", back_s)


async def test_connections_that_were_closed_while_idle_are_replaced_unseen(client: RedisCluster) -> None:
    await asyncio.gather(*(works_again_after_s(lambda: command(client)) for _ in range(5)))
    await cast("Any", client).execute_command("CLIENT KILL", "TYPE", "normal")

    results = await asyncio.gather(*(command(client) for _ in range(5)), return_exceptions=True)

    # A machine that stands still for a second is no closed connection.
    errors = [each for each in results if isinstance(each, BaseException)]
    assert [each for each in errors if not isinstance(each.__cause__, RedisTimeoutError)] == []


async def test_a_command_that_waits_on_purpose_is_let_wait(client: RedisCluster) -> None:
    assert not await client.xread({"nothing": "$"}, block=1200)


async def test_a_port_where_nobody_listens(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("secret")
    async with open_valkey(f"redis://127.0.0.1:{free_port()}/0", tmp_path / "password") as client:
        took_s = [await refused_after_s(lambda: command(client)) for _ in range(6)]

    report("nobody listens", max(took_s))
