"""Only what came through CloudFront is looked at."""

import boto3
import pytest
from botocore.config import Config
from moto.server import ThreadedMotoServer

from lambdas.authorizer.main import create_handler
from lambdas.authorizer.origin import OriginCheck, is_accepted
from parley.kit.secrets import SecretUnavailableError
from parley.settings import AuthorizerSettings

ARN = "arn:aws:execute-api:eu-central-1:1:a/live/GET/v1/models"


class Values:
    """What Secrets Manager says, and the clock."""

    def __init__(self, *values: str) -> None:
        self.values = values
        self.reads = 0
        self.now_s = 0.0

    def read(self) -> tuple[str, ...]:
        self.reads += 1
        return self.values

    def check(self) -> OriginCheck:
        return OriginCheck(self.read, lambda: self.now_s)


@pytest.mark.parametrize(
    ("presented", "accepted", "verdict"),
    [
        (["a"], ["a"], True),
        (["b"], ["a", "b"], True),
        (["c"], ["a", "b"], False),
        ([], ["a"], False),
        ([""], ["a"], False),
        ([""], [""], False),
        (["a", "a"], ["a"], False),
        (["ä\ud800"], ["a"], False),
        (["a"], [], False),
    ],
)
def test_one_value_must_be_one_of_those_accepted(presented, accepted, verdict):
    assert is_accepted(presented, accepted) is verdict


def test_the_values_are_read_once_for_many_requests():
    told = Values("a")
    check = told.check()

    assert [check.accepts(["a"]) for _ in range(5)] == [True] * 5
    assert told.reads == 1


def test_a_rotation_is_noticed_by_the_first_request_that_knows_of_it():
    told = Values("old")
    check = told.check()
    assert check.accepts(["old"])
    told.values, told.now_s = ("new", "old"), 11

    assert check.accepts(["new"])
    assert check.accepts(["old"])


def test_a_value_that_was_rotated_away_is_refused_in_time():
    told = Values("old")
    check = told.check()
    assert check.accepts(["old"])
    told.values, told.now_s = ("newer", "new"), 301

    assert not check.accepts(["old"])


def test_invented_values_do_not_make_it_read_each_time():
    told = Values("a")
    check = told.check()

    assert not any(check.accepts([str(number)]) for number in range(100))
    assert told.reads == 1
    assert not check.accepts([])


@pytest.fixture(scope="module")
def moto():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def secrets(moto):
    client = boto3.client(
        "secretsmanager",
        region_name="eu-central-1",
        endpoint_url=moto,
        aws_access_key_id="any",
        aws_secret_access_key="any",
        config=Config(retries={"max_attempts": 1}),
    )
    yield client
    client.close()


def settings(moto: str, arn: str) -> AuthorizerSettings:
    return AuthorizerSettings.model_validate(
        {
            "oidc_issuer": "http://127.0.0.1:9",
            "oidc_issuer_name": "test",
            "oidc_audience": "web",
            "database_url": "postgresql://127.0.0.1:9/away",
            "origin_secret_arn": arn,
            "aws_region": "eu-central-1",
            "aws_access_key_id": "any",
            "aws_secret_access_key": "any",
            "aws_endpoint_url": moto,
        }
    )


def reason(caplog, handler, *origin: str) -> str:
    """Why the last request, whose API key is malformed, was refused."""
    event = {
        "methodArn": ARN,
        "multiValueHeaders": {"authorization": ["Bearer sk-parley-short"], "X-Parley-Origin": list(origin)},
    }
    with pytest.raises(Exception, match=r"\AUnauthorized\Z"):
        handler(event, None)
    return vars(caplog.records[-1])["reason"]


def test_the_secret_s_current_and_previous_values_let_a_request_through(moto, secrets, caplog):
    arn = secrets.create_secret(Name="origin", SecretString="first")["ARN"]
    malformed = "The API key is malformed."
    elsewhere = "The request did not come through CloudFront."

    never_rotated = create_handler(settings(moto, arn))
    assert reason(caplog, never_rotated, "first") == malformed
    assert reason(caplog, never_rotated, "second") == elsewhere
    assert reason(caplog, never_rotated) == elsewhere
    assert reason(caplog, never_rotated, "first", "first") == elsewhere

    secrets.put_secret_value(SecretId=arn, SecretString="second")
    rotated = create_handler(settings(moto, arn))
    assert [reason(caplog, rotated, each) for each in ("first", "second", "third")] == [malformed, malformed, elsewhere]
    assert "first" not in str([vars(record) for record in caplog.records])


def test_a_secret_that_cannot_be_read_is_no_word_on_the_request(moto):
    handler = create_handler(settings(moto, "arn:aws:secretsmanager:eu-central-1:1:secret:none"))

    with pytest.raises(SecretUnavailableError):
        handler({"methodArn": ARN, "headers": {"x-parley-origin": "a", "authorization": "Bearer x"}}, None)
