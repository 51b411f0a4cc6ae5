"""The FastAPI application that every HTTP function starts from."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from aws_lambda_powertools import Logger
from fastapi import FastAPI

from parley.edge.errors import install_error_handlers
from parley.edge.requests import RequestIds

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_api(name: str, logger: Logger, lifespan: Lifespan) -> FastAPI:
    """An application with OpenAI's errors and request ids, and without FastAPI's documentation routes."""
    app = FastAPI(
        title=name, lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    install_error_handlers(app, logger)
    app.add_middleware(RequestIds)
    return app
