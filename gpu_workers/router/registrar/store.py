"""The pool's state in Valkey, where the functions read it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import botocore.session
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from redis.asyncio import RedisCluster
from redis.credentials import CredentialProvider
from redis.exceptions import RedisClusterException, RedisError

from gpu_workers.router.registrar.settings import Settings

# A reader takes a key that is gone for "unknown", which is open.
EXPIRES_MS = 10_000
ANSWER_WITHIN_S = 0.4
# TLS, a token of the role, the cluster's nodes.
CONNECT_WITHIN_S = 2.0
# The longest that ElastiCache accepts. It bounds the sign-in only: an open connection outlives its token.
TOKEN_LIFE_S = 900


class StoreFailed(Exception):
    """Valkey did not answer, or refused."""


class PoolStore:
    """One pool's key. After a failure the next call begins with a new client, which looks for the nodes anew."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.valkey_url.get_secret_value()
        self._key = f"pool:{settings.pool}"
        self._sign_in = _sign_in_of(settings)
        self._client: RedisCluster | None = None

    async def read(self) -> bytes | str | None:
        """What was written last, by whichever registrar. Raises: StoreFailed."""
        async with self._answering() as client:
            return await client.get(self._key)

    async def write(self, document: str) -> None:
        """Raises: StoreFailed."""
        async with self._answering() as client:
            await client.set(self._key, document, px=EXPIRES_MS)

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(RedisError, RedisClusterException, OSError, TimeoutError):
                async with asyncio.timeout(ANSWER_WITHIN_S):
                    await client.aclose()
                    # A client that is about to look for its nodes counts as closed, and keeps connections it still has.
                    await client.nodes_manager.aclose()

    @asynccontextmanager
    async def _answering(self) -> AsyncGenerator[RedisCluster]:
        try:
            client = self._client or await self._connect()
            async with asyncio.timeout(ANSWER_WITHIN_S):
                yield client
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            await self.aclose()
            raise StoreFailed(type(error).__name__) from error

    async def _connect(self) -> RedisCluster:
        # All that is awaited is bounded here. redis-py's own limit is asyncio.wait_for, which before Python 3.12 may lose the
        # cancellation of its caller: the registrar would not end at SIGTERM.
        limits = {"socket_timeout": None, "socket_connect_timeout": CONNECT_WITHIN_S}
        self._client = RedisCluster.from_url(self._url, credential_provider=self._sign_in, **limits)
        async with asyncio.timeout(CONNECT_WITHIN_S):
            return await self._client.initialize()


class IamSignIn(CredentialProvider):
    """A user and a fresh token of the task's role, for each new connection.

    https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
    """

    def __init__(self, session: botocore.session.Session, region: str, cluster: str, user: str) -> None:
        self._session, self._region, self._cluster, self._user = session, region, cluster, user

    def get_credentials(self) -> tuple[str, str]:
        events = self._session.get_component("event_emitter")
        role = self._session.get_credentials()
        signer = RequestSigner(ServiceId("elasticache"), self._region, "elasticache", "v4", role, events)
        url = f"http://{self._cluster.lower()}/?Action=connect&User={self._user}"
        request = {"method": "GET", "url": url, "body": {}, "headers": {}, "context": {}}
        signed = str(signer.generate_presigned_url(request, "connect", TOKEN_LIFE_S, self._region))
        return self._user, signed.removeprefix("http://")

    async def get_credentials_async(self) -> tuple[str, str]:
        # The role's keys come by HTTP, which blocks.
        return await asyncio.to_thread(self.get_credentials)


def _sign_in_of(settings: Settings) -> IamSignIn | None:
    if settings.valkey_iam_user is None or settings.valkey_cluster_name is None:
        return None
    session = botocore.session.get_session()
    return IamSignIn(session, settings.aws_region, settings.valkey_cluster_name, settings.valkey_iam_user)
