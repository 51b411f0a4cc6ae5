"""What a pool says of itself in CloudWatch, and who says it."""

from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE = "Parley/Pools"
# vLLM's own gauges, published by the agent beside each worker; an average over a pool is one over its workers.
WAITING = "vllm:num_requests_waiting"
RUNNING = "vllm:num_requests_running"
KV_USE = "vllm:kv_cache_usage_perc"
# The registrars' (gpu_workers/router), which read vLLM's histogram: the agent drops what is a histogram.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/ContainerInsights-Prometheus-metrics-conversion.html
TTFT_P95_MS = "TtftP95Ms"
READY_WORKERS = "ReadyWorkers"
_MINUTE = Duration.minutes(1)


@dataclass(frozen=True, slots=True)
class PoolMetrics:
    """`cluster` and `service` name the workers' ECS service."""

    stage: str
    pool: str
    cluster: str
    service: str

    def own(self, name: str, statistic: str) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"stage": self.stage, "pool": self.pool},
            statistic=statistic,
            period=_MINUTE,
        )

    def tasks(self, name: str) -> cloudwatch.Metric:
        """Of Container Insights: DesiredTaskCount, RunningTaskCount."""
        return cloudwatch.Metric(
            namespace="ECS/ContainerInsights",
            metric_name=name,
            dimensions_map={"ClusterName": self.cluster, "ServiceName": self.service},
            statistic="Average",
            period=_MINUTE,
        )

    def without_worker(self) -> cloudwatch.MathExpression:
        """1 while workers are wanted and none is ready, also when no registrar is left to say so."""
        return cloudwatch.MathExpression(
            expression="IF(desired > 0 AND FILL(ready, 0) < 1, 1, 0)",
            using_metrics={"desired": self.tasks("DesiredTaskCount"), "ready": self.own(READY_WORKERS, "Maximum")},
            label="Workers wanted and none ready",
            period=_MINUTE,
        )

    def missing_workers(self) -> cloudwatch.MathExpression:
        return cloudwatch.MathExpression(
            expression="desired - running",
            using_metrics={"desired": self.tasks("DesiredTaskCount"), "running": self.tasks("RunningTaskCount")},
            label="Workers that do not run",
            period=_MINUTE,
        )
