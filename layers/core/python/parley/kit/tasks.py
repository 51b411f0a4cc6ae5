"""Tasks that run beside a block of code and end with it."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

# Before Python 3.12 `asyncio.wait_for`, which libraries use, may swallow a cancellation: then it is asked for again.
_ASK_AGAIN_S = 1


@asynccontextmanager
async def running_beside(work: Coroutine[Any, Any, None], name: str) -> AsyncGenerator[None]:
    """`work`, which goes on for ever, runs within the block and is cancelled at its end."""
    task = asyncio.create_task(work, name=name)
    try:
        yield
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_ASK_AGAIN_S)
