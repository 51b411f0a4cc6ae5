"""The accounts function over its ASGI callable, on a real Postgres as the role it is deployed with."""

from collections.abc import AsyncIterator

import pytest

from lambdas.accounts.app import create_app
from local.parts.postgres import EmbeddedPostgres
from parley.settings import AccountsSettings
from tests.http.history.rest import Api, Caller


@pytest.fixture(scope="session")
async def accounts_api(postgres: EmbeddedPostgres) -> AsyncIterator[Api]:
    app = create_app(AccountsSettings(database_url=postgres.url_for("parley_app")))
    async with app.router.lifespan_context(app):
        yield Api(app)


@pytest.fixture
def alice(accounts_api: Api) -> Caller:
    """A user nobody has heard of yet, who has signed in."""
    return Caller(accounts_api, verdict={"tier": "pro", "roles": "admin", "credential": "token"})


@pytest.fixture
def bob(accounts_api: Api) -> Caller:
    return Caller(accounts_api, verdict={"credential": "token"})
