"""A stand-in for AWS on loopback."""

from collections.abc import Iterator
from datetime import UTC, datetime

import boto3
import pytest
from moto.server import ThreadedMotoServer

from parley.kit.aws import Aws
from parley.kit.sigv4 import Credentials

REGION = "eu-west-1"
ROLE = Credentials("ASIAEXAMPLE", "secret/key+", "session/token+==")


@pytest.fixture(scope="session")
def moto_url() -> Iterator[str]:
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(moto_url: str) -> Aws:
    return Aws(REGION, ROLE, endpoint_url=moto_url, clock=lambda: datetime.now(UTC))


@pytest.fixture
def session() -> boto3.Session:
    """Who puts things into the stand-in."""
    return boto3.Session(aws_access_key_id="AKIDTESTS", aws_secret_access_key="tests", region_name=REGION)
