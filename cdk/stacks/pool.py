"""One pool: instances with GPUs, vLLM on them, and the routers before it. It holds nothing that cannot be made again."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from dataclasses import dataclass

from aws_cdk import Environment, Fn, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_route53_targets as targets
from constructs import Construct

from cdk.catalogue import Model
from cdk.config import StageConfig
from cdk.constructs.gpu_instances import GpuInstances
from cdk.constructs.pool_scaling import PoolScaling
from cdk.constructs.router_service import RouterService
from cdk.constructs.worker_service import Weights, WorkerService
from cdk.logs import create_log_group
from cdk.pool_metrics import PoolMetrics
from cdk.stacks.data import DataStack
from cdk.stacks.model_store import ModelStoreStack
from cdk.stacks.network import NetworkStack
from cdk.stacks.pools import PoolsStack


@dataclass(frozen=True, slots=True)
class PoolParts:
    """What a pool stands on."""

    network: NetworkStack
    data: DataStack
    store: ModelStoreStack
    pools: PoolsStack


class PoolStack(Stack):
    """The pool that serves `model`, in a cluster of its own: what a cluster's instances are is one list for all who use it."""

    def __init__(
        self, scope: Construct, name: str, config: StageConfig, env: Environment, *, model: Model, parts: PoolParts
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description=f"Parley: the pool {model.pool}, which serves {model.name}",
            termination_protection=config.retain_data,
        )
        self.pool = config.pools[model.pool]
        self._config, self._model, self._parts = config, model, parts
        self._logs = create_log_group(self, "Logs", config.api.log_days, f"/parley/{config.stage}/pool/{model.pool}")
        self._cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=f"parley-{config.stage}-{model.pool}",
            vpc=parts.network.vpc,
            # Tells how many workers are wanted, and how many run.
            container_insights_v2=ecs.ContainerInsights.ENABLED,
        )
        service = self._create_workers()
        self.metrics = PoolMetrics(config.stage, model.pool, self._cluster.cluster_name, service.service_name)
        scaling = PoolScaling(self, "Scaling", pool=self.pool, service=service, metrics=self.metrics)
        self.step_out = scaling.step_out
        self._create_routers()

    def _create_workers(self) -> ecs.Ec2Service:
        network = self._parts.network
        https = self._frozen("InstanceGroup", network.https_clients)
        instances = GpuInstances(self, "Instances", cluster=self._cluster, pool=self.pool, security_group=https)
        workers = WorkerService(
            self,
            "Workers",
            stage=self._config.stage,
            instances=instances,
            pool=self.pool,
            weights=Weights(self._find_bucket(), self._model),
            namespace=self._parts.pools.namespace,
            security_groups=[self._frozen("WorkerGroup", network.workers), https],
            log_group=self._logs,
        )
        return workers.service

    def _find_bucket(self) -> str:
        """By the output's own name: the name that CDK makes up for a reference is not to be known before it is written."""
        store = self._parts.store
        self.add_stack_dependency(store)
        return Fn.get_stack_output(store.stack_name, "ModelBucket")

    def _create_routers(self) -> None:
        network = self._parts.network
        routers = RouterService(
            self,
            "Routers",
            cluster=self._cluster,
            pool=self.pool,
            turn_timeout_s=self._config.api.turn_timeout_s,
            balancer_group=self._frozen("BalancerGroup", network.pools),
            security_groups=[
                self._frozen("RouterGroup", network.routers),
                self._frozen("CacheGroup", network.cache_clients),
                self._frozen("HttpsGroup", network.https_clients),
            ],
            registrar=self._registrar(),
            statements=[self._parts.data.cache.connect_statement("registrar"), self._discover_statement()],
            log_group=self._logs,
        )
        route53.ARecord(
            self,
            "Name",
            zone=self._parts.pools.zone,
            record_name=self._model.pool,
            target=route53.RecordTarget.from_alias(targets.LoadBalancerTarget(routers.balancer)),
        )

    def _registrar(self) -> dict[str, str]:
        """What gpu_workers/router reads."""
        cache = self._parts.data.cache
        return {
            "STAGE": self._config.stage,
            "POOL": self._model.pool,
            "CLOUD_MAP_NAMESPACE": self._parts.pools.namespace.namespace_name,
            "CLOUD_MAP_SERVICE": self._model.pool,
            "VALKEY_URL": cache.url,
            "VALKEY_IAM_USER": cache.user_id("registrar"),
            "VALKEY_CLUSTER_NAME": cache.id,
            "AWS_REGION": self.region,
        }

    def _discover_statement(self) -> iam.PolicyStatement:
        """Leave to list this pool's workers. The action has no resource, only these two conditions:
        https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscloudmap.html
        """
        return iam.PolicyStatement(
            actions=["servicediscovery:DiscoverInstances"],
            resources=["*"],
            conditions={
                "StringEquals": {
                    "servicediscovery:NamespaceName": self._parts.pools.namespace.namespace_name,
                    "servicediscovery:ServiceName": self._model.pool,
                }
            },
        )

    def _frozen(self, name: str, group: ec2.SecurityGroup) -> ec2.ISecurityGroup:
        """The group as it is: CDK would write rules of its own into the network stack."""
        return ec2.SecurityGroup.from_security_group_id(self, name, group.security_group_id, mutable=False)
