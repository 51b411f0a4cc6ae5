"""The sweeper beside what a test does, in this process."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

from aws_lambda_powertools import Logger

from parley.errors import StorageUnavailable
from parley.kit.postgres import open_pool
from parley.kit.valkey import RedisCluster, open_valkey
from parley.turns.log import ResponseLog, open_response_log
from parley.turns.queue import JobQueue
from parley.turns.sweep import Sweeper
from tests.doubles.turns import ForgetfulQueue
from tests.faults.parts import Parts

LOGGER = Logger(service="tests", level="CRITICAL")


@asynccontextmanager
async def open_log(parts: Parts) -> AsyncGenerator[tuple[RedisCluster, ResponseLog]]:
    """A client of Valkey, and the response log by it."""
    async with (
        open_valkey(parts.valkey.url, parts.valkey.password_file) as client,
        open_response_log(client, LOGGER, 3600) as log,
    ):
        yield client, log


@asynccontextmanager
async def sweeping(parts: Parts, queue: JobQueue | None = None, every_s: float = 1.0) -> AsyncGenerator[None]:
    """Two sweepers that do not know of each other, until the block ends. A part that is away is tried again."""
    async with open_pool(parts.postgres.url_for("parley_jobs"), size=2) as pool, open_log(parts) as (_, log):
        sweepers = [Sweeper(pool, log, queue or ForgetfulQueue(), LOGGER) for _ in range(2)]
        tasks = [asyncio.create_task(_sweep(each, every_s, index * every_s / 2)) for index, each in enumerate(sweepers)]
        try:
            yield
        finally:
            # Again and again: before Python 3.12 `asyncio.wait_for`, and so redis-py, may swallow a cancellation.
            while unfinished := [task for task in tasks if not task.done()]:
                for task in unfinished:
                    task.cancel()
                await asyncio.wait(unfinished, timeout=0.1)
    for task in tasks:
        if not task.cancelled():
            task.result()


async def _sweep(sweeper: Sweeper, every_s: float, first_after_s: float) -> None:
    await asyncio.sleep(first_after_s)
    while True:
        with suppress(StorageUnavailable):
            await sweeper.sweep()
        await asyncio.sleep(every_s)
