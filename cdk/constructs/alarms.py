"""An alarm: what is watched, who hears of it, and the page that says what to do."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct


@dataclass(frozen=True, slots=True)
class Watch:
    """An alarm before it stands in a stack; declared beside what emits its metric. `runbook` is a page of docs/operations.

    It fires when the metric is over `threshold` for `periods` periods in a row, or for `breaching` of them where that is less.
    `step_out` is a step of scaling that it takes beside telling someone.
    """

    name: str
    metric: cloudwatch.IMetric
    threshold: float
    runbook: str
    says: str
    periods: int = 1
    # Silence is good where a metric counts trouble, and no news where it measures what is always there.
    missing: Literal["notBreaching", "missing"] = "notBreaching"
    breaching: int | None = None
    step_out: appscaling.StepScalingAction | None = None


def add_alarms(scope: Construct, stage: str, watches: Sequence[Watch], topic: sns.ITopic) -> list[cloudwatch.Alarm]:
    return [_add(scope, stage, each, topic) for each in watches]


def _add(scope: Construct, stage: str, watch: Watch, topic: sns.ITopic) -> cloudwatch.Alarm:
    alarm = cloudwatch.Alarm(
        scope,
        "".join(word.title() for word in watch.name.split("-")),
        alarm_name=f"parley-{stage}-{watch.name}",
        alarm_description=f"{watch.says} Runbook: docs/operations/{watch.runbook}.md",
        metric=watch.metric,
        threshold=watch.threshold,
        comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        evaluation_periods=watch.periods,
        datapoints_to_alarm=watch.breaching,
        treat_missing_data=(
            cloudwatch.TreatMissingData.NOT_BREACHING
            if watch.missing == "notBreaching"
            else cloudwatch.TreatMissingData.MISSING
        ),
    )
    tell = actions.SnsAction(topic)
    alarm.add_alarm_action(tell)
    if watch.step_out:
        alarm.add_alarm_action(actions.ApplicationScalingAction(watch.step_out))
    alarm.add_ok_action(tell)
    return alarm
