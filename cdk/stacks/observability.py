"""Who hears of trouble, and one page that shows how it goes."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from collections.abc import Sequence

from aws_cdk import Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from cdk import moderation_metrics, pool_metrics, watches
from cdk.config import StageConfig
from cdk.constructs.alarms import add_alarms
from cdk.moderation_metrics import own_metric
from cdk.pool_metrics import PoolMetrics
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.pool import PoolStack

_DECISIONS = ("ReviewsApproved", "ReviewsUpheld", "ReviewsEscalated")


class ObservabilityStack(Stack):
    """Alarms on what exists, each with someone to tell and a runbook."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: StageConfig,
        env: Environment,
        *,
        data: DataStack,
        api: ApiStack,
        pools: Sequence[PoolStack],
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: alarms and dashboard",
            termination_protection=config.retain_data,
        )
        self._data, self._api, self._pools = data, api, pools
        self.topic = _create_topic(self, config)
        watched = watches.all_watches(
            api.api,
            api.functions,
            data.database,
            watches.Queues(data.turns, data.jobs, data.dead_letters, config.api.turn_timeout_s),
        )
        for each in pools:
            watched += watches.watch_pool(each.metrics, each.step_out)
        alarms = add_alarms(self, config.stage, watched, self.topic)
        self._create_dashboard(config, alarms)

    def _create_dashboard(self, config: StageConfig, alarms: list[cloudwatch.Alarm]) -> None:
        dashboard = cloudwatch.Dashboard(
            self,
            "Dashboard",
            dashboard_name=f"parley-{config.stage}",
            default_interval=Duration.hours(3),
        )
        api, data = self._api.api, self._data
        functions = [each.function for each in self._api.functions]
        dashboard.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=4))
        dashboard.add_widgets(
            _graph("Requests", [watches.api_metric(api, "Count", "Sum")]),
            _graph("Errors", [watches.api_metric(api, each, "Sum") for each in ("4XXError", "5XXError")]),
            _graph("Latency, ms", [watches.api_metric(api, "Latency", each) for each in ("p50", "p95", "p99")]),
        )
        dashboard.add_widgets(
            _graph("Concurrent executions", [_concurrency(each.function_name) for each in self._api.functions]),
            _graph("Function errors", [each.metric_errors(statistic="Sum") for each in functions]),
            _graph("Function duration p95, ms", [each.metric_duration(statistic="p95") for each in functions]),
        )
        pinned = "DatabaseConnectionsCurrentlySessionPinned"
        dashboard.add_widgets(
            _graph(
                "Connections",
                [
                    watches.database_metric(data.database, "DatabaseConnections", "Maximum"),
                    watches.proxy_metric(data.database, "ClientConnections", "Maximum"),
                    watches.proxy_metric(data.database, pinned, "Maximum"),
                ],
            ),
            _graph("Database CPU, %", [watches.database_metric(data.database, "CPUUtilization", "Maximum")]),
            _graph(
                "Jobs",
                [
                    data.turns.metric_approximate_age_of_oldest_message(statistic="Maximum"),
                    data.jobs.metric_approximate_age_of_oldest_message(statistic="Maximum"),
                    data.dead_letters.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                ],
            ),
        )
        dashboard.add_widgets(
            _graph(
                "Turns without room in their pool",
                [own_metric(self._api.chat, each) for each in ("TurnsShed", "TurnsDegraded")],
            )
        )
        for row in _moderation_rows(self._api):
            dashboard.add_widgets(*row)
        for pool in self._pools:
            dashboard.add_widgets(*_pool_row(pool.metrics))


def _moderation_rows(api: ApiStack) -> list[list[cloudwatch.GraphWidget]]:
    running = moderation_metrics.turn_functions(api.functions)
    shares = {
        "InputFlagged": "flagged, %",
        "InputBlocked": "blocked, %",
        "InputPii": "with personal data, %",
        "ModerationAway": "without a verdict, %",
    }
    counted = ("OutputFlagged", "OutputWithheld", "PiiRedacted")
    return [
        [
            _graph(
                "Moderation: turns by what was asked",
                [moderation_metrics.share_of_turns(running, name, label) for name, label in shares.items()],
            ),
            _graph("Moderation: answers", [own_metric(each, name) for name in counted for each in running]),
            _graph(
                "Moderation: time for a verdict p95, ms",
                [own_metric(api.chat, each, "p95") for each in ("KeywordsMs", "ClassifierMs")],
                right=[api.moderation.function.metric_duration(statistic="p95")],
            ),
        ],
        [
            _graph("Reviews: false positives a day, %", [moderation_metrics.false_positives(api.moderation)]),
            _graph(
                "Reviews: decisions and appeals a day",
                [
                    *(own_metric(api.moderation, each, period=Duration.days(1)) for each in _DECISIONS),
                    own_metric(api.history, "ReviewsAppealed", period=Duration.days(1)),
                ],
            ),
        ],
    ]


def _pool_row(metrics: PoolMetrics) -> list[cloudwatch.GraphWidget]:
    name = metrics.pool
    return [
        _graph(
            f"Pool {name}: requests a worker",
            [metrics.own(each, "Average") for each in (pool_metrics.WAITING, pool_metrics.RUNNING)],
        ),
        _graph(
            f"Pool {name}: first token p95, ms",
            [metrics.own(pool_metrics.TTFT_P95_MS, "Maximum")],
            right=[metrics.own(pool_metrics.KV_USE, "Average")],
        ),
        _graph(
            f"Pool {name}: workers",
            [
                metrics.tasks("DesiredTaskCount"),
                metrics.tasks("RunningTaskCount"),
                metrics.own(pool_metrics.READY_WORKERS, "Maximum"),
            ],
        ),
    ]


def _graph(
    title: str, metrics: Sequence[cloudwatch.IMetric], right: Sequence[cloudwatch.IMetric] = ()
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), right=list(right), width=8, height=6)


def _concurrency(function_name: str) -> cloudwatch.Metric:
    return cloudwatch.Metric(
        namespace="AWS/Lambda",
        metric_name="ConcurrentExecutions",
        dimensions_map={"FunctionName": function_name},
        statistic="Maximum",
    )


def _create_topic(stack: Stack, config: StageConfig) -> sns.Topic:
    key = kms.Key(
        stack,
        "Key",
        description="Parley: alarms on their way",
        enable_key_rotation=True,
        removal_policy=RemovalPolicy.DESTROY,
    )
    # CloudWatch may not use the key that AWS manages for SNS.
    key.grant_encrypt_decrypt(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    topic = sns.Topic(stack, "Alarms", display_name=f"Parley {config.stage}", master_key=key, enforce_ssl=True)
    topic.grant_publish(iam.ServicePrincipal("cloudwatch.amazonaws.com"))
    topic.add_subscription(subscriptions.EmailSubscription(config.alarms.email))
    return topic
