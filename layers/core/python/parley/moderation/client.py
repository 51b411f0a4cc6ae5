"""The classifier of the moderation function, asked by Lambda's own API: no HTTP function of ours stands between. No boto3.

https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
"""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from io import BytesIO
from time import time
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from parley.errors import ModerationUnavailable
from parley.kit.aws import Aws, note_action
from parley.moderation.model import Category, Scores

# Lambda takes 6 MB, and counts more than the text.
PAYLOAD_LIMIT_BYTES = 5_000_000
# A connection that was not used for so long may be dead, and there is no time to find out.
KEPT_FOR_S = 10
# The deadline is the caller's, and shorter; this ends what somebody asks without one.
_TIMEOUT = aiohttp.ClientTimeout(total=30, sock_connect=1)
_MESSAGE = "The moderation does not answer just now. Try again in a moment."


class InvokeError(Exception):
    """What Lambda said instead of an answer, such as `TooManyRequestsException`; it never quotes what was asked."""


class RemoteClassifier:
    """A `Classifier`. `version` is that of the last answer: the function may be deployed anew while this process lives."""

    def __init__(self, aws: Aws, function: str, clock: Callable[[], float]) -> None:
        """`clock` is the wall's, in seconds: the monotonic one stands still while a Lambda is frozen."""
        self.version = "not asked yet"
        self._aws = aws
        # To the letter, as it is signed: yarl would write the colons of an ARN as they are.
        base = aws.endpoint_url or f"https://lambda.{aws.region}.amazonaws.com"
        self._url = URL(f"{base}/2015-03-31/functions/{quote(function, safe='')}/invocations", encoded=True)
        self._clock = clock
        self._kept = _open_session()
        self._used_at_s = clock()

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        """Scores of all 13 categories for each text. Raises: ModerationUnavailable."""
        note_action("lambda:InvokeFunction")
        # Half a surrogate pair is no text, and no JSON either; the classifier reads it so, too.
        body = orjson.dumps({"texts": [text.encode("utf-8", "replace").decode() for text in texts]})
        if len(body) > PAYLOAD_LIMIT_BYTES:
            raise ModerationUnavailable("This is more text than can be moderated at once.")
        try:
            version, scores = _read(await self._invoke(body), len(texts))
        except (aiohttp.ClientError, TimeoutError, InvokeError) as error:
            raise ModerationUnavailable(_MESSAGE, retry_after_s=2) from error
        self.version = version
        return scores

    async def close(self) -> None:
        await self._kept.close()

    async def _invoke(self, body: bytes) -> bytes:
        """What the function answered. Raises: InvokeError, ClientError, TimeoutError."""
        try:
            return await self._post(await self._session(), body)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            # A kept connection was closed meanwhile. Scoring twice does no harm.
            async with _open_session() as session:
                return await self._post(session, body)

    async def _session(self) -> aiohttp.ClientSession:
        """With connections that were used a moment ago, or none."""
        now_s, old = self._clock(), self._kept
        is_old, self._used_at_s = now_s - self._used_at_s > KEPT_FOR_S, now_s
        if is_old:
            self._kept = _open_session()
            await old.close()
        return self._kept

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "X-Amz-Invocation-Type": "RequestResponse"}
        signed = self._aws.signer("lambda").sign_headers("POST", str(self._url), headers, body, self._aws.clock())
        # In parts: written at once, a megabyte would hold up the others on the loop.
        async with session.post(self._url, data=BytesIO(body), headers=signed, allow_redirects=False) as response:
            answer = await response.read()
            if response.status != 200:
                raise InvokeError(response.headers.get("x-amzn-errortype", f"HTTP {response.status}"))
            if "x-amz-function-error" in response.headers:  # its status is 200
                raise InvokeError("the function failed")
            return answer


@asynccontextmanager
async def open_remote_classifier(
    aws: Aws, function: str, clock: Callable[[], float] = time
) -> AsyncGenerator[RemoteClassifier]:
    """The classifier behind the ARN `function`. Opens without asking it."""
    classifier = RemoteClassifier(aws, function, clock)
    try:
        yield classifier
    finally:
        await classifier.close()


def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=_TIMEOUT)


def _read(answer: bytes, count: int) -> tuple[str, Sequence[Scores]]:
    """Version and scores of `count` texts. Raises: InvokeError for anything else."""
    try:
        document = orjson.loads(answer)
        scores = [{category: _score(each[category]) for category in Category} for each in document["scores"]]
        version = document["version"]
    except (ValueError, KeyError, TypeError):
        raise InvokeError("the answer cannot be read") from None
    if len(scores) != count or not isinstance(version, str):
        raise InvokeError("the answer is to another question")
    return version, scores


def _score(value: Any) -> float:
    """Raises: TypeError, ValueError."""
    score = float(value)
    if not (math.isfinite(score) and 0 <= score <= 1):
        raise ValueError
    return score
