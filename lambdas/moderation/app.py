"""The moderation function as an ASGI application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lambdas.moderation.reviews.routes import router as reviews_router
from lambdas.moderation.routes import router
from parley.edge.api import create_api
from parley.kit.telemetry import open_logger
from parley.moderation.classifier import Classifier
from parley.settings import ModerationSettings
from parley.wiring.moderation import open_moderation


def create_app(settings: ModerationSettings, classifier: Classifier | None = None) -> FastAPI:
    """An application that is ready to serve within its lifespan. `classifier` is one that this process has anyway.

    `app.state.logger` is the function's, for routes that count something.
    """
    logger = open_logger("moderation", settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_moderation(settings, classifier) as moderation:
            app.state.moderation = moderation
            yield

    app = create_api("Parley moderation", logger, lifespan)
    app.state.logger = logger
    app.include_router(router)
    app.include_router(reviews_router)
    return app
