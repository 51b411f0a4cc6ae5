"""The CloudWatch agent beside a worker: vLLM's gauges become the pool's metrics."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

import json

from aws_cdk import Stack
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs

from cdk.pool_metrics import KV_USE, NAMESPACE, RUNNING, WAITING
from cdk.stacks.network import VLLM_PORT

# https://gallery.ecr.aws/cloudwatch-agent/cloudwatch-agent
_IMAGE = "public.ecr.aws/cloudwatch-agent/cloudwatch-agent:1.300064.1b1344"
_JOB = "vllm"
_GAUGES = (WAITING, RUNNING, KV_USE)


def add_metrics_agent(
    task: ecs.TaskDefinition, *, stage: str, pool: str, log_group: logs.ILogGroup, logging: ecs.LogDriver
) -> ecs.ContainerDefinition:
    """It reads from the worker beside it and writes its records into `log_group`, where CloudWatch finds the metrics."""
    task.add_to_task_role_policy(
        iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn])
    )
    return task.add_container(
        "agent",
        image=ecs.ContainerImage.from_registry(_IMAGE),
        # A worker without metrics still serves; a metric that stays away is seen by the alarms.
        essential=False,
        cpu=64,
        memory_reservation_mib=128,
        environment={
            # It would ask the instance, whose metadata are closed to tasks.
            "AWS_REGION": Stack.of(task).region,
            "CW_CONFIG_CONTENT": Stack.of(task).to_json_string(_agent_config(log_group.log_group_name)),
            "PROMETHEUS_CONFIG_CONTENT": json.dumps(_scrape_config(stage, pool)),
        },
        logging=logging,
    )


def _agent_config(log_group: str) -> dict[str, object]:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Agent-PrometheusEC2.html"""
    declaration = {
        "source_labels": ["job"],
        "label_matcher": f"^{_JOB}$",
        "dimensions": [["stage", "pool"]],
        "metric_selectors": [f"^{name}$" for name in _GAUGES],
    }
    prometheus = {
        "log_group_name": log_group,
        "prometheus_config_path": "env:PROMETHEUS_CONFIG_CONTENT",
        "emf_processor": {"metric_namespace": NAMESPACE, "metric_declaration": [declaration]},
    }
    return {"logs": {"force_flush_interval": 5, "metrics_collected": {"prometheus": prometheus}}}


def _scrape_config(stage: str, pool: str) -> dict[str, object]:
    """Prometheus' own format, of which JSON is a part."""
    return {
        # Four values a minute: the shortest that an alarm of one minute is not the luck of one moment.
        "global": {"scrape_interval": "15s", "scrape_timeout": "5s"},
        "scrape_configs": [
            {
                "job_name": _JOB,
                "static_configs": [{"targets": [f"127.0.0.1:{VLLM_PORT}"], "labels": {"stage": stage, "pool": pool}}],
                # What is not kept here would be a log line all the same.
                "metric_relabel_configs": [
                    {"source_labels": ["__name__"], "regex": "|".join(_GAUGES), "action": "keep"}
                ],
            }
        ],
    }
