"""The chat function as an ASGI application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lambdas.chat.responses.routes import router as responses_router
from lambdas.chat.routes import router
from parley.edge.api import create_api
from parley.kit.telemetry import open_logger
from parley.moderation.classifier import Classifier
from parley.settings import ChatSettings
from parley.wiring.chat import open_chat


def create_app(settings: ChatSettings, classifier: Classifier | None = None) -> FastAPI:
    """An application that is ready to serve within its lifespan. `classifier` is one that this process has anyway."""
    logger = open_logger("chat", settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_chat(settings, logger, classifier) as chat:
            app.state.chat = chat
            yield

    app = create_api("Parley chat", logger, lifespan)
    app.include_router(router)
    app.include_router(responses_router)
    return app
