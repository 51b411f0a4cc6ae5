"""The parts of the jobs function."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aws_lambda_powertools import Logger

from parley.kit.postgres import Pool
from parley.models.pools import PoolStates
from parley.moderation.classifier import Classifier
from parley.settings import JobsSettings
from parley.turns.checkpoints import checkpoints_in
from parley.turns.log import ResponseLog, open_response_log
from parley.turns.queue import JobQueue
from parley.turns.service import TurnParts, Turns, open_turns
from parley.turns.sweep import Sweeper
from parley.turns.titles import Titles
from parley.wiring.cache import open_cache
from parley.wiring.database import open_database
from parley.wiring.judging import open_judging
from parley.wiring.models import open_models
from parley.wiring.queue import open_queue


@dataclass(frozen=True, slots=True)
class Jobs:
    """The jobs function's parts. `pool` sees the turns of all users; `turns` and `titles` act for one."""

    pool: Pool
    log: ResponseLog
    queue: JobQueue
    logger: Logger
    turns: Turns
    titles: Titles

    def new_sweeper(self) -> Sweeper:
        """One that suspects nobody yet."""
        return Sweeper(self.pool, self.log, self.queue, self.logger)


@asynccontextmanager
async def open_jobs(
    settings: JobsSettings, logger: Logger, classifier: Classifier | None = None
) -> AsyncGenerator[Jobs]:
    async with (
        open_database(settings) as pool,
        open_database(settings, settings.app_database_url) as app_pool,
        open_cache(settings) as valkey,
        open_response_log(valkey, logger, settings.response_log_kept_s, checkpoints_in(app_pool)) as log,
        open_queue(settings) as queue,
        open_models(settings) as models,
        open_judging(settings, logger, classifier) as moderation,
    ):
        parts = TurnParts(
            app_pool,
            models.catalogue,
            models.engines,
            PoolStates(valkey, settings.pool_state_timeout_s),
            log,
            queue,
            logger,
            deadline_s=settings.turn_deadline_s,
            makes_titles=settings.titles == "engine",
            moderation=moderation,
        )
        async with open_turns(parts) as turns:
            titles = Titles(
                app_pool,
                models.catalogue,
                models.engines,
                logger,
                kept_from_models=moderation.policy.kept_from_models,
            )
            yield Jobs(pool, log, queue, logger, turns, titles)
