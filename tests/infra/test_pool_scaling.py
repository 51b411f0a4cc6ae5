"""When a pool grows and shrinks, and who says so."""

import json
from typing import Any

import pytest
import yaml

from cdk.catalogue import PROFILES
from cdk.config import load_config
from gpu_workers.router.registrar.logs import metrics_line
from gpu_workers.router.registrar.model import Scrape
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve
from tests.infra.pools import POOLS, of_pool

pytestmark = pytest.mark.parametrize(("stage", "pool"), POOLS)


def _policy(find_resources: FindResources, stage: str, pool: str, name: str) -> dict[str, Any]:
    policies = of_pool(find_resources, stage, pool, "ApplicationAutoScaling::ScalingPolicy")
    return next(each for each in policies if f"Scaling{name}" in each["PolicyName"].replace("Workers", ""))


def _tracking(find_resources: FindResources, stage: str, pool: str, name: str) -> dict[str, Any]:
    return _policy(find_resources, stage, pool, name)["TargetTrackingScalingPolicyConfiguration"]


def _assert_mean_of_pool(policy: dict[str, Any], stage: str, pool: str, name: str) -> None:
    metric = policy["CustomizedMetricSpecification"]
    assert (metric["Namespace"], metric["MetricName"], metric["Statistic"]) == ("Parley/Pools", name, "Average")
    assert metric["Dimensions"] == [{"Name": "pool", "Value": pool}, {"Name": "stage", "Value": stage}]


def _alarm(find_resources: FindResources, stage: str, name: str) -> dict[str, Any]:
    alarms = find_resources(stage, "CloudWatch::Alarm").values()
    return next(
        each["Properties"] for each in alarms if each["Properties"].get("AlarmName") == f"parley-{stage}-{name}"
    )


