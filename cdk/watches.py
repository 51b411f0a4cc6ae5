"""What is watched of each part. A later part adds a function here, beside the metrics it emits."""

from collections.abc import Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs

from cdk import pool_metrics
from cdk.constructs.alarms import Watch
from cdk.constructs.api import STAGE_NAME, Api
from cdk.constructs.database import Database
from cdk.constructs.python_function import PythonFunction
from cdk.moderation_metrics import own_metric, turn_functions, watch_moderation
from cdk.pool_metrics import PoolMetrics

_MINUTE = Duration.minutes(1)
_FIVE_MINUTES = Duration.minutes(5)


def api_metric(api: Api, name: str, statistic: str, period: Duration = _FIVE_MINUTES) -> cloudwatch.Metric:
    dimensions = {"ApiName": api.name, "Stage": STAGE_NAME}
    return cloudwatch.Metric(
        namespace="AWS/ApiGateway", metric_name=name, dimensions_map=dimensions, statistic=statistic, period=period
    )


def watch_api(api: Api) -> list[Watch]:
    """The mission's own numbers: 99.5 % of answers succeed, and 95 % of them are complete within 30 s."""
    return [
        Watch(
            "api-errors",
            # An average of zeros and ones: the share of answers that were 5xx.
            api_metric(api, "5XXError", "Average", _MINUTE),
            0.005,
            "api-errors",
            "More than 0.5 % of answers were 5xx for 5 minutes.",
            periods=5,
        ),
        Watch(
            "api-latency",
            api_metric(api, "Latency", "p95"),
            30_000,
            "api-latency",
            "5 % of answers took more than 30 s, streams included, for 15 minutes.",
            periods=3,
        ),
    ]


def watch_function(function: PythonFunction) -> list[Watch]:
    name = function.name
    metric = function.function
    return [
        Watch(
            f"{name}-errors",
            metric.metric_errors(period=_FIVE_MINUTES, statistic="Sum"),
            0,
            "function-errors",
            f"The {name} function crashed or timed out.",
        ),
        Watch(
            f"{name}-throttles",
            metric.metric_throttles(period=_MINUTE, statistic="Sum"),
            0,
            "function-throttles",
            f"Lambda refused to run the {name} function for 2 minutes: no concurrency left.",
            periods=2,
        ),
        Watch(
            f"{name}-duration",
            metric.metric_duration(period=_FIVE_MINUTES, statistic="p99"),
            0.8 * function.timeout_s * 1000,
            "function-duration",
            f"1 % of runs of the {name} function came within a fifth of its timeout of {function.timeout_s} s.",
        ),
    ]


def proxy_metric(database: Database, name: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/RDS",
        metric_name=name,
        dimensions_map={"ProxyName": database.id},
        statistic=statistic,
        period=_MINUTE,
    )


def database_metric(database: Database, name: str, statistic: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/RDS",
        metric_name=name,
        dimensions_map=database.metric_dimensions,
        statistic=statistic,
        period=_MINUTE,
    )


def watch_database(database: Database) -> list[Watch]:
    limit = database.max_connections
    return [
        Watch(
            "database-connections",
            database_metric(database, "DatabaseConnections", "Maximum"),
            # The proxy stops at 90 %.
            0.8 * limit,
            "database-connections",
            f"More than 80 % of the {limit} connections of the database were in use for 5 minutes.",
            periods=5,
            missing="missing",
        ),
        Watch(
            "database-pinned-sessions",
            proxy_metric(database, "DatabaseConnectionsCurrentlySessionPinned", "Maximum"),
            0.5 * limit,
            "database-pinning",
            "The proxy keeps more than half of the connections for one client each, instead of sharing them.",
            periods=5,
        ),
    ]


@dataclass(frozen=True, slots=True)
class Queues:
    """`turn_timeout_s` is how long a job of `turns` may take at most."""

    turns: sqs.Queue
    jobs: sqs.Queue
    dead_letters: sqs.Queue
    turn_timeout_s: int


def watch_queues(queues: Queues) -> list[Watch]:
    return [
        Watch(
            "dead-letters",
            queues.dead_letters.metric_approximate_number_of_messages_visible(period=_MINUTE, statistic="Maximum"),
            0,
            "dead-letters",
            "A job failed three times and was put aside.",
        ),
        Watch(
            "queue-age",
            queues.jobs.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic="Maximum"),
            300,
            "queue-age",
            "A job has waited for more than 5 minutes: turns of processes that are gone are not settled.",
            periods=3,
        ),
        Watch(
            "turns-queue-age",
            queues.turns.metric_approximate_age_of_oldest_message(period=_MINUTE, statistic="Maximum"),
            # A message is as old while its turn runs.
            queues.turn_timeout_s + 300,
            "turns-queue-age",
            "A background turn has waited for more than 5 minutes, or failed and was begun again.",
            periods=3,
        ),
    ]


def watch_response_log(functions: Sequence[PythonFunction]) -> list[Watch]:
    """`ResponseLogUnavailable` is counted again and again for as long as a process with turns cannot write their log."""
    return [
        Watch(
            f"{function.name}-response-log",
            own_metric(function, "ResponseLogUnavailable"),
            0,
            "response-log",
            f"The {function.name} function could not write what turns say to Valkey for 3 minutes: they go on without resume.",
            periods=3,
        )
        for function in turn_functions(functions)
    ]


def watch_admission(functions: Sequence[PythonFunction]) -> list[Watch]:
    """`TurnsShed` is counted once a turn that found no room. Single turns are refused in any burst; for minutes on end there is
    too little of everything.
    """
    return [
        Watch(
            "turns-shed",
            own_metric(function, "TurnsShed"),
            0,
            "turns-shed",
            "Turns were refused for 5 minutes because no pool that may answer them had room.",
            periods=5,
        )
        for function in functions
        if function.name == "chat"
    ]


def watch_pool(metrics: PoolMetrics, step_out: appscaling.StepScalingAction) -> list[Watch]:
    """The mission's own number is 2 s for the whole way; 3 s in the pool alone is a pool that is too small."""
    name = metrics.pool
    return [
        Watch(
            f"{name}-first-token",
            metrics.own(pool_metrics.TTFT_P95_MS, "Maximum"),
            3000,
            "pool-first-token",
            f"5 % of first tokens of the pool {name} took more than 3 s; it was told to grow by an instance.",
            periods=5,
            breaching=3,
            step_out=step_out,
        ),
        Watch(
            f"{name}-no-worker",
            metrics.without_worker(),
            0,
            "pool-no-worker",
            f"No worker of the pool {name} was ready for 5 minutes: its models are served by their fallbacks, or not at all.",
            periods=5,
        ),
        Watch(
            f"{name}-memory",
            metrics.own(pool_metrics.KV_USE, "Average"),
            0.95,
            "pool-memory",
            f"The KV caches of the pool {name} were full for 15 minutes: growing did not help, or was not possible.",
            periods=15,
        ),
        Watch(
            f"{name}-capacity",
            metrics.missing_workers(),
            0,
            "pool-capacity",
            f"The pool {name} wanted more workers than it got for 20 minutes.",
            periods=20,
        ),
    ]


def all_watches(
    api: Api,
    functions: Sequence[PythonFunction],
    database: Database,
    queues: Queues,
) -> list[Watch]:
    return [
        *watch_api(api),
        *(watch for function in functions for watch in watch_function(function)),
        *watch_database(database),
        *watch_queues(queues),
        *watch_response_log(functions),
        *watch_admission(functions),
        *watch_moderation(functions),
    ]
