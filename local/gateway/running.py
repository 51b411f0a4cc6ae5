"""What the gateway keeps running beside the requests: the functions' lifespans, the sweeper, a way to ask each part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

from aws_lambda_powertools import Logger
from fastapi import FastAPI

from local.gateway.health import Probe
from local.gateway.settings import GatewaySettings
from parley.kit import postgres, valkey
from parley.kit.telemetry import describe_error
from parley.models.client import open_engine
from parley.settings import ChatSettings
from parley.turns.log import open_response_log
from parley.turns.sweep import SWEEP_EVERY_S, Sweeper

Job = Callable[[], Awaitable[object]]


@asynccontextmanager
async def run_stack(
    gateway: GatewaySettings, chat: ChatSettings, apps: Sequence[FastAPI], logger: Logger
) -> AsyncGenerator[Mapping[str, Probe]]:
    """Runs everything until the block ends, and yields a probe for each part.

    The probes have connections of their own, so that a busy function is not taken for a dead database.
    """
    async with (
        postgres.open_pool(chat.database_url, size=1) as app_pool,
        postgres.open_pool(gateway.jobs_database_url, size=2) as jobs_pool,
        postgres.open_pool(gateway.auth_database_url, size=1) as auth_pool,
        valkey.open_valkey(chat.valkey_url, chat.valkey_password_file) as cluster,
        open_response_log(cluster, logger) as log,
        open_engine(chat) as engine,
        lifespans(apps),
        background([partial(repeat, Sweeper(jobs_pool, log, logger).sweep, SWEEP_EVERY_S, logger)]),
    ):
        yield {
            "database": partial(postgres.ping, app_pool),
            "jobs_database": partial(postgres.ping, jobs_pool),
            "auth_database": partial(postgres.ping, auth_pool),
            "valkey": partial(valkey.ping, cluster),
            "engine": engine.list_models,
        }


@asynccontextmanager
async def lifespans(apps: Sequence[FastAPI]) -> AsyncGenerator[None]:
    """The lifespans of `apps`, entered in order and left in reverse."""
    if not apps:
        yield
        return
    async with apps[0].router.lifespan_context(apps[0]), lifespans(apps[1:]):
        yield


@asynccontextmanager
async def background(jobs: Sequence[Job]) -> AsyncGenerator[None]:
    """Runs `jobs` beside the block and cancels them at its end."""

    async def run(job: Job) -> None:
        await job()

    async with asyncio.TaskGroup() as tasks:
        running = [tasks.create_task(run(job)) for job in jobs]
        try:
            yield
        finally:
            for task in running:
                task.cancel()


async def repeat(job: Job, every_s: float, logger: Logger) -> None:
    """Does `job` for ever, `every_s` after its last end. A failure is logged, and the next time is another try."""
    while True:
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - the edge of a job of its own
            logger.warning("background_job_failed", extra=describe_error(error))
        await asyncio.sleep(every_s)