def test_workers_stay_between_what_the_floor_and_the_instances_allow(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (target,) = of_pool(find_resources, stage, pool, "ApplicationAutoScaling::ScalableTarget")
    config = load_config(stage).pools[pool]

    assert target["MinCapacity"] == config.min_instances * config.replicas_per_instance
    assert target["MaxCapacity"] == config.max_instances * config.replicas_per_instance
    assert target["ScalableDimension"] == "ecs:service:DesiredCount"


def test_the_floor_follows_the_schedule(find_resources: FindResources, stage: str, pool: str) -> None:
    (target,) = of_pool(find_resources, stage, pool, "ApplicationAutoScaling::ScalableTarget")
    config = load_config(stage).pools[pool]

    actions = [
        (each["Schedule"], each["ScalableTargetAction"]["MinCapacity"]) for each in target.get("ScheduledActions", [])
    ]
    assert actions == [
        (f"cron({floor.cron})", floor.min_instances * config.replicas_per_instance) for floor in config.schedule
    ]


def test_a_minute_of_a_queue_asks_for_an_instance_s_worth_of_workers(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    policy = _policy(find_resources, stage, pool, "Waiting")["StepScalingPolicyConfiguration"]
    (alarm,) = of_pool(find_resources, stage, pool, "CloudWatch::Alarm")
    config = load_config(stage).pools[pool]
    steps = [each["ScalingAdjustment"] for each in policy["StepAdjustments"]]

    assert (alarm["MetricName"], alarm["Statistic"]) == ("vllm:num_requests_waiting", "Average")
    assert alarm["Threshold"] == config.scale_out_waiting_per_replica
    assert alarm["EvaluationPeriods"] * alarm["Period"] == 60
    assert policy["StepAdjustments"][1]["MetricIntervalLowerBound"] == 2 * alarm["Threshold"]
    assert steps == [config.replicas_per_instance, 2 * config.replicas_per_instance]
    assert policy["Cooldown"] <= 180


def test_running_requests_are_followed_up_fast_and_down_slowly(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    policy = _tracking(find_resources, stage, pool, "Running")

    _assert_mean_of_pool(policy, stage, pool, "vllm:num_requests_running")
    assert policy["TargetValue"] == load_config(stage).pools[pool].target_running_per_replica
    assert policy["ScaleOutCooldown"] <= 180
    assert policy["ScaleInCooldown"] == 900
    assert not policy.get("DisableScaleIn")


def test_memory_that_fills_adds_workers_and_never_takes_any(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    policy = _tracking(find_resources, stage, pool, "KvUse")

    _assert_mean_of_pool(policy, stage, pool, "vllm:kv_cache_usage_perc")
    assert policy["TargetValue"] == load_config(stage).pools[pool].scale_out_kv_use
    assert policy["ScaleOutCooldown"] <= 180
    assert policy["DisableScaleIn"] is True


def test_nothing_but_running_requests_takes_workers_away(find_resources: FindResources, stage: str, pool: str) -> None:
    policies = of_pool(find_resources, stage, pool, "ApplicationAutoScaling::ScalingPolicy")
    steps = [
        step["ScalingAdjustment"]
        for each in policies
        for step in each.get("StepScalingPolicyConfiguration", {}).get("StepAdjustments", [])
    ]
    tracking = [
        each["TargetTrackingScalingPolicyConfiguration"] for each in policies if "Step" not in each["PolicyType"]
    ]

    assert min(steps) > 0
    (shrinks,) = (each for each in tracking if not each.get("DisableScaleIn"))
    assert shrinks["CustomizedMetricSpecification"]["MetricName"] == "vllm:num_requests_running"


def test_a_full_worker_is_over_its_pool_s_target_with_room_left_until_an_instance_serves(stage: str, pool: str) -> None:
    config = load_config(stage).pools[pool]
    most = yaml.safe_load((PROFILES / f"{config.profile}.yaml").read_text())["max-num-seqs"]

    assert 1 / 2 <= config.target_running_per_replica / most <= 2 / 3


def test_slow_first_tokens_tell_someone_and_take_one_step_out(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    alarm = _alarm(find_resources, stage, f"{pool}-first-token")
    step = _policy(find_resources, stage, pool, "FirstToken")["StepScalingPolicyConfiguration"]

    assert (alarm["MetricName"], alarm["Threshold"], alarm["Period"]) == ("TtftP95Ms", 3000, 60)
    assert (alarm["DatapointsToAlarm"], alarm["EvaluationPeriods"]) == (3, 5)
    topic, scaling = (resolve(each) for each in alarm["AlarmActions"])
    assert topic.startswith("Alarms")
    assert "ScalingFirstToken" in scaling
    (adjustment,) = step["StepAdjustments"]
    assert adjustment["ScalingAdjustment"] == load_config(stage).pools[pool].replicas_per_instance


def test_what_the_alarms_read_of_the_registrar_it_emits(find_resources: FindResources, stage: str, pool: str) -> None:
    scrape = Scrape(workers=1, ready=1, running=1, waiting=0, kv_use=0.5, ttft_p95_ms=100.0)
    line = json.loads(metrics_line(stage, pool, scrape, 0))
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    emitted = {each["Name"] for each in directive["Metrics"]}

    assert (directive["Namespace"], directive["Dimensions"]) == ("Parley/Pools", [["stage", "pool"]])
    assert (line["stage"], line["pool"]) == (stage, pool)
    assert emitted >= {"TtftP95Ms", "ReadyWorkers"}


def test_a_pool_without_ready_workers_is_no_alarm_while_none_is_wanted(
    find_resources: FindResources, stage: str, pool: str
) -> None:
    (expression,) = (
        each["Expression"]
        for each in _alarm(find_resources, stage, f"{pool}-no-worker")["Metrics"]
        if "Expression" in each
    )

    assert expression == "IF(desired > 0 AND FILL(ready, 0) < 1, 1, 0)"


def test_the_cluster_says_how_many_workers_are_wanted(find_resources: FindResources, stage: str, pool: str) -> None:
    (cluster,) = of_pool(find_resources, stage, pool, "ECS::Cluster")

    assert cluster["ClusterSettings"] == [{"Name": "containerInsights", "Value": "enabled"}]
    for name in (f"{pool}-no-worker", f"{pool}-capacity"):
        metrics = [each["MetricStat"]["Metric"] for each in _alarm(find_resources, stage, name)["Metrics"][1:]]
        (desired,) = (each for each in metrics if each["MetricName"] == "DesiredTaskCount")
        dimensions = {each["Name"]: resolve(each["Value"]) for each in desired["Dimensions"]}
        assert dimensions.keys() == {"ClusterName", "ServiceName"}
