"""Valkey in cluster mode, as ElastiCache runs it and, with one node, the laptop too: a cross-slot call fails on both."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from redis.asyncio import RedisCluster
from redis.credentials import CredentialProvider
from redis.exceptions import RedisError, ResponseError

from parley.errors import StorageUnavailable

__all__ = ["RedisCluster", "RedisError", "ResponseError", "open_valkey", "ping"]


@asynccontextmanager
async def open_valkey(
    url: str, password_file: Path | None = None, sign_in: Callable[[], tuple[str, str]] | None = None
) -> AsyncGenerator[RedisCluster]:
    """A client that connects at its first command, so that a function starts while Valkey is away.

    `sign_in` gives user and password for each new connection, so that the password may be a token of a few minutes' life.
    ElastiCache closes a connection 12 hours after its token; the next command finds that, and connects anew with a fresh one.
    """
    client = RedisCluster.from_url(
        url,
        password=_read_password(password_file),
        credential_provider=_SignIn(sign_in) if sign_in else None,
        socket_connect_timeout=1,
        socket_timeout=2,
        decode_responses=False,
    )
    try:
        yield client
    finally:
        await client.aclose()


class _SignIn(CredentialProvider):
    """What redis-py asks at each connection."""

    def __init__(self, sign_in: Callable[[], tuple[str, str]]) -> None:
        self._sign_in = sign_in

    def get_credentials(self) -> tuple[str, str]:
        return self._sign_in()

    async def get_credentials_async(self) -> tuple[str, str]:
        return self._sign_in()


def _read_password(file: Path | None) -> str | None:
    return file.read_text().strip() if file else None


async def ping(client: RedisCluster) -> None:
    """Raises: StorageUnavailable unless the cluster answers now."""
    try:
        await client.ping()  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError) as error:
        raise StorageUnavailable("Valkey does not answer.", retry_after_s=2) from error
