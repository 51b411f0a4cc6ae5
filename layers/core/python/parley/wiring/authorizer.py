"""The parts of the authorizer. Nothing is opened here: keys of the issuer and the database are asked for when needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from parley.accounts.lookup import KeyLookup
from parley.accounts.secret import looks_like_key
from parley.accounts.service import TokenVerifier, create_verifier
from parley.settings import AuthorizerSettings
from parley.wiring.role import aws_of

if TYPE_CHECKING:
    import psycopg

    from parley.accounts.model import Identity

_CONNECT_TIMEOUT_S = 2
# A statement is limited to 3 s by the role's own setting; this limits the wait for a network that swallows packets.
_SILENCE_TIMEOUT_MS = 4_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """Whatever may stand behind `Authorization: Bearer`."""

    tokens: TokenVerifier
    keys: KeyLookup

    def identify(self, bearer: str) -> Identity:
        """Raises: Unauthenticated; IssuerUnavailable or StorageUnavailable when it cannot be judged."""
        return self.keys.identify(bearer) if looks_like_key(bearer) else self.tokens.identify(bearer)

    def close(self) -> None:
        self.keys.close()


def create_credentials(settings: AuthorizerSettings) -> Credentials:
    return Credentials(create_verifier(settings), KeyLookup(partial(_connect, settings)))


def _connect(settings: AuthorizerSettings) -> psycopg.Connection[Any]:
    import psycopg

    from parley.wiring.database import password_for

    password = password_for(settings, settings.database_url)
    return psycopg.connect(
        settings.database_url,
        autocommit=True,
        prepare_threshold=None,  # RDS Proxy pins a session that prepares statements
        connect_timeout=_CONNECT_TIMEOUT_S,
        tcp_user_timeout=_SILENCE_TIMEOUT_MS,
        password=password() if password else None,
    )


def origin_reader(settings: AuthorizerSettings) -> Callable[[], frozenset[str]] | None:
    """Reads what CloudFront may say in `x-parley-origin`, now and before the last rotation; None where nothing is asked for."""
    arn = settings.origin_secret_arn
    return None if arn is None else lambda: asyncio.run(_read_origins(settings, arn))


async def _read_origins(settings: AuthorizerSettings, arn: str) -> frozenset[str]:
    from parley.kit.secrets import SecretUnavailableError, read_secret

    aws = aws_of(settings)
    values = {await read_secret(aws, arn)}
    try:
        values.add(await read_secret(aws, arn, "AWSPREVIOUS"))
    except SecretUnavailableError as error:
        if error.code != "ResourceNotFoundException":  # it was never rotated
            raise
    return frozenset(values)
