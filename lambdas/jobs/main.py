"""The jobs function: `lambdas.jobs.main.handler` takes SQS events and says which of their messages it could not do.

The event source mapping needs `ReportBatchItemFailures`; SQS shows a failed message again, and in the end it is a dead letter.
https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any

import orjson

from lambdas.jobs.jobs import run_job
from parley.kit.telemetry import describe_error, open_logger
from parley.settings import JobsSettings
from parley.wiring.jobs import open_jobs

Handler = Callable[[Mapping[str, Any], object], dict[str, Any]]


def open_handler(settings: JobsSettings) -> Handler:
    """A handler whose wiring is open, for as long as the process lives: Lambda ends it without a word."""
    logger = open_logger("jobs", settings.log_level)
    loop, wiring = asyncio.new_event_loop(), AsyncExitStack()
    jobs = loop.run_until_complete(wiring.enter_async_context(open_jobs(settings, logger)))

    async def is_done(record: Mapping[str, Any]) -> bool:
        try:
            await run_job(jobs, orjson.loads(record["body"]))
        except Exception as error:  # noqa: BLE001 - the edge of the process: one bad message must not undo the others
            logger.error("job_failed", extra={"message_id": record["messageId"], **describe_error(error)})
            return False
        return True

    async def run_all(records: list[Mapping[str, Any]]) -> list[str]:
        """All at once: most of a job is waiting for the engine. The ids of those that failed."""
        verdicts = await asyncio.gather(*(is_done(record) for record in records))
        return [record["messageId"] for record, done in zip(records, verdicts, strict=True) if not done]

    def handle(event: Mapping[str, Any], _context: object, _open: AsyncExitStack = wiring) -> dict[str, Any]:
        failed = loop.run_until_complete(run_all(event["Records"]))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}

    return handle


# At import, on purpose: Lambda imports the module in its init phase, with a whole core and before the first request.
handler = open_handler(JobsSettings.from_env())
