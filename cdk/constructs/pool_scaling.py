"""How many workers a pool has: as many as its running requests want, and more as soon as some wait or memory fills."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from aws_cdk import Aws, Duration
from aws_cdk import aws_applicationautoscaling as appscaling
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.config import PoolConfig
from cdk.pool_metrics import KV_USE, RUNNING, WAITING, PoolMetrics

# Between two steps out: an instance takes longer to serve, so a burst asks for a few before the first one helps.
_OUT = Duration.minutes(3)
_IN = Duration.minutes(15)
# Admission shuts a pool at 4 waiting a worker and opens it below 2 (gpu_workers/router), so no minute's mean is far over 3.
_LONG_QUEUE = 3


class PoolScaling(Construct):
    """The instances follow the workers, which the capacity provider sees to.

    A step is as many workers as an instance holds: the first of them pays for all of it. `step_out` takes it for an alarm.
    """

    def __init__(
        self, scope: Construct, name: str, *, pool: PoolConfig, service: ecs.Ec2Service, metrics: PoolMetrics
    ) -> None:
        super().__init__(scope, name)
        self._step = pool.replicas_per_instance
        self._target = appscaling.ScalableTarget(
            self,
            "Workers",
            service_namespace=appscaling.ServiceNamespace.ECS,
            role=self._find_role(),
            resource_id=f"service/{service.cluster.cluster_name}/{service.service_name}",
            scalable_dimension="ecs:service:DesiredCount",
            min_capacity=pool.min_instances * self._step,
            max_capacity=pool.max_instances * self._step,
        )
        self._follow_running(pool, metrics)
        self._grow_with_queue(pool, metrics)
        self._grow_with_memory(pool, metrics)
        self._keep_floors(pool)
        self.step_out = self._create_step("FirstToken")
        self.step_out.add_adjustment(adjustment=self._step, lower_bound=0)

    def _find_role(self) -> iam.IRole:
        """AWS's own, which it uses whatever is named here; CDK would make an empty one."""
        service = "ecs.application-autoscaling.amazonaws.com"
        role = f"aws-service-role/{service}/AWSServiceRoleForApplicationAutoScaling_ECSService"
        return iam.Role.from_role_arn(self, "Role", f"arn:{Aws.PARTITION}:iam::{Aws.ACCOUNT_ID}:role/{role}")

    def _create_step(self, name: str) -> appscaling.StepScalingAction:
        return appscaling.StepScalingAction(
            self,
            name,
            scaling_target=self._target,
            adjustment_type=appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
            cooldown=_OUT,
            metric_aggregation_type=appscaling.MetricAggregationType.AVERAGE,
        )

    def _follow_running(self, pool: PoolConfig, metrics: PoolMetrics) -> None:
        """The one that takes workers away. It sees a full pool as full, however short the queue that admission leaves it."""
        self._target.scale_to_track_metric(
            "Running",
            custom_metric=metrics.own(RUNNING, "Average"),
            target_value=pool.target_running_per_replica,
            scale_out_cooldown=_OUT,
            scale_in_cooldown=_IN,
        )

    def _grow_with_queue(self, pool: PoolConfig, metrics: PoolMetrics) -> None:
        """One minute of a queue is enough; a queue three times as long asks for two instances."""
        limit = pool.scale_out_waiting_per_replica
        self._target.scale_on_metric(
            "Waiting",
            metric=metrics.own(WAITING, "Average"),
            scaling_steps=[
                appscaling.ScalingInterval(lower=limit, upper=_LONG_QUEUE * limit, change=self._step),
                appscaling.ScalingInterval(lower=_LONG_QUEUE * limit, change=2 * self._step),
            ],
            adjustment_type=appscaling.AdjustmentType.CHANGE_IN_CAPACITY,
            cooldown=_OUT,
            evaluation_periods=1,
        )

    def _grow_with_memory(self, pool: PoolConfig, metrics: PoolMetrics) -> None:
        """A cache that fills is a queue to come; one with room says nothing, as it has that on a full pool of short turns."""
        self._target.scale_to_track_metric(
            "KvUse",
            custom_metric=metrics.own(KV_USE, "Average"),
            target_value=pool.scale_out_kv_use,
            scale_out_cooldown=_OUT,
            disable_scale_in=True,
        )

    def _keep_floors(self, pool: PoolConfig) -> None:
        for index, floor in enumerate(pool.schedule):
            self._target.scale_on_schedule(
                f"Floor{index}",
                schedule=appscaling.Schedule.expression(f"cron({floor.cron})"),
                min_capacity=floor.min_instances * self._step,
            )
