"""What the gateway keeps running beside the requests: the functions' lifespans, the sweeper, a way to ask each part."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial

import orjson
from aws_lambda_powertools import Logger
from fastapi import FastAPI

from lambdas.jobs.jobs import run_job
from local.gateway.health import Probe
from local.gateway.settings import GatewaySettings
from local.queue import Consumer
from parley.kit import postgres, valkey
from parley.kit.telemetry import describe_error
from parley.moderation.classifier import Classifier
from parley.settings import ChatSettings, JobsSettings
from parley.turns.model import StopReason
from parley.turns.sweep import SWEEP_EVERY_S
from parley.wiring.jobs import Jobs, open_jobs
from parley.wiring.models import open_models

Job = Callable[[], Awaitable[object]]


@asynccontextmanager
async def run_stack(
    gateway: GatewaySettings,
    chat: ChatSettings,
    jobs_settings: JobsSettings,
    apps: Sequence[FastAPI],
    classifier: Classifier | None,
    logger: Logger,
) -> AsyncGenerator[Mapping[str, Probe]]:
    """Runs everything until the block ends, and yields a probe for each part. `classifier` is for background turns.

    The probes have connections of their own, so that a busy function is not taken for a dead database.
    """
    async with (
        postgres.open_pool(chat.database_url, size=1) as app_pool,
        postgres.open_pool(gateway.auth_database_url, size=1) as auth_pool,
        postgres.open_pool(gateway.review_database_url, size=1) as review_pool,
        valkey.open_valkey(chat.valkey_url, chat.valkey_password_file) as cluster,
        open_models(chat) as models,
        lifespans(apps),
        open_jobs(jobs_settings, logger, classifier) as jobs,
        doing_jobs(jobs, cluster, logger),
    ):
        yield {
            "database": partial(postgres.ping, app_pool),
            "jobs_database": partial(postgres.ping, jobs.pool),
            "auth_database": partial(postgres.ping, auth_pool),
            "review_database": partial(postgres.ping, review_pool),
            "valkey": partial(valkey.ping, cluster),
            "engine": models.engines.ping,
        }


@asynccontextmanager
async def doing_jobs(jobs: Jobs, cluster: valkey.RedisCluster, logger: Logger) -> AsyncGenerator[None]:
    """Does what the jobs function does, out of the queue in Valkey, and sweeps more often than its schedule would."""

    async def run(body: bytes) -> None:
        await run_job(jobs, orjson.loads(body))

    consumer = Consumer(cluster, run, logger)
    sweep = partial(repeat, jobs.new_sweeper().sweep, SWEEP_EVERY_S, logger)
    async with background([sweep, consumer.consume_forever]):
        try:
            yield
        finally:
            # Background turns settle with what they have; cut off, they would be taken for dead.
            consumer.take_no_more()
            await jobs.turns.stop_all(StopReason.SHUTDOWN)


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
