"""Valkey in cluster mode, as ElastiCache runs it and, with one node, the laptop too: a cross-slot call fails on both."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, cast

from redis.asyncio import RedisCluster
from redis.asyncio.cluster import ClusterPipeline
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MaxConnectionsError, RedisClusterException, RedisError, ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

from parley.errors import StorageUnavailable
from parley.kit.breaker import Breaker

__all__ = ["RedisCluster", "RedisError", "ResponseError", "open_valkey", "ping"]

# For a command or a pipeline in all, with whatever redis-py tries anew and looks up for it.
ANSWER_WITHIN_S = 0.9
CONNECT_WITHIN_S = 0.5
# For a command that waits on purpose, which the limit above does not bind: its own BLOCK must be shorter.
BLOCK_WITHIN_S = 2


@asynccontextmanager
async def open_valkey(
    url: str, password_file: Path | None = None, sign_in: Callable[[], tuple[str, str]] | None = None
) -> AsyncGenerator[RedisCluster]:
    """A client that connects at its first command, so that a function starts while Valkey is away.

    Its commands and pipelines answer, or raise a RedisError, within a second; those with BLOCK within two. After some that
    got no answer, others are refused at once, until one gets an answer again.

    `sign_in` gives user and password for each new connection, so that the password may be a token of a few minutes' life.
    ElastiCache closes a connection 12 hours after its token; the next command finds that, and connects anew with a fresh one.
    """
    client = _Client.from_url(
        url,
        password=_read_password(password_file),
        credential_provider=_SignIn(sign_in) if sign_in else None,
        socket_connect_timeout=CONNECT_WITHIN_S,
        # What is awaited is bounded as a whole (`prompt`): redis-py's own limit is a timer for every answer of a pipeline.
        socket_timeout=None,
        decode_responses=False,
    )
    try:
        yield client
    finally:
        await client.aclose()
        # A client that is about to look for its nodes counts as closed already, and keeps the connections it still has.
        await client.nodes_manager.aclose()


async def ping(client: RedisCluster) -> None:
    """Raises: StorageUnavailable unless the cluster answers now."""
    try:
        await client.ping()  # pyright: ignore[reportUnknownMemberType]
    except (RedisError, OSError) as error:
        raise StorageUnavailable("Valkey does not answer.", retry_after_s=2) from error


# redis-py calls itself: a command looks for the nodes, a pipeline sends a command again that was sent to the wrong node.
_is_inside: ContextVar[bool] = ContextVar("is_inside", default=False)


class _Client(RedisCluster):
    """What bounds redis-py's own timeouts, retries and looking for nodes, which add up: 4 s and more for a frozen server."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)  # pyright: ignore[reportUnknownMemberType]
        self._breaker = Breaker(_refusal, _is_outage)

    async def initialize(self, *arguments: Any, **options: Any) -> RedisCluster:
        if self._initialize:
            async with self.prompt():
                await super().initialize(*arguments, **options)
        return self

    async def execute_command(self, *args: Any, **kwargs: Any) -> Any:
        if b"BLOCK" in args:
            try:
                async with asyncio.timeout(BLOCK_WITHIN_S):
                    return await super().execute_command(*args, **kwargs)
            except TimeoutError as error:
                raise RedisTimeoutError(f"no answer within {BLOCK_WITHIN_S} s") from error
        async with self.prompt():
            return await super().execute_command(*args, **kwargs)

    def pipeline(self, transaction: Any | None = None, shard_hint: Any | None = None) -> ClusterPipeline:  # noqa: ARG002
        return _Pipeline(self, transaction)  # pyright: ignore[reportAbstractUsage]

    @asynccontextmanager
    async def prompt(self) -> AsyncGenerator[None]:
        """What is awaited within it ends in a second. Raises: RedisError, at once while Valkey is known to be away."""
        if _is_inside.get():
            yield
            return
        token = _is_inside.set(True)
        try:
            with self._breaker.attempt():
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    yield
        except TimeoutError as error:
            # As redis-py does it for a node that does not answer: look for the nodes anew, others may have taken over.
            self._initialize = True
            raise RedisTimeoutError(f"no answer within {ANSWER_WITHIN_S} s") from error
        except RedisClusterException as error:  # no node could be reached: to redis-py no RedisError
            raise RedisConnectionError(str(error)) from error
        finally:
            _is_inside.reset(token)


class _Pipeline(ClusterPipeline):
    async def execute(self, raise_on_error: bool = True, allow_redirections: bool = True) -> list[Any]:
        async with cast("_Client", self.cluster_client).prompt():
            answers = await super().execute(raise_on_error, allow_redirections)
            if answers and all(_is_outage(answer) for answer in answers):
                raise answers[0]
            return answers


def _refusal(rest_s: int) -> RedisError:
    return RedisConnectionError(f"Valkey did not answer; it is asked again in {rest_s} s")


def _is_outage(error: object) -> bool:
    """All connections in use is a matter of ours, and says nothing about Valkey."""
    outages = RedisConnectionError | RedisTimeoutError | RedisClusterException | OSError
    return isinstance(error, outages) and not isinstance(error, MaxConnectionsError)


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
