"""The moderation function's queue and the history function beside it, each on a real Postgres as the role it is deployed with."""

from collections.abc import AsyncIterator

import pytest

from lambdas.history.app import create_app as create_history
from lambdas.moderation.app import create_app as create_moderation
from local.parts.postgres import EmbeddedPostgres
from parley.settings import HistorySettings, ModerationSettings
from tests.http.history.rest import Api, Caller


@pytest.fixture(scope="session")
async def history_api(postgres: EmbeddedPostgres) -> AsyncIterator[Api]:
    app = create_history(HistorySettings(database_url=postgres.url_for("parley_app")))
    async with app.router.lifespan_context(app):
        yield Api(app)


@pytest.fixture(scope="session")
async def reviews_api(postgres: EmbeddedPostgres) -> AsyncIterator[Api]:
    app = create_moderation(ModerationSettings(database_url=postgres.url_for("parley_review")))
    async with app.router.lifespan_context(app):
        yield Api(app)


@pytest.fixture
def alice(history_api: Api) -> Caller:
    """A user nobody has heard of yet."""
    return Caller(history_api)


@pytest.fixture
def bob(history_api: Api) -> Caller:
    return Caller(history_api)


@pytest.fixture
def rita(reviews_api: Api) -> Caller:
    return Caller(reviews_api, verdict={"roles": "reviewer", "credential": "token"})


@pytest.fixture
def ralf(reviews_api: Api) -> Caller:
    """Another reviewer."""
    return Caller(reviews_api, verdict={"roles": "reviewer", "credential": "token"})


@pytest.fixture
def ada(reviews_api: Api) -> Caller:
    """An admin."""
    return Caller(reviews_api, verdict={"roles": "admin", "credential": "token"})
