"""API keys at the authorizer, before the real database as its own login."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from lambdas.authorizer.main import Handler, create_handler
from local.parts.ports import free_port
from local.parts.postgres import EmbeddedPostgres
from parley.accounts import keys
from parley.accounts.lookup import KeyLookup
from parley.accounts.model import ApiKey, Identity, NewApiKey, Role, Tier
from parley.accounts.secret import new_secret
from parley.errors import StorageUnavailable
from parley.ids import UserId, new_uuid
from parley.kit.postgres import Pool, open_pool
from parley.settings import AuthorizerSettings
from parley.wiring.authorizer import Credentials, create_credentials
from tests.integration.aws.tls_postgres import running_tls_postgres

ARN = "arn:aws:execute-api:eu-central-1:1:a/live/GET/v1/models"


def settings(database_url: str) -> AuthorizerSettings:
    # No key needs the issuer.
    return AuthorizerSettings(
        oidc_issuer="http://127.0.0.1:9", oidc_issuer_name="test", oidc_audience="web", database_url=database_url
    )


def event(bearer: str) -> dict:
    return {"methodArn": ARN, "headers": {"Authorization": f"Bearer {bearer}"}}


@pytest.fixture(scope="module")
def credentials(postgres: EmbeddedPostgres) -> Iterator[Credentials]:
    credentials = create_credentials(settings(postgres.url_for("parley_auth")))
    yield credentials
    credentials.close()


@pytest.fixture(scope="module")
def handler(postgres: EmbeddedPostgres, credentials: Credentials) -> Handler:
    return create_handler(settings(postgres.url_for("parley_auth")), credentials)


@pytest.fixture
async def pool(postgres: EmbeddedPostgres):
    async with open_pool(postgres.url_for("parley_app"), size=1) as pool:
        yield pool


@pytest.fixture
def ada() -> Identity:
    return Identity(UserId(new_uuid()), Tier.PRO, frozenset(Role))


async def make_key(pool: Pool, owner: Identity) -> tuple[ApiKey, str]:
    key, secret = await keys.create_key(pool, owner, NewApiKey("ci", owner.tier))
    return key, secret.text


async def test_a_live_key_is_its_owner_without_any_role(handler: Handler, pool: Pool, ada: Identity):
    _, secret = await make_key(pool, ada)

    verdict = handler(event(secret), None)

    assert verdict["principalId"] == str(ada.user_id)
    assert verdict["context"] == {"user_id": str(ada.user_id), "tier": "pro", "roles": "", "credential": "key"}


async def test_a_revoked_key_is_unauthorized(handler: Handler, pool: Pool, ada: Identity):
    key, secret = await make_key(pool, ada)
    handler(event(secret), None)
    await keys.revoke_key(pool, ada, key.key_id)

    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        handler(event(secret), None)


async def test_a_key_that_was_used_says_when(handler: Handler, pool: Pool, ada: Identity):
    _, secret = await make_key(pool, ada)
    handler(event(secret), None)

    page = await keys.list_keys(pool, ada, limit=1, after=None)

    assert page.data[0].last_used_on is not None


def test_an_unknown_key_is_unauthorized(handler: Handler):
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        handler(event(new_secret().text), None)


@pytest.mark.parametrize(
    "bearer", ["sk-", "sk-parley-", "sk-parley-short", "sk-proj-" + "a" * 43, "sk-parley-" + "a" * 9000]
)
def test_a_malformed_key_is_unauthorized_without_a_look_at_the_database(bearer: str):
    away = create_handler(settings("postgresql://127.0.0.1:9/away"))

    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        away(event(bearer), None)


def test_a_database_that_is_away_is_no_word_on_the_key():
    away = create_handler(settings(f"postgresql://parley_auth@127.0.0.1:{free_port()}/parley"))

    with pytest.raises(StorageUnavailable):
        away(event(new_secret().text), None)


async def test_a_connection_that_died_is_replaced(
    handler: Handler, pool: Pool, ada: Identity, postgres: EmbeddedPostgres
):
    _, secret = await make_key(pool, ada)
    handler(event(secret), None)
    with psycopg.connect(postgres.owner_url) as owner:
        owner.execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'parley_auth'")

    assert handler(event(secret), None)["principalId"] == str(ada.user_id)


async def test_threads_share_one_connection_that_the_first_key_opens(
    pool: Pool, ada: Identity, postgres: EmbeddedPostgres
):
    _, secret = await make_key(pool, ada)
    opened: list[object] = []

    def connect() -> psycopg.Connection:
        opened.append(1)
        return psycopg.connect(postgres.url_for("parley_auth"), autocommit=True)

    with closing(KeyLookup(connect)) as lookup, ThreadPoolExecutor(8) as threads:
        assert not opened
        owners = list(threads.map(lambda _: lookup.identify(secret).user_id, range(40)))

    assert owners == [ada.user_id] * 40
    assert len(opened) == 1


async def test_a_statement_of_the_authorizer_is_limited_in_time(postgres: EmbeddedPostgres):
    with psycopg.connect(postgres.url_for("parley_auth")) as connection:
        assert connection.execute("SHOW statement_timeout").fetchone() == ("3s",)


async def test_the_log_never_holds_a_key(handler: Handler, caplog):
    secret = new_secret().text

    with pytest.raises(Exception, match="Unauthorized"):
        handler(event(secret), None)

    logged = str([vars(record) for record in caplog.records])
    assert "credential_refused" in logged
    assert secret not in logged


async def test_when_deployed_it_signs_in_with_a_token_of_its_role(tmp_path: Path):
    async with running_tls_postgres(tmp_path) as server:
        url = f"postgresql://parley_auth@localhost:{server.port}/parley?sslmode=verify-full&sslrootcert={server.authority}"
        environment = {
            **settings(url).model_dump(exclude_none=True),
            "database_iam_auth": True,
            "aws_region": "eu-central-1",
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
        }
        # The server knows how to sign in and no SQL.
        with (
            closing(create_credentials(AuthorizerSettings.model_validate(environment))) as credentials,
            pytest.raises((psycopg.Error, StorageUnavailable)),
        ):
            await asyncio.to_thread(credentials.identify, new_secret().text)

    user, token = server.sign_ins[0]
    assert user == "parley_auth"
    assert token.startswith(f"localhost:{server.port}/?Action=connect&DBUser=parley_auth&X-Amz-Algorithm")


def test_tokens_do_not_pay_for_the_database_s_library():
    heavy = ["psycopg", "psycopg_pool", "aiohttp", "redis"]
    code = f"import sys, lambdas.authorizer.main; print([name for name in {heavy} if name in sys.modules])"

    printed = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout

    assert printed.strip() == "[]"
