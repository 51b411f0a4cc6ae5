"""SQS, as far as a message is sent. No boto3: it takes 360 ms to import.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-making-api-requests-json.html
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp
import orjson

from parley.errors import StorageUnavailable
from parley.kit.aws import Aws, note_action

_TIMEOUT = aiohttp.ClientTimeout(total=2, sock_connect=1)
_TRIES = 2
# The longest wait before another try: somebody's request waits for it.
_JITTER_S = 0.2


class SqsError(Exception):
    """What SQS said instead of taking a message, such as `QueueDoesNotExist`; `HTTP 503` where it said nothing."""


class Sqs:
    """Sends messages by the role of this function."""

    def __init__(self, session: aiohttp.ClientSession, aws: Aws) -> None:
        self._session = session
        self._aws = aws

    async def send(self, queue_url: str, body: str) -> None:
        """Returns once SQS has the message; it may have it twice, where the answer to the first try was lost.

        Raises: StorageUnavailable, after two tries where another may help.
        """
        note_action("sqs:SendMessage")
        for tried in range(1, _TRIES + 1):
            status, code = await self._ask({"QueueUrl": queue_url, "MessageBody": body})
            if status == 200:
                return
            if tried == _TRIES or not (status >= 500 or "Throttl" in code):
                message = "The queue of jobs does not take any just now. Try again in a moment."
                raise StorageUnavailable(message, retry_after_s=2) from SqsError(code)
            await asyncio.sleep(random.uniform(0, _JITTER_S))  # noqa: S311 - jitter

    async def _ask(self, request: dict[str, str]) -> tuple[int, str]:
        """Status and error code; 503 where there is no answer."""
        url = f"{self._aws.endpoint_url or f'https://sqs.{self._aws.region}.amazonaws.com'}/"
        body = orjson.dumps(request)
        headers = {
            "Content-Type": "application/x-amz-json-1.0",
            "Host": urlsplit(url).netloc,
            "X-Amz-Target": "AmazonSQS.SendMessage",
        }
        signed = self._aws.signer("sqs").sign_headers("POST", url, headers, body, self._aws.clock())
        try:
            async with self._session.post(url, data=body, headers=signed, allow_redirects=False) as response:
                document = orjson.loads(await response.read() or b"{}")
        except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
            return 503, "HTTP 503"
        return response.status, str(document.get("__type", f"HTTP {response.status}")).rpartition("#")[2]


@asynccontextmanager
async def open_sqs(aws: Aws) -> AsyncGenerator[Sqs]:
    # A connection for each message: messages are rare, and a kept one may have died while the function was frozen.
    connector = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        yield Sqs(session, aws)
