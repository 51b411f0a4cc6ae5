"""An application as Lambda runs it behind a buffered integration: Mangum takes API Gateway's REST proxy events."""

import asyncio
import logging

from fastapi import FastAPI
from mangum import Mangum


def open_handler(app: FastAPI) -> Mangum:
    """A handler whose application is open for as long as the process lives: Lambda ends it without a word."""
    # Mangum would log what an error says, and an error of the database may quote a row. The application logs its own errors.
    logging.getLogger("mangum").setLevel(logging.CRITICAL)
    # Mangum serves every event on the current loop, so the pool opened on it is there for all of them.
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # Held by the application: a lifespan that nobody holds is collected, and collecting it closes the pool.
    app.state.lifespan = app.router.lifespan_context(app)
    loop.run_until_complete(app.state.lifespan.__aenter__())
    return Mangum(app, lifespan="off")
