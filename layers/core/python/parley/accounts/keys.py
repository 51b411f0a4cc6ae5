"""What a user can do with API keys. Each use case is one transaction that acts for that user.

Raises throughout: PermissionDenied for an identity that came by a key, NotFound for what does not exist, was revoked, has
expired or is another user's, StorageUnavailable when the database is away.
"""

from __future__ import annotations

from parley.accounts import store
from parley.accounts.model import LIVE_KEYS_LIMIT, ApiKey, ApiKeyPage, Credential, Identity, NewApiKey
from parley.accounts.secret import Secret, new_secret
from parley.errors import ApiKeyLimitReached, NotFound, PermissionDenied
from parley.ids import ApiKeyId, UserId
from parley.kit.postgres import Connection, Pool, transaction


async def create_key(pool: Pool, identity: Identity, new: NewApiKey) -> tuple[ApiKey, Secret]:
    """The key and its secret, which nobody can tell again. Raises: ApiKeyLimitReached."""
    user_id, secret = _manager(identity), new_secret()
    async with transaction(pool, user_id) as connection:
        await store.ensure_user(connection, user_id)
        await store.vacate_expired(connection, user_id)
        return await _insert(connection, user_id, new, secret), secret


async def list_keys(pool: Pool, identity: Identity, *, limit: int, after: ApiKeyId | None) -> ApiKeyPage:
    user_id = _manager(identity)
    async with transaction(pool, user_id) as connection:
        if after is not None and await store.find_key(connection, user_id, after) is None:
            raise _no_key(param="after")
        # One more than asked for tells whether there are more.
        found = await store.list_keys(connection, user_id, after=after, limit=limit + 1)
    return ApiKeyPage(found[:limit], has_more=len(found) > limit)


async def revoke_key(pool: Pool, identity: Identity, key_id: ApiKeyId) -> None:
    """Requests are refused from then on, but for those that API Gateway still knows an allowing verdict for: 60 s at most."""
    user_id = _manager(identity)
    async with transaction(pool, user_id) as connection:
        if not await store.revoke_key(connection, user_id, key_id):
            raise _no_key()


async def _insert(connection: Connection, user_id: UserId, new: NewApiKey, secret: Secret) -> ApiKey:
    """Tries again while others take the place it saw free: each time one of them got a key, so it is soon decided."""
    while True:
        key = await store.insert_key(connection, user_id, new, secret)
        if key is not None:
            return key
        if await store.count_keys(connection, user_id) >= LIVE_KEYS_LIMIT:
            raise ApiKeyLimitReached(f"An account has at most {LIVE_KEYS_LIMIT} keys. Revoke one first.")


def _manager(identity: Identity) -> UserId:
    """A key that leaked must not make itself successors, nor list or revoke the others."""
    if identity.credential is not Credential.TOKEN:
        raise PermissionDenied("An API key cannot manage API keys. Sign in instead.")
    return identity.user_id


def _no_key(param: str | None = None) -> NotFound:
    return NotFound("No such API key.", param=param)
