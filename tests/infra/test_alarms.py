"""An alarm has someone to tell, a page that says what to do, and a metric that something emits."""

import json
import re
from pathlib import Path
from typing import Any

from cdk.config import load_config
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve

_SECTIONS = ("## First look", "## Likely causes", "## What to do", "## How to know it is over")
# Metrics that AWS emits by itself for what is deployed, and ours (parley.kit.telemetry; test_pools.py holds those of pools to
# what emits them).
_EMITTED = {
    "ECS/ContainerInsights": {"DesiredTaskCount", "RunningTaskCount"},
    "AWS/ApiGateway": {"5XXError", "Latency"},
    "AWS/Lambda": {"Errors", "Throttles", "Duration"},
    "AWS/RDS": {"DatabaseConnections", "DatabaseConnectionsCurrentlySessionPinned"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
    "Parley": {"ResponseLogUnavailable", "TurnsShed", "ModerationAway", "TurnsJudged", "ClassifierMs"},
    "Parley/Pools": {"TtftP95Ms", "ReadyWorkers", "vllm:kv_cache_usage_perc", "vllm:num_requests_waiting"},
}


def _alarms(find_resources: FindResources, stage: str) -> list[dict[str, Any]]:
    """Those for people; what a pool's stack has only scales it."""
    alarms = find_resources(stage, "CloudWatch::Alarm").items()
    return [each["Properties"] for name, each in alarms if name.startswith(f"parley-{stage}-observability/")]


def _metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The one it watches, or those it reckons with."""
    if "Metrics" not in alarm:
        return [alarm]
    stats = [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]
    assert len(stats) == len(alarm["Metrics"]) - 1
    return stats


def test_every_alarm_tells_someone_when_it_starts_and_when_it_ends(find_resources: FindResources, stage: str) -> None:
    (topic,) = (name.rpartition("/")[2] for name in find_resources(stage, "SNS::Topic"))
    (subscription,) = find_resources(stage, "SNS::Subscription").values()

    assert subscription["Properties"]["TopicArn"] == {"Ref": topic}
    for alarm in _alarms(find_resources, stage):
        assert alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["AlarmActions"][0] == {"Ref": topic}


def test_every_alarm_names_its_runbook_and_every_runbook_is_complete(
    find_resources: FindResources, root: Path, stage: str
) -> None:
    for alarm in _alarms(find_resources, stage):
        match = re.search(r"Runbook: (docs/operations/[a-z-]+\.md)$", alarm["AlarmDescription"])
        assert match, alarm["AlarmName"]
        text = (root / match[1]).read_text()
        assert [section for section in _SECTIONS if section not in text] == []


def test_every_alarm_watches_what_something_emits(find_resources: FindResources, stage: str) -> None:
    for alarm in find_resources(stage, "CloudWatch::Alarm").values():
        for metric in _metrics(alarm["Properties"]):
            assert metric["MetricName"] in _EMITTED[metric["Namespace"]]
            assert all(resolve(each["Value"]) for each in metric["Dimensions"])


def test_what_exists_is_watched(find_resources: FindResources, stage: str) -> None:
    names = {alarm["AlarmName"].removeprefix(f"parley-{stage}-") for alarm in _alarms(find_resources, stage)}

    assert names >= {"api-errors", "api-latency", "database-connections", "database-pinned-sessions"}
    assert names >= {"dead-letters", "queue-age", "turns-queue-age", "chat-errors", "chat-throttles", "chat-duration"}
    assert names >= {"chat-response-log", "jobs-response-log"}
    assert names >= {"chat-moderation-away", "jobs-moderation-away"}
    assert names >= {"chat-moderation-latency", "jobs-moderation-latency"}
    assert names >= {"moderation-errors", "moderation-throttles", "moderation-duration"}
    for pool in load_config(stage).pools:
        assert names >= {f"{pool}-{each}" for each in ("first-token", "no-worker", "memory", "capacity")}


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


def _shown(find_resources: FindResources, stage: str) -> list[list[Any]]:
    """What the dashboard's graphs show, as CloudWatch takes it: `[namespace, metric, dimension, value, ..., options]`."""
    (dashboard,) = find_resources(stage, "CloudWatch::Dashboard").values()
    body = json.loads(resolve(dashboard["Properties"]["DashboardBody"]))
    return [metric for widget in body["widgets"] for metric in widget["properties"].get("metrics", [])]


def test_the_dashboard_shows_of_our_own_only_what_the_code_counts(
    find_resources: FindResources, root: Path, stage: str
) -> None:
    names = {each[1] for each in _shown(find_resources, stage) if each[0] == "Parley"} | _EMITTED["Parley"]
    folders = (root / "layers/core/python/parley", root / "lambdas")
    code = "\n".join(file.read_text() for folder in folders for file in folder.rglob("*.py"))

    assert names
    assert {name for name in names if f'"{name}"' not in code} == set()


def test_the_dashboard_shows_how_moderation_goes(find_resources: FindResources, stage: str) -> None:
    rows = _shown(find_resources, stage)

    shown = {(each[1], each[3]) for each in rows if each[0] == "Parley"}
    turns = {
        "InputFlagged",
        "InputBlocked",
        "InputPii",
        "ModerationAway",
        "TurnsJudged",
        "OutputWithheld",
        "PiiRedacted",
    }
    assert shown >= {(name, function) for name in turns for function in ("chat", "jobs")}
    assert shown >= {("KeywordsMs", "chat"), ("ClassifierMs", "chat"), ("ReviewsAppealed", "history")}
    assert shown >= {("ReviewsApproved", "moderation"), ("ReviewsUpheld", "moderation")}
    expressions = [each[0]["expression"] for each in rows if isinstance(each[0], dict)]
    flagged = "FILL(chat_InputFlagged, 0) + FILL(jobs_InputFlagged, 0)"
    judged = "FILL(chat_TurnsJudged, 0) + FILL(jobs_TurnsJudged, 0)"
    decided = "FILL(moderation_ReviewsApproved, 0) + FILL(moderation_ReviewsUpheld, 0)"
    assert f"100 * ({flagged}) / ({judged})" in expressions
    assert f"100 * (FILL(moderation_ReviewsApproved, 0)) / ({decided})" in expressions
