"""An alarm has someone to tell, a page that says what to do, and a metric that something emits."""

import re
from pathlib import Path
from typing import Any

from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve

_SECTIONS = ("## First look", "## Likely causes", "## What to do", "## How to know it is over")
# Metrics that AWS emits by itself for what is deployed, and ours (parley.kit.telemetry).
_EMITTED = {
    "AWS/ApiGateway": {"5XXError", "Latency"},
    "AWS/Lambda": {"Errors", "Throttles", "Duration"},
    "AWS/RDS": {"DatabaseConnections", "DatabaseConnectionsCurrentlySessionPinned"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "Parley": {"ResponseLogUnavailable"},
}


def _alarms(find_resources: FindResources, stage: str) -> list[dict[str, Any]]:
    return [each["Properties"] for each in find_resources(stage, "CloudWatch::Alarm").values()]


def test_every_alarm_tells_someone_when_it_starts_and_when_it_ends(find_resources: FindResources, stage: str) -> None:
    (topic,) = (name.rpartition("/")[2] for name in find_resources(stage, "SNS::Topic"))
    (subscription,) = find_resources(stage, "SNS::Subscription").values()

    assert subscription["Properties"]["TopicArn"] == {"Ref": topic}
    for alarm in _alarms(find_resources, stage):
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]


def test_every_alarm_names_its_runbook_and_every_runbook_is_complete(
    find_resources: FindResources, root: Path, stage: str
) -> None:
    for alarm in _alarms(find_resources, stage):
        match = re.search(r"Runbook: (docs/operations/[a-z-]+\.md)$", alarm["AlarmDescription"])
        assert match, alarm["AlarmName"]
        text = (root / match[1]).read_text()
        assert [section for section in _SECTIONS if section not in text] == []


def test_every_alarm_watches_what_something_emits(find_resources: FindResources, stage: str) -> None:
    for alarm in _alarms(find_resources, stage):
        assert alarm["MetricName"] in _EMITTED[alarm["Namespace"]]
        assert all(resolve(each["Value"]) for each in alarm["Dimensions"])


def test_what_exists_is_watched(find_resources: FindResources, stage: str) -> None:
    names = {alarm["AlarmName"].removeprefix(f"parley-{stage}-") for alarm in _alarms(find_resources, stage)}

    assert names >= {"api-errors", "api-latency", "database-connections", "database-pinned-sessions"}
    assert names >= {"dead-letters", "queue-age", "turns-queue-age", "chat-errors", "chat-throttles", "chat-duration"}
    assert names >= {"chat-response-log", "jobs-response-log"}


def test_a_long_turn_alone_is_no_reason_for_the_alarm_on_its_queue(find_resources: FindResources, stage: str) -> None:
    jobs = next(
        each["Properties"]
        for each in find_resources(stage, "Lambda::Function").values()
        if each["Properties"].get("FunctionName") == f"parley-{stage}-jobs"
    )
    (alarm,) = (each for each in _alarms(find_resources, stage) if each["AlarmName"].endswith("-turns-queue-age"))

    assert alarm["Threshold"] > jobs["Timeout"]


def test_the_dashboard_exists(find_resources: FindResources, stage: str) -> None:
    (dashboard,) = find_resources(stage, "CloudWatch::Dashboard").values()

    assert dashboard["Properties"]["DashboardName"] == f"parley-{stage}"
