"""The parts of the history function."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.kit.postgres import Pool
from parley.settings import HistorySettings
from parley.wiring.database import open_database


@dataclass(frozen=True, slots=True)
class History:
    pool: Pool
    message_limit_bytes: int


@asynccontextmanager
async def open_history(settings: HistorySettings) -> AsyncGenerator[History]:
    async with open_database(settings) as pool:
        yield History(pool, settings.message_limit_bytes)
