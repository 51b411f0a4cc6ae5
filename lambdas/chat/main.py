"""Where `run.sh` starts the chat function, under Lambda Web Adapter or alone."""

import gc

from fastapi import FastAPI

from lambdas.chat.app import create_app
from parley.settings import ChatSettings

# Far more garbage than one token makes: looking after every 700 objects, as by default, took 3 % of the CPU of a stream.
GC_THRESHOLDS = (20_000, 20, 50)


def app() -> FastAPI:
    """The factory that uvicorn calls."""
    application = create_app(ChatSettings.from_env())
    gc.freeze()  # what was imported stays, and need not be looked through again
    gc.set_threshold(*GC_THRESHOLDS)
    return application
