"""The parts of the jobs function."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from parley.kit.postgres import Pool
from parley.settings import JobsSettings
from parley.turns.log import ResponseLog, open_response_log
from parley.turns.sweep import Sweeper
from parley.wiring.cache import open_cache
from parley.wiring.database import open_database


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs function's parts."""

    pool: Pool
    log: ResponseLog
    logger: Logger

    def new_sweeper(self) -> Sweeper:
        """One that suspects nobody yet."""
        return Sweeper(self.pool, self.log, self.logger)


@asynccontextmanager
async def open_jobs(settings: JobsSettings, logger: Logger) -> AsyncGenerator[Jobs]:
    async with (
        open_database(settings) as pool,
        open_cache(settings) as valkey,
        open_response_log(valkey, logger) as log,
    ):
        yield Jobs(pool, log, logger)
