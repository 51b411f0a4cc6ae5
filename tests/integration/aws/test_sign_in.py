"""Database and cache are signed in to with tokens of the function's role, fresh for each connection."""

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from redis import Redis

from local.parts import EmbeddedValkey
from parley.errors import StorageUnavailable
from parley.kit import postgres
from parley.kit.valkey import RedisCluster, open_valkey
from parley.settings import DatabaseSettings, SettingsError, ValkeySettings
from parley.wiring.cache import open_cache
from parley.wiring.database import open_database
from parley.wiring.role import aws_of
from tests.integration.aws.conftest import REGION, ROLE
from tests.integration.aws.tls_postgres import TlsPostgres, running_tls_postgres

ENVIRONMENT = {
    "aws_region": REGION,
    "aws_access_key_id": SecretStr(ROLE.access_key_id),
    "aws_secret_access_key": SecretStr(ROLE.secret_access_key),
    "aws_session_token": SecretStr(ROLE.session_token),
}


def _settings(server: TlsPostgres, **changes: Any) -> DatabaseSettings:
    query = f"sslmode=verify-full&sslrootcert={server.authority}"
    url = f"postgresql://parley_app@localhost:{server.port}/parley?{query}"
    return DatabaseSettings(**{**ENVIRONMENT, "database_url": url, "database_iam_auth": True, **changes})


async def test_each_connection_to_the_database_has_a_token_of_its_own(tmp_path: Path) -> None:
    async with running_tls_postgres(tmp_path) as server:
        settings = _settings(server, database_pool_size=2)
        async with open_database(settings) as pool, pool.connection(timeout=5), pool.connection(timeout=5):
            pass

    assert [user for user, _ in server.sign_ins] == ["parley_app"] * 2
    for _, token in server.sign_ins:
        assert token.startswith(f"localhost:{server.port}/?Action=connect&DBUser=parley_app&X-Amz-Algorithm")
        assert "X-Amz-Expires=900" in token


async def test_a_token_is_not_shown_to_a_server_of_another_name(tmp_path: Path) -> None:
    async with running_tls_postgres(tmp_path, name="elsewhere") as server, open_database(_settings(server)) as pool:
        with pytest.raises(StorageUnavailable):
            await postgres.ping(pool)

    assert server.sign_ins == []
    assert server.refused


async def test_a_token_is_not_shown_to_a_server_that_amazon_does_not_vouch_for(tmp_path: Path) -> None:
    roots = Path(postgres.__file__).with_name("amazon_roots.pem")
    async with running_tls_postgres(tmp_path) as server:
        url = f"postgresql://parley_app@localhost:{server.port}/parley?sslmode=verify-full&sslrootcert={roots}"
        async with open_database(_settings(server, database_url=url)) as pool:
            with pytest.raises(StorageUnavailable):
                await postgres.ping(pool)

    assert server.sign_ins == []


def test_a_database_that_would_not_be_verified_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://parley_app@db/parley?sslmode=require")
    monkeypatch.setenv("DATABASE_IAM_AUTH", "true")
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name.upper(), value if isinstance(value, str) else value.get_secret_value())

    with pytest.raises(SettingsError, match=r"DATABASE_URL: .*verify-full"):
        DatabaseSettings.from_env()


async def test_each_connection_to_the_cache_has_a_token_of_its_own(valkey: EmbeddedValkey) -> None:
    tokens: list[str] = []
    aws = aws_of(DatabaseSettings(**ENVIRONMENT, database_url="postgresql://"))  # pyright: ignore[reportArgumentType]

    def sign_in() -> tuple[str, str]:
        tokens.append(aws.cache_token("parley", "iam-user"))
        return "iam-user", tokens[-1]

    admin = Redis.from_url(valkey.url, password=valkey.password_file.read_text().strip())
    admin.acl_setuser("iam-user", enabled=True, nopass=True, keys=["*"], commands=["+@all"])
    with closing(admin):
        async with open_valkey(valkey.url, sign_in=sign_in) as client:
            assert await _who_am_i(client) == "iam-user"
            before = len(tokens)
            # As ElastiCache does twelve hours after a connection's token.
            assert admin.execute_command("CLIENT", "KILL", "USER", "iam-user")
            assert await _who_am_i(client) == "iam-user"
        admin.acl_deluser("iam-user")

    assert len(tokens) > before
    assert tokens[0].startswith("parley/?Action=connect&User=iam-user&X-Amz-Algorithm")


async def test_the_cache_of_a_laptop_is_signed_in_to_with_its_password(valkey: EmbeddedValkey) -> None:
    settings = ValkeySettings(valkey_url=valkey.url, valkey_password_file=valkey.password_file)
    async with open_cache(settings) as client:
        assert await _who_am_i(client) == "default"


async def _who_am_i(client: RedisCluster) -> object:
    return await client.execute_command("ACL WHOAMI")
