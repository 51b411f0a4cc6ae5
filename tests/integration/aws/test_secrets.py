"""A function reads its secrets by name, without boto3."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import boto3
import pytest
from aiohttp import web

from parley.kit.aws import Aws
from parley.kit.secrets import SecretUnavailableError, read_secret
from parley.settings import EngineSettings
from parley.wiring.models import open_models
from tests.doubles.engine import running_stand_in
from tests.integration.aws.conftest import REGION, ROLE

PutSecret = Callable[..., str]


@pytest.fixture
def put_secret(session: boto3.Session, moto_url: str) -> PutSecret:
    """Puts the texts one after the other into a new secret, and gives its ARN."""

    def put(name: str, *texts: str) -> str:
        client = session.client("secretsmanager", endpoint_url=moto_url)
        arn = client.create_secret(Name=name, SecretString=texts[0])["ARN"]
        for text in texts[1:]:
            client.put_secret_value(SecretId=arn, SecretString=text)
        return arn

    return put


async def test_a_secret_is_read_by_its_arn(aws: Aws, put_secret: PutSecret) -> None:
    arn = put_secret("engine", 'a "key" é')

    assert await read_secret(aws, arn) == 'a "key" é'


async def test_what_a_secret_was_before_its_rotation_can_be_read(aws: Aws, put_secret: PutSecret) -> None:
    arn = put_secret("origin", "old", "new")

    assert (await read_secret(aws, arn), await read_secret(aws, arn, "AWSPREVIOUS")) == ("new", "old")


async def test_a_secret_that_is_not_there_says_its_name_and_why(aws: Aws) -> None:
    with pytest.raises(SecretUnavailableError, match="nowhere: ResourceNotFoundException"):
        await read_secret(aws, "nowhere")


async def test_each_pool_is_asked_with_the_key_in_its_own_secret(
    moto_url: str, put_secret: PutSecret, tmp_path: Path
) -> None:
    """Keys are never in the environment, nor on a disk."""
    async with running_stand_in() as one, running_stand_in() as other:
        catalogue = tmp_path / "models.toml"
        pools = [
            ("one", one.url, put_secret("key-one", "sk-1\n")),
            ("other", other.url, put_secret("key-other", "sk-2")),
        ]
        catalogue.write_text(
            'default = "m-one"\n'
            + "".join(
                f'[pools.{name}]\ndialect = "compatible"\nurl = "{url}"\napi_key_secret_arn = "{arn}"\n'
                f'[[models]]\nname = "m-{name}"\npool = "{name}"\ncontext_tokens = 4096\n'
                for name, url, arn in pools
            )
        )
        settings = EngineSettings(
            models_file=catalogue,
            aws_region=REGION,
            aws_access_key_id=ROLE.access_key_id,  # pyright: ignore[reportArgumentType]
            aws_secret_access_key=ROLE.secret_access_key,  # pyright: ignore[reportArgumentType]
            aws_endpoint_url=moto_url,
        )

        async with open_models(settings) as models:
            await models.engines.ping()

        assert [each.headers[-1]["authorization"] for each in (one, other)] == ["Bearer sk-1", "Bearer sk-2"]


@dataclass(slots=True)
class Answers:
    """An AWS that gives one answer after the other."""

    url: str
    statuses: list[int]
    targets: list[str] = field(default_factory=list)


@asynccontextmanager
async def answering(*statuses: int, code: str = "InternalServiceError") -> AsyncIterator[Answers]:
    answers = Answers("", list(statuses))

    async def answer(request: web.Request) -> web.Response:
        answers.targets.append(request.headers["X-Amz-Target"])
        status = answers.statuses.pop(0)
        body = {"SecretString": "found"} if status == 200 else {"__type": f"com.amazonaws#{code}"}
        return web.Response(status=status, text=json.dumps(body), content_type="application/x-amz-json-1.1")

    app = web.Application()
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    answers.url = f"http://{host}:{port}"
    try:
        yield answers
    finally:
        await runner.cleanup()


async def test_trouble_that_passes_is_waited_out() -> None:
    async with answering(500, 503, 200) as answers:
        assert await read_secret(Aws(REGION, ROLE, answers.url), "arn") == "found"

    assert answers.targets == ["secretsmanager.GetSecretValue"] * 3


async def test_trouble_that_stays_ends_after_three_tries() -> None:
    async with answering(400, 400, 400, 200, code="ThrottlingException") as answers:
        with pytest.raises(SecretUnavailableError, match="ThrottlingException"):
            await read_secret(Aws(REGION, ROLE, answers.url), "arn")

    assert len(answers.targets) == 3


async def test_a_refusal_is_not_asked_again() -> None:
    async with answering(400, 200, code="AccessDeniedException") as answers:
        with pytest.raises(SecretUnavailableError) as caught:
            await read_secret(Aws(REGION, ROLE, answers.url), "arn")

    assert caught.value.code == "AccessDeniedException"
    assert len(answers.targets) == 1
