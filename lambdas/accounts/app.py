"""The accounts function as an ASGI application."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from lambdas.accounts.routes import router
from parley.edge.api import create_api
from parley.kit.telemetry import open_logger
from parley.settings import AccountsSettings
from parley.wiring.accounts import open_accounts


def create_app(settings: AccountsSettings) -> FastAPI:
    """An application that is ready to serve within its lifespan."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with open_accounts(settings) as accounts:
            app.state.accounts = accounts
            yield

    app = create_api("Parley accounts", open_logger("accounts", settings.log_level), lifespan)
    app.include_router(router)
    return app
