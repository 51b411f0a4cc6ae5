"""The queue of jobs: SQS where the settings name its queues, else a stream in Valkey."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager

import orjson

from parley.kit.sqs import Sqs, open_sqs
from parley.kit.valkey_queue import ValkeyQueue
from parley.settings import QueueSettings
from parley.turns.queue import JobQueue
from parley.wiring.cache import open_cache
from parley.wiring.role import aws_of


class SqsJobs:
    """Background turns in one queue, all else in the other."""

    def __init__(self, sqs: Sqs, turns_url: str, jobs_url: str) -> None:
        self._sqs = sqs
        self._turns_url = turns_url
        self._jobs_url = jobs_url

    async def send(self, job: Mapping[str, str]) -> None:
        url = self._turns_url if job["job"] == "turn" else self._jobs_url
        await self._sqs.send(url, _body(job).decode())


class ValkeyJobs:
    """All in one queue: whoever reads it does several at once."""

    def __init__(self, queue: ValkeyQueue) -> None:
        self._queue = queue

    async def send(self, job: Mapping[str, str]) -> None:
        await self._queue.send(_body(job))


@asynccontextmanager
async def open_queue(settings: QueueSettings) -> AsyncGenerator[JobQueue]:
    """Opens without asking it: a queue that is away is found by the job that is sent."""
    turns_url, jobs_url = settings.turns_queue_url, settings.jobs_queue_url
    if turns_url is None or jobs_url is None:
        async with open_cache(settings) as valkey:
            yield ValkeyJobs(ValkeyQueue(valkey))
    else:
        async with open_sqs(aws_of(settings)) as sqs:
            yield SqsJobs(sqs, turns_url, jobs_url)


def _body(job: Mapping[str, str]) -> bytes:
    return orjson.dumps(dict(job))
