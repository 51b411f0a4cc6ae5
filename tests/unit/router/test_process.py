"""What the registrar's process takes in and puts out: settings, logs, metrics, the sign-in at Valkey."""

import json
import logging
from datetime import UTC, datetime

import botocore.session
import pytest
from pydantic import ValidationError

from gpu_workers.router.registrar.logs import JsonLines, metrics_line
from gpu_workers.router.registrar.model import Limits, Scrape
from gpu_workers.router.registrar.settings import Settings
from gpu_workers.router.registrar.store import IamSignIn
from parley.kit.aws import Aws
from parley.kit.sigv4 import Credentials
from tests.unit.aws.botocore_signer import at

ENVIRONMENT = {
    "STAGE": "dev",
    "POOL": "fast",
    "CLOUD_MAP_NAMESPACE": "parley-dev-pools",
    "CLOUD_MAP_SERVICE": "fast",
    "ROUTER_URL": "http://127.0.0.1:8080",
    "VALKEY_URL": "rediss://valkey.example:6379",
    "VALKEY_IAM_USER": "parley-dev-registrar",
    "VALKEY_CLUSTER_NAME": "Parley-Dev",
    "AWS_REGION": "eu-west-1",
}
NOW = datetime(2026, 11, 22, 12, 0, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


def settings_from_env() -> Settings:
    return Settings()  # pyright: ignore[reportCallIssue] - its fields come from the environment


def test_the_environment_of_the_task_is_enough() -> None:
    settings = settings_from_env()

    assert settings.limits == Limits(waiting_per_worker=4, kv_use=0.95)
    assert (settings.ready_port, settings.health_port) == (8001, 8082)


def test_all_problems_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name)

    with pytest.raises(ValidationError) as caught:
        settings_from_env()

    missing = {str(error["loc"][0]) for error in caught.value.errors()}
    assert missing == {"stage", "pool", "cloud_map_namespace", "cloud_map_service", "valkey_url", "aws_region"}


def test_half_a_sign_in_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VALKEY_CLUSTER_NAME")

    with pytest.raises(ValidationError, match="belong together"):
        settings_from_env()


def test_the_registrar_signs_in_as_the_functions_do() -> None:
    session = botocore.session.get_session()
    session.set_credentials("ASIAEXAMPLE", "secret/key+", "session/token+==")
    sign_in = IamSignIn(session, "eu-west-1", "Parley-Dev", "parley-dev-registrar")

    with at(NOW):
        user, token = sign_in.get_credentials()

    role = Credentials("ASIAEXAMPLE", "secret/key+", "session/token+==")
    assert user == "parley-dev-registrar"
    assert token == Aws("eu-west-1", role, clock=lambda: NOW).cache_token("Parley-Dev", user)


@pytest.mark.parametrize("ttft_p95_ms", [None, 840.0])
def test_a_metrics_line_declares_what_it_holds(ttft_p95_ms: float | None) -> None:
    scrape = Scrape(workers=3, ready=2, running=5, waiting=1, kv_use=0.5, ttft_p95_ms=ttft_p95_ms)

    line = json.loads(metrics_line("dev", "fast", scrape, now_ms=1_732_000_000_000))

    (directive,) = line["_aws"]["CloudWatchMetrics"]
    declared = {metric["Name"] for metric in directive["Metrics"]}
    assert (directive["Namespace"], directive["Dimensions"]) == ("Parley/Pools", [["stage", "pool"]])
    assert (line["stage"], line["pool"]) == ("dev", "fast")
    assert declared == line.keys() - {"_aws", "stage", "pool"}
    assert declared == {"Waiting", "Running", "KvUse", "ReadyWorkers"} | ({"TtftP95Ms"} if ttft_p95_ms else set())


def test_a_log_line_is_json_with_its_fields() -> None:
    record = logging.makeLogRecord({"msg": "add_worker", "levelname": "INFO", "worker": "http://10.0.0.7:8000"})

    line = json.loads(JsonLines().format(record))

    assert line.keys() == {"level", "event", "time_ms", "worker"}
    assert (line["event"], line["worker"]) == ("add_worker", "http://10.0.0.7:8000")
