"""Jobs reach their queues in AWS without boto3."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import boto3
import pytest
from aiohttp import web
from pydantic import SecretStr

from local.parts.ports import free_port
from parley.errors import StorageUnavailable
from parley.kit.aws import Aws
from parley.kit.sqs import open_sqs
from parley.settings import QueueSettings
from parley.turns.queue import JobQueue
from parley.wiring.queue import open_queue
from tests.integration.aws.conftest import REGION, ROLE
from tests.unit.aws.botocore_signer import headers_by_botocore

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUEUE_URL = "https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"


@pytest.fixture
def queue_urls(session: boto3.Session, moto_url: str) -> dict[str, str]:
    client = session.client("sqs", endpoint_url=moto_url)
    return {name: client.create_queue(QueueName=name)["QueueUrl"] for name in ("turns", "others")}


@pytest.fixture
async def queue(moto_url: str, queue_urls: dict[str, str]) -> AsyncIterator[JobQueue]:
    settings = QueueSettings(
        valkey_url="redis://127.0.0.1:9",
        turns_queue_url=queue_urls["turns"],
        jobs_queue_url=queue_urls["others"],
        aws_region=REGION,
        aws_access_key_id=SecretStr(ROLE.access_key_id),
        aws_secret_access_key=SecretStr(ROLE.secret_access_key),
        aws_endpoint_url=moto_url,
    )
    async with open_queue(settings) as queue:
        yield queue


@pytest.mark.parametrize(
    ("job", "name"),
    [
        ({"job": "turn", "user_id": "a", "response_id": "b"}, "turns"),
        ({"job": "title", "user_id": "a", "conversation_id": "é"}, "others"),
        ({"job": "sweep"}, "others"),
    ],
)
async def test_a_job_arrives_in_the_queue_of_its_kind(
    queue: JobQueue,
    session: boto3.Session,
    moto_url: str,
    queue_urls: dict[str, str],
    job: Mapping[str, str],
    name: str,
) -> None:
    await queue.send(job)

    client = session.client("sqs", endpoint_url=moto_url)
    received = {
        each: client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        for each, url in queue_urls.items()
    }
    (message,) = received.pop(name)
    assert json.loads(message["Body"]) == job
    assert list(received.values()) == [[]]
    client.delete_message(QueueUrl=queue_urls[name], ReceiptHandle=message["ReceiptHandle"])


async def test_a_queue_that_is_not_there_refuses_at_once(aws: Aws) -> None:
    async with open_sqs(aws) as sqs:
        with pytest.raises(StorageUnavailable) as caught:
            await sqs.send(f"{aws.endpoint_url}/123456789012/nowhere", "{}")

    assert "QueueDoesNotExist" in str(caught.value.__cause__)


@dataclass(slots=True)
class Answers:
    """An AWS that gives one answer after the other, 0 being none at all; `seen` has what it was asked."""

    url: str
    statuses: list[int]
    seen: list[tuple[dict[str, str], bytes]] = field(default_factory=list)


@asynccontextmanager
async def answering(*statuses: int, code: str = "InternalFailure") -> AsyncIterator[Answers]:
    answers = Answers("", list(statuses))

    async def answer(request: web.Request) -> web.Response:
        answers.seen.append((dict(request.headers), await request.read()))
        status = answers.statuses.pop(0)
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        body = {"MessageId": "1"} if status == 200 else {"__type": f"com.amazonaws.sqs#{code}"}
        return web.Response(status=status or 200, text=json.dumps(body), content_type="application/x-amz-json-1.0")

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    answers.url = f"http://{host}:{port}"
    try:
        yield answers
    finally:
        await runner.cleanup()


async def test_a_message_is_signed_as_botocore_signs_it() -> None:
    async with answering(200) as answers, open_sqs(Aws(REGION, ROLE, answers.url, lambda: NOW)) as sqs:
        await sqs.send(QUEUE_URL, '{"job":"sweep"}')

    ((headers, body),) = answers.seen
    sent = {name: headers[name] for name in ("Content-Type", "X-Amz-Target")}
    expected = headers_by_botocore(ROLE, (REGION, "sqs"), ("POST", f"{answers.url}/", sent, body), NOW)
    assert json.loads(body) == {"QueueUrl": QUEUE_URL, "MessageBody": '{"job":"sweep"}'}
    assert headers["X-Amz-Target"] == "AmazonSQS.SendMessage"
    assert headers["Authorization"] == expected["Authorization"]


@pytest.mark.parametrize("trouble", [0, 500, 503])
async def test_trouble_that_passes_is_waited_out(trouble: int) -> None:
    async with answering(trouble, 200) as answers, open_sqs(Aws(REGION, ROLE, answers.url)) as sqs:
        await sqs.send(QUEUE_URL, "{}")

    assert len(answers.seen) == 2


@pytest.mark.parametrize(("status", "code"), [(503, "ServiceUnavailable"), (400, "RequestThrottled")])
async def test_trouble_that_stays_ends_after_two_tries(status: int, code: str) -> None:
    async with answering(status, status, 200, code=code) as answers, open_sqs(Aws(REGION, ROLE, answers.url)) as sqs:
        with pytest.raises(StorageUnavailable) as caught:
            await sqs.send(QUEUE_URL, "{}")

    assert len(answers.seen) == 2
    assert caught.value.retry_after_s == 2


async def test_a_refusal_is_not_asked_again() -> None:
    async with answering(403, 200, code="AccessDenied") as answers, open_sqs(Aws(REGION, ROLE, answers.url)) as sqs:
        with pytest.raises(StorageUnavailable) as caught:
            await sqs.send(QUEUE_URL, "{}")

    assert str(caught.value.__cause__) == "AccessDenied"
    assert len(answers.seen) == 1


async def test_a_queue_that_nobody_answers_for_is_unavailable() -> None:
    async with open_sqs(Aws(REGION, ROLE, f"http://127.0.0.1:{free_port()}")) as sqs:
        with pytest.raises(StorageUnavailable):
            await sqs.send(QUEUE_URL, "{}")
