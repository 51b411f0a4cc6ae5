"""API keys as the authorizer sees them: a secret in, an identity out, by the one function that its login may call."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from parley.accounts.model import Credential, Identity, Tier
from parley.accounts.secret import Secret
from parley.errors import StorageUnavailable, Unauthenticated
from parley.ids import UserId

if TYPE_CHECKING:  # psycopg takes 220 ms to import, which tokens do not need
    import psycopg

Connect = Callable[[], "psycopg.Connection[Any]"]


class KeyLookup:
    """Looks keys up over one connection, opened by the first key and shared by threads. It asks the database each time:
    how long a revoked key lives on is for API Gateway's cache of verdicts alone to say.
    """

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None

    def identify(self, token: str) -> Identity:
        """The owner of the live key `token`, with the tier it was made with and no role.

        Raises: Unauthenticated, for a malformed one without asking the database; StorageUnavailable.
        """
        try:
            secret = Secret(token)
        except ValueError:
            raise Unauthenticated("The API key is malformed.") from None
        with self._lock:
            row = self._find(secret.hash)
        if row is None:
            raise Unauthenticated("The API key is unknown, was revoked or has expired.")
        return Identity(UserId(row[0]), Tier(row[1]), credential=Credential.KEY)

    def close(self) -> None:
        with self._lock:
            self._drop()

    def _find(self, key_hash: bytes) -> tuple[Any, ...] | None:
        import psycopg

        try:
            return self._ask(key_hash)
        except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
            self._drop()
            raise StorageUnavailable("API keys cannot be checked now. Try again.", retry_after_s=1) from error

    def _ask(self, key_hash: bytes) -> tuple[Any, ...] | None:
        """Asks again over a new connection when the one at hand has died: a Lambda wakes up with dead ones."""
        import psycopg

        if self._connection is not None:
            try:
                return _find_api_key(self._connection, key_hash)
            except psycopg.OperationalError:
                self._drop()
        self._connection = self._connect()
        return _find_api_key(self._connection, key_hash)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _find_api_key(connection: psycopg.Connection[Any], key_hash: bytes) -> tuple[Any, ...] | None:
    return connection.execute("SELECT user_id, tier FROM find_api_key(%s) LIMIT 1", (key_hash,)).fetchone()
