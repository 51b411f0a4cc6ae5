"""Where `run.sh` starts the chat function, under Lambda Web Adapter or alone."""

from fastapi import FastAPI

from lambdas.chat.app import create_app
from parley.settings import ChatSettings


def app() -> FastAPI:
    """The factory that uvicorn calls."""
    return create_app(ChatSettings.from_env())
