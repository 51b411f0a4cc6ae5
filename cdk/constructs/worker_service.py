"""The workers of a pool: vLLM on the pool's own instances, found by the registrars through Cloud Map."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

import json
import math
from dataclasses import dataclass

from aws_cdk import Aws, Duration, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

from cdk.catalogue import Model
from cdk.config import PoolConfig
from cdk.constructs.gpu_instances import SCRATCH, GpuInstances
from cdk.constructs.metrics_agent import add_metrics_agent
from cdk.images import worker_image
from cdk.nag import acknowledge
from cdk.stacks.network import READY_PORT, VLLM_PORT

# The entrypoint wants these between the end of its drain and ECS's SIGKILL (gpu_workers/vllm/settings.py).
_STOP_MARGIN_S = 20
# A spot notice comes two minutes before the instance goes, and takes ECS some seconds to act upon.
_SPOT_NOTICE_S = 110
_READY = f"import urllib.request as r; r.urlopen('http://127.0.0.1:{READY_PORT}/ready', timeout=4)"


@dataclass(frozen=True, slots=True)
class Weights:
    """What the workers load, and from which bucket."""

    bucket: str
    model: Model

    def paths(self) -> list[str]:
        return [self.model.path(), *self.model.adapter_paths().values()]

    def uri(self, path: str) -> str:
        return f"s3://{self.bucket}/{path}"

    def arn(self, path: str) -> str:
        """That of every object below it."""
        return f"arn:{Aws.PARTITION}:s3:::{self.bucket}/{path}/*"

    def statements(self) -> list[iam.PolicyStatement]:
        """Leave to read this model at this revision, its adapters, and nothing else of the store."""
        prefixes = [prefix for path in self.paths() for prefix in (path, f"{path}/*")]
        return [
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[self.arn(path) for path in self.paths()]),
            iam.PolicyStatement(
                actions=["s3:ListBucket"],
                resources=[f"arn:{Aws.PARTITION}:s3:::{self.bucket}"],
                conditions={"StringLike": {"s3:prefix": prefixes}},
            ),
        ]


class WorkerService(Construct):
    """One task a replica, each with as many GPUs as the model is split over."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        stage: str,
        instances: GpuInstances,
        pool: PoolConfig,
        weights: Weights,
        namespace: servicediscovery.INamespace,
        security_groups: list[ec2.ISecurityGroup],
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, name)
        self._stage, self._pool, self._weights = stage, pool, weights
        self._logging = ecs.LogDriver.aws_logs(stream_prefix="workers", log_group=log_group)
        task = self._create_task(log_group)
        self.service = ecs.Ec2Service(
            self,
            "Service",
            cluster=instances.cluster,
            service_name="workers",
            task_definition=task,
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider=instances.provider.capacity_provider_name, weight=1)
            ],
            # Full instances first, so that others can go.
            placement_strategies=[ecs.PlacementStrategy.packed_by_memory()],
            availability_zone_rebalancing=ecs.AvailabilityZoneRebalancing.DISABLED,
            desired_count=_desired_count(pool),
            security_groups=security_groups,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            min_healthy_percent=min_healthy_percent(pool.min_instances * pool.replicas_per_instance),
            # A new version takes the GPUs of the one before: there are no spare ones.
            max_healthy_percent=100,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            cloud_map_options=ecs.CloudMapOptions(
                name=weights.model.pool,
                cloud_map_namespace=namespace,
                # With the port among an instance's attributes.
                dns_record_type=servicediscovery.DnsRecordType.SRV,
                container_port=VLLM_PORT,
                dns_ttl=Duration.seconds(10),
            ),
        )
        self.service.node.add_dependency(instances.association)

    def _create_task(self, log_group: logs.ILogGroup) -> ecs.Ec2TaskDefinition:
        task = ecs.Ec2TaskDefinition(
            self,
            "Task",
            network_mode=ecs.NetworkMode.AWS_VPC,
            volumes=[ecs.Volume(name="weights", host=ecs.Host(source_path=SCRATCH))],
        )
        self._add_worker(task)
        for each in self._weights.statements():
            task.add_to_task_role_policy(each)
        add_metrics_agent(
            task, stage=self._stage, pool=self._weights.model.pool, log_group=log_group, logging=self._logging
        )
        self._acknowledge(task)
        return task

    def _add_worker(self, task: ecs.Ec2TaskDefinition) -> None:
        pool = self._pool
        worker = task.add_container(
            "vllm",
            image=worker_image(),
            gpu_count=pool.gpus_per_replica,
            # Shares and reservations, no limits: what an instance has beside its GPUs is its replicas' alone.
            cpu=2048,
            memory_reservation_mib=8192,
            environment=self._environment(),
            port_mappings=[ecs.PortMapping(container_port=VLLM_PORT), ecs.PortMapping(container_port=READY_PORT)],
            # The longest grace that ECS gives, and five minutes of failures more, to load weights and capture graphs.
            health_check=ecs.HealthCheck(
                command=["CMD", "python3", "-c", _READY],
                start_period=Duration.minutes(5),
                interval=Duration.seconds(30),
                timeout=Duration.seconds(5),
                retries=10,
            ),
            # NCCL passes tensors between a replica's GPUs through shared memory; Docker gives 64 MB.
            linux_parameters=ecs.LinuxParameters(self, "Linux", shared_memory_size=2048 * pool.gpus_per_replica),
            # A stream is two connections, and 1,024 files the default; the other two are what NVIDIA's images ask for.
            ulimits=[
                ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=65536, hard_limit=65536),
                ecs.Ulimit(name=ecs.UlimitName.MEMLOCK, soft_limit=-1, hard_limit=-1),
                ecs.Ulimit(name=ecs.UlimitName.STACK, soft_limit=67108864, hard_limit=67108864),
            ],
            stop_timeout=Duration.seconds(pool.stop_timeout_s),
            logging=self._logging,
        )
        worker.add_mount_points(ecs.MountPoint(source_volume="weights", container_path=SCRATCH, read_only=False))

    def _environment(self) -> dict[str, str]:
        """What gpu_workers/vllm reads."""
        model = self._weights.model
        adapters = {name: self._weights.uri(path) for name, path in model.adapter_paths().items()}
        return {
            "PROFILE": self._pool.profile,
            "MODEL_NAME": model.name,
            "MODEL_URI": self._weights.uri(model.path()),
            "ADAPTERS": json.dumps(adapters),
            "WEIGHTS_DIR": SCRATCH,
            # boto3 reads the one, other loaders of weights the other.
            "AWS_DEFAULT_REGION": Stack.of(self).region,
            "AWS_REGION": Stack.of(self).region,
            "DRAIN_TIMEOUT_S": str(drain_timeout_s(self._pool)),
        }

    def _acknowledge(self, task: ecs.Ec2TaskDefinition) -> None:
        bucket = json.dumps(Stack.of(self).resolve(self._weights.bucket), separators=(",", ":"))
        folders = [f"arn:<AWS::Partition>:s3:::{bucket}/{path}/*" for path in self._weights.paths()]
        acknowledge(
            task,
            {
                "AwsSolutions-ECS2": "Names of a model, a bucket and a profile, and the agent's configuration: no secrets.",
                "AwsSolutions-IAM5[Resource::*]": "CDK's own: a token of ECR's is for no repository in particular.",
                **{f"AwsSolutions-IAM5[Resource::{each}]": "A revision is a folder of objects." for each in folders},
            },
        )


def drain_timeout_s(pool: PoolConfig) -> int:
    """How long running streams may go on once a worker is told to stop."""
    stop_s = min(pool.stop_timeout_s, _SPOT_NOTICE_S) if pool.spot else pool.stop_timeout_s
    return max(stop_s - _STOP_MARGIN_S, 0)


def _desired_count(pool: PoolConfig) -> int | None:
    """None where there is a floor: a number would take a grown pool back to it at each deployment.

    Without a floor CloudFormation would start a worker, and with it an instance, that nobody asked for.
    """
    return None if pool.min_instances else 0


def min_healthy_percent(replicas: int) -> int:
    """What must stay up while a new version takes over: three quarters, and of few all but one; a single one must go first."""
    if replicas <= 1:
        return 0
    return min(75, 100 - math.ceil(100 / replicas))
