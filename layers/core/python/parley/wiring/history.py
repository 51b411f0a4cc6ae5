"""The parts of the history function."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from parley.kit.postgres import Pool
from parley.settings import HistorySettings
from parley.wiring.database import open_database


@dataclass(frozen=True, slots=True)
class History:
    """The history function's parts. `reader` may be a moment behind what `pool` has written; where there is but one, it is it."""

    pool: Pool
    reader: Pool
    message_limit_bytes: int


@asynccontextmanager
async def open_history(settings: HistorySettings) -> AsyncGenerator[History]:
    async with open_database(settings) as pool:
        if settings.database_reader_url is None:
            yield History(pool, pool, settings.message_limit_bytes)
            return
        async with open_database(settings, settings.database_reader_url) as reader:
            yield History(pool, reader, settings.message_limit_bytes)
