"""The tests know which IAM actions the code uses."""

import boto3
import pytest

from parley.kit.aws import Aws
from tests.aws_actions import arranging


def test_what_the_code_uses_is_collected(used_aws_actions: frozenset[str]) -> None:
    assert used_aws_actions >= {"elasticache:Connect", "rds-db:connect", "secretsmanager:GetSecretValue"}


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    fresh = set[str]()
    monkeypatch.setattr("tests.aws_actions._collected", fresh)
    return fresh


def test_a_call_of_botocore_and_a_token_of_ours_count_but_not_what_a_test_prepares(
    aws: Aws, session: boto3.Session, moto_url: str, collected: set[str]
) -> None:
    client = session.client("sqs", endpoint_url=moto_url)

    with arranging():
        client.create_queue(QueueName="jobs")
        aws.cache_token("parley", "user")
    assert collected == set()
    client.list_queues()
    aws.database_token("db", 5432, "user")

    assert collected == {"sqs:ListQueues", "rds-db:connect"}
