"""The tokens that stand for passwords are those botocore makes."""

from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.model import ServiceId
from botocore.signers import RequestSigner

from parley.kit.aws import Aws
from parley.kit.sigv4 import Credentials
from tests.unit.aws.botocore_signer import at

NOW = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)
REGION = "eu-west-1"
ROLES = [Credentials("ASIAEXAMPLE", "secret/key+", "session/token+=="), Credentials("AKIDEXAMPLE", "secret")]


@pytest.fixture(params=ROLES, ids=["role", "user"])
def credentials(request: pytest.FixtureRequest) -> Credentials:
    return request.param


def _session(credentials: Credentials) -> boto3.Session:
    return boto3.Session(
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        aws_session_token=credentials.session_token or None,
        region_name=REGION,
    )


def test_a_database_token_is_botocore_s(credentials: Credentials) -> None:
    host, port, user = "parley.proxy-abc.eu-west-1.rds.amazonaws.com", 5432, "parley_app"

    token = Aws(REGION, credentials, clock=lambda: NOW).database_token(host, port, user)

    with at(NOW):
        assert token == _session(credentials).client("rds").generate_db_auth_token(host, port, user)


def test_a_cache_token_is_what_aws_documents(credentials: Credentials) -> None:
    token = Aws(REGION, credentials, clock=lambda: NOW).cache_token("Parley-Dev", "parley-chat")

    # As https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html#auth-iam-Connecting has it, by botocore.
    session = _session(credentials)
    signer = RequestSigner(
        ServiceId("elasticache"), REGION, "elasticache", "v4", session.get_credentials(), session.events
    )
    request = {
        "method": "GET",
        "url": "http://parley-dev/?Action=connect&User=parley-chat",
        "body": {},
        "headers": {},
        "context": {},
    }
    with at(NOW):
        expected = signer.generate_presigned_url(
            request, operation_name="connect", expires_in=900, region_name=REGION, signing_name="elasticache"
        )
    assert f"http://{token}" == expected


def test_each_token_is_of_its_moment() -> None:
    times = iter([NOW, NOW + timedelta(minutes=10)])
    aws = Aws(REGION, ROLES[0], clock=lambda: next(times))

    first, second = (aws.cache_token("parley", "user") for _ in range(2))

    assert "X-Amz-Date=20261122T120001Z" in first
    assert "X-Amz-Date=20261122T121001Z" in second
