"""The moderation function over its ASGI callable: the real classifier, and a real Postgres as the role it is deployed with."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from lambdas.moderation.app import create_app
from layers.ml.encoder import make_classifier
from local.parts.postgres import EmbeddedPostgres
from parley.moderation.classifier import Classifier
from parley.moderation.onnx.classifier import OnnxClassifier, open_classifier
from parley.settings import ModerationSettings
from tests.http.history.rest import Api, Caller

OpenApi = Callable[..., AbstractAsyncContextManager[Caller]]


@pytest.fixture(scope="session")
def classifier() -> Iterator[OnnxClassifier]:
    with open_classifier(make_classifier(say=lambda _: None)) as opened:
        yield opened


@pytest.fixture(scope="session")
def open_api(postgres: EmbeddedPostgres) -> OpenApi:
    """Opens a function that is set up as the test wants it, and somebody who is signed in there."""

    @asynccontextmanager
    async def open_one(classifier: Classifier | None, **settings: Any) -> AsyncGenerator[Caller]:
        url = postgres.url_for("parley_review")
        app = create_app(ModerationSettings(database_url=url, **settings), classifier)
        async with app.router.lifespan_context(app):
            yield Caller(Api(app))

    return open_one


@pytest.fixture(scope="session")
async def ada(open_api: OpenApi, classifier: OnnxClassifier) -> AsyncIterator[Caller]:
    async with open_api(classifier) as caller:
        yield caller
