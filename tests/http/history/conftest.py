"""The history function over its ASGI callable, on a real Postgres as the role it is deployed with."""

from collections.abc import AsyncIterator

import pytest

from lambdas.history.app import create_app
from local.parts.postgres import EmbeddedPostgres
from parley.settings import HistorySettings
from parley.wiring.history import History
from tests.http.history.rest import Api, Caller


@pytest.fixture(scope="session")
async def api(postgres: EmbeddedPostgres) -> AsyncIterator[Api]:
    app = create_app(HistorySettings(database_url=postgres.url_for("parley_app"), message_limit_bytes=1000))
    async with app.router.lifespan_context(app):
        yield Api(app)


@pytest.fixture
def history(api: Api) -> History:
    return api.app.state.history


@pytest.fixture
def alice(api: Api) -> Caller:
    """A user nobody has heard of yet."""
    return Caller(api)


@pytest.fixture
def bob(api: Api) -> Caller:
    return Caller(api)
