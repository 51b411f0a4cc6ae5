"""Secrets Manager, as far as a function reads a named secret at its start. No boto3: it takes 360 ms to import."""

from __future__ import annotations

import asyncio
import random
from typing import Literal
from urllib.parse import urlsplit

import aiohttp
import orjson

from parley.kit.aws import Aws, note_action

# AWSPREVIOUS is what the secret was before its last rotation: valid until everybody has the new one.
SecretStage = Literal["AWSCURRENT", "AWSPREVIOUS"]

_TIMEOUT = aiohttp.ClientTimeout(total=3)
_TRIES = 3


class SecretUnavailableError(Exception):
    """The secret could not be read; `code` is Secrets Manager's, such as `ResourceNotFoundException`."""

    def __init__(self, arn: str, code: str) -> None:
        super().__init__(f"{arn}: {code}")
        self.code = code


async def read_secret(aws: Aws, arn: str, stage: SecretStage = "AWSCURRENT") -> str:
    """The text of a secret. Raises: SecretUnavailableError, after three tries where another may help."""
    note_action("secretsmanager:GetSecretValue")
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as session:
        for tried in range(1, _TRIES + 1):
            status, document = await _ask(session, aws, {"SecretId": arn, "VersionStage": stage})
            if status == 200:
                return str(document["SecretString"])
            code = str(document.get("__type", f"HTTP {status}")).rpartition("#")[2]
            if tried == _TRIES or not (status >= 500 or "Throttling" in code):
                raise SecretUnavailableError(arn, code)
            await asyncio.sleep(random.uniform(0, 0.2 * 2**tried))  # noqa: S311 - jitter
    raise AssertionError("the last try returns or raises")


async def _ask(session: aiohttp.ClientSession, aws: Aws, request: dict[str, str]) -> tuple[int, dict[str, object]]:
    """Status and document; 503 and nothing when there is no answer."""
    url = f"{aws.endpoint_url or f'https://secretsmanager.{aws.region}.amazonaws.com'}/"
    body = orjson.dumps(request)
    headers = {
        "Content-Type": "application/x-amz-json-1.1",
        "Host": urlsplit(url).netloc,
        "X-Amz-Target": "secretsmanager.GetSecretValue",
    }
    signed = aws.signer("secretsmanager").sign_headers("POST", url, headers, body, aws.clock())
    try:
        async with session.post(url, data=body, headers=signed, allow_redirects=False) as response:
            return response.status, orjson.loads(await response.read() or b"{}")
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError):
        return 503, {}
