"""The SQL of API keys. The caller owns the transaction, which acts for `user_id` (`kit.postgres`).

Only live keys are seen: neither revoked nor expired.
"""

from __future__ import annotations

from psycopg.rows import class_row, scalar_row

from parley.accounts.model import LIVE_KEYS_LIMIT, ApiKey, NewApiKey
from parley.accounts.secret import Secret
from parley.ids import ApiKeyId, UserId, new_uuid
from parley.kit.postgres import Connection


async def ensure_user(connection: Connection, user_id: UserId) -> None:
    """The user's row exists afterwards: users come from the issuer and are first heard of when they store something."""
    await connection.execute("INSERT INTO users (user_id) VALUES (%s) ON CONFLICT DO NOTHING", (user_id,))


async def vacate_expired(connection: Connection, user_id: UserId) -> None:
    """The places of expired keys are free afterwards."""
    await connection.execute(
        "UPDATE api_keys SET revoked_at = expires_at WHERE user_id = %s AND revoked_at IS NULL AND expires_at <= now()",
        (user_id,),
    )


async def insert_key(connection: Connection, user_id: UserId, new: NewApiKey, secret: Secret) -> ApiKey | None:
    """The key on the first free place; None when there is none, or another request has taken it just now."""
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(
            "INSERT INTO api_keys (user_id, key_id, place, name, key_hash, secret_end, tier, expires_at) "
            "SELECT %(user_id)s, %(key_id)s, free.place, %(name)s, %(key_hash)s, %(secret_end)s, %(tier)s, "
            "now() + %(lifetime_days)s * interval '1 day' FROM generate_series(1, %(places)s) AS free (place) "
            "WHERE NOT EXISTS (SELECT FROM api_keys AS taken WHERE taken.user_id = %(user_id)s "
            "AND taken.place = free.place AND taken.revoked_at IS NULL) "
            "ORDER BY free.place LIMIT 1 ON CONFLICT DO NOTHING "
            "RETURNING key_id, name, secret_end, tier, created_at, expires_at, last_used_on",
            {
                "user_id": user_id,
                "key_id": new_uuid(),
                "name": new.name,
                "key_hash": secret.hash,
                "secret_end": secret.end,
                "tier": new.tier.value,
                "lifetime_days": new.lifetime_days,
                "places": LIVE_KEYS_LIMIT,
            },
        )
        return await cursor.fetchone()


async def count_keys(connection: Connection, user_id: UserId) -> int:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT count(*) FROM api_keys WHERE user_id = %s AND revoked_at IS NULL "
            "AND (expires_at IS NULL OR expires_at > now()) LIMIT 1",
            (user_id,),
        )
        return int(await cursor.fetchone() or 0)


async def find_key(connection: Connection, user_id: UserId, key_id: ApiKeyId) -> ApiKey | None:
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(
            "SELECT key_id, name, secret_end, tier, created_at, expires_at, last_used_on FROM api_keys "
            "WHERE user_id = %s AND key_id = %s AND revoked_at IS NULL "
            "AND (expires_at IS NULL OR expires_at > now()) LIMIT 1",
            (user_id, key_id),
        )
        return await cursor.fetchone()


async def list_keys(connection: Connection, user_id: UserId, *, after: ApiKeyId | None, limit: int) -> list[ApiKey]:
    """The newest first, for their ids sort by time; behind `after` where it is given."""
    async with connection.cursor(row_factory=class_row(ApiKey)) as cursor:
        await cursor.execute(
            "SELECT key_id, name, secret_end, tier, created_at, expires_at, last_used_on FROM api_keys "
            "WHERE user_id = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) "
            "AND key_id < coalesce(%s, 'ffffffffffffffffffffffffffffffff'::uuid) ORDER BY key_id DESC LIMIT %s",
            (user_id, after, limit),
        )
        return await cursor.fetchall()


async def revoke_key(connection: Connection, user_id: UserId, key_id: ApiKeyId) -> bool:
    """Whether it was live."""
    cursor = await connection.execute(
        "UPDATE api_keys SET revoked_at = now() WHERE user_id = %s AND key_id = %s AND revoked_at IS NULL "
        "AND (expires_at IS NULL OR expires_at > now())",
        (user_id, key_id),
    )
    return cursor.rowcount == 1
