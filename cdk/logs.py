"""Log groups: how long they keep what they hold."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

_RETENTION = {
    7: logs.RetentionDays.ONE_WEEK,
    30: logs.RetentionDays.ONE_MONTH,
    90: logs.RetentionDays.THREE_MONTHS,
    365: logs.RetentionDays.ONE_YEAR,
}


def create_log_group(scope: Construct, name: str, days: int, log_group_name: str | None = None) -> logs.LogGroup:
    """A group that goes with its stack: logs hold no conversations and are no data of record."""
    return logs.LogGroup(
        scope, name, log_group_name=log_group_name, retention=_RETENTION[days], removal_policy=RemovalPolicy.DESTROY
    )
