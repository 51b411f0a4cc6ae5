"""The parts of the history function."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.kit.postgres import Pool, open_pool
from parley.settings import HistorySettings


@dataclass(frozen=True, slots=True)
class History:
    pool: Pool
    message_limit_bytes: int


@asynccontextmanager
async def open_history(settings: HistorySettings) -> AsyncGenerator[History]:
    async with open_pool(settings.database_url, size=settings.database_pool_size) as pool:
        yield History(pool, settings.message_limit_bytes)
