"""The tests know which IAM actions the product uses."""

import boto3
import pytest

from parley.kit.aws import Aws
from tests.aws_actions import PRODUCT


def test_what_the_product_uses_is_collected(used_aws_actions: frozenset[str]) -> None:
    assert used_aws_actions >= {
        "elasticache:Connect",
        "lambda:InvokeFunction",
        "rds-db:connect",
        "secretsmanager:GetSecretValue",
        "sqs:SendMessage",
    }


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    fresh = set[str]()
    monkeypatch.setattr("tests.aws_actions._collected", fresh)
    return fresh


def test_a_call_of_the_product_counts_and_one_of_a_test_does_not(
    aws: Aws, session: boto3.Session, moto_url: str, collected: set[str]
) -> None:
    client = session.client("sqs", endpoint_url=moto_url)
    product_code = compile("client.list_queues()", f"{PRODUCT[1]}/jobs/main.py", "exec")

    client.create_queue(QueueName="jobs")
    assert collected == set()
    exec(product_code, {"client": client})  # noqa: S102 - our own line, under the name of a module of ours
    aws.database_token("db", 5432, "user")

    assert collected == {"sqs:ListQueues", "rds-db:connect"}
