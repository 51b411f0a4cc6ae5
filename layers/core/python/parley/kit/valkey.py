"""Valkey in cluster mode, as ElastiCache runs it and, with one node, the laptop too: a cross-slot call fails on both."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import RedisCluster
from redis.exceptions import RedisError, ResponseError

from parley.errors import StorageUnavailable

__all__ = ["RedisCluster", "RedisError", "ResponseError", "open_valkey", "ping"]


@asynccontextmanager
async def open_valkey(url: str, password_file: Path | None = None) -> AsyncGenerator[RedisCluster]:
    """A client that connects at its first command, so that a function starts while Valkey is away."""
    password = _read_password(password_file)
    client = RedisCluster.from_url(
        url,
        password=password,
        socket_connect_timeout=1,
        socket_timeout=2,
        decode_responses=False,
    )
    try:
        yield client
    finally:
        await client.aclose()


def _read_password(file: Path | None) -> str | None:
    return file.read_text().strip() if file else None


async def ping(client: RedisCluster) -> None:
    """Raises: StorageUnavailable unless the cluster answers now."""
    try:
        await client.ping()  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError) as error:
        raise StorageUnavailable("Valkey does not answer.", retry_after_s=2) from error
