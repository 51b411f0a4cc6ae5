"""The history function as an ASGI application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lambdas.history.routes import router
from parley.edge.api import create_api
from parley.kit.telemetry import open_logger
from parley.settings import HistorySettings
from parley.wiring.history import open_history


def create_app(settings: HistorySettings) -> FastAPI:
    """An application that is ready to serve within its lifespan. `app.state.logger` is for routes that count something."""
    logger = open_logger("history", settings.log_level)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_history(settings) as history:
            app.state.history = history
            yield

    app = create_api("Parley history", logger, lifespan)
    app.state.logger = logger
    app.include_router(router)
    return app
