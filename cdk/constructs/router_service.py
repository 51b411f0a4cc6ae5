"""The door of a pool: an internal load balancer and two routers, each with a registrar beside it."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

import json
from collections.abc import Mapping

from aws_cdk import Duration
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk.config import PoolConfig
from cdk.images import router_image
from cdk.nag import acknowledge
from cdk.stacks.network import POOL_PORT, ROUTER_PORT

ROUTERS = 2
# The longest there is. vLLM says nothing while it reads a long prompt; a stream ends by the function's own limits.
_IDLE_TIMEOUT = Duration.seconds(4000)
# What the functions ask for. All else is the registrar's, which stands beside the router; what the router does not know it passes
# on to a worker, whose own admin routes are below /v1 too (gpu_workers/PROTOCOL.md).
_ROUTES = {"GET": ["/v1/models", "/health"], "POST": ["/v1/chat/completions", "/tokenize"]}
# Of the image, whose entrypoint it is (gpu_workers/router/Dockerfile).
_RUN = "/app/gpu_workers/router/run.sh"
_NOT_FOUND = {
    "error": {"message": "There is no such route.", "type": "invalid_request_error", "param": None, "code": "not_found"}
}


def _health_check(name: str) -> ecs.HealthCheck:
    return ecs.HealthCheck(
        command=["CMD", _RUN, name],
        start_period=Duration.seconds(30),
        interval=Duration.seconds(10),
        timeout=Duration.seconds(5),
        retries=3,
    )


class RouterService(Construct):
    """`balancer` takes what the functions send and passes on nothing but the four routes that they use."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        cluster: ecs.Cluster,
        pool: PoolConfig,
        turn_timeout_s: int,
        balancer_group: ec2.ISecurityGroup,
        security_groups: list[ec2.ISecurityGroup],
        registrar: Mapping[str, str],
        statements: list[iam.PolicyStatement],
        log_group: logs.ILogGroup,
    ) -> None:
        super().__init__(scope, name)
        self._cluster = cluster
        self._registrar, self._statements = registrar, statements
        self._private = ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
        logging = ecs.LogDriver.aws_logs(stream_prefix="routers", log_group=log_group)
        service = self._create_service(self._create_task(pool, logging), security_groups)
        self.balancer = self._create_balancer(balancer_group)
        self._forward_to(service, turn_timeout_s)

    def _create_task(self, pool: PoolConfig, logging: ecs.LogDriver) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            cpu=pool.router_cpu,
            memory_limit_mib=2 * pool.router_cpu,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.X86_64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        image = router_image()
        task.add_container(
            "router",
            image=image,
            essential=True,
            command=["router"],
            port_mappings=[ecs.PortMapping(container_port=ROUTER_PORT)],
            # It lets streams end on SIGTERM; the longest that Fargate gives.
            stop_timeout=Duration.seconds(120),
            # Two connections a stream, and run.sh takes 32,768 streams.
            ulimits=[ecs.Ulimit(name=ecs.UlimitName.NOFILE, soft_limit=131072, hard_limit=131072)],
            health_check=_health_check("router-health"),
            logging=logging,
        )
        task.add_container(
            "registrar",
            image=image,
            # Without it the router would go on with workers that are gone.
            essential=True,
            command=["registrar"],
            environment={"ROUTER_URL": f"http://127.0.0.1:{ROUTER_PORT}", **self._registrar},
            health_check=_health_check("registrar-health"),
            logging=logging,
        )
        for each in self._statements:
            task.add_to_task_role_policy(each)
        acknowledge(
            task,
            {
                "AwsSolutions-ECS2": "Names and addresses: the registrar signs in to Valkey with its role.",
                "AwsSolutions-IAM5[Resource::*]": (
                    "DiscoverInstances has no resource, and is held to the pool by conditions; "
                    "CDK's own: a token of ECR's is for no repository in particular."
                ),
            },
        )
        return task

    def _create_service(
        self, task: ecs.FargateTaskDefinition, security_groups: list[ec2.ISecurityGroup]
    ) -> ecs.FargateService:
        return ecs.FargateService(
            self,
            "Service",
            cluster=self._cluster,
            service_name="routers",
            task_definition=task,
            desired_count=ROUTERS,
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(enable=True, rollback=True),
            health_check_grace_period=Duration.seconds(60),
            security_groups=security_groups,
            vpc_subnets=self._private,
        )

    def _create_balancer(self, group: ec2.ISecurityGroup) -> elb.ApplicationLoadBalancer:
        balancer = elb.ApplicationLoadBalancer(
            self,
            "Balancer",
            vpc=self._cluster.vpc,
            vpc_subnets=self._private,
            internet_facing=False,
            security_group=group,
            idle_timeout=_IDLE_TIMEOUT,
            drop_invalid_header_fields=True,
        )
        acknowledge(
            balancer,
            {
                "AwsSolutions-ELB2": (
                    "Only our functions can reach it, and they log and trace each turn themselves: "
                    "another line for each would be paid for and say nothing new."
                )
            },
        )
        return balancer

    def _forward_to(self, service: ecs.FargateService, turn_timeout_s: int) -> None:
        routers = elb.ApplicationTargetGroup(
            self,
            "Routers",
            vpc=self._cluster.vpc,
            port=ROUTER_PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            target_type=elb.TargetType.IP,
            targets=[service.load_balancer_target(container_name="router", container_port=ROUTER_PORT)],
            # A router that is replaced ends its streams first: Fargate's own stop timeout is two minutes at most.
            deregistration_delay=Duration.seconds(turn_timeout_s),
            health_check=elb.HealthCheck(
                # Whether the router runs; /readiness fails while the pool has no worker, and would have it restarted for that.
                path="/liveness",
                interval=Duration.seconds(10),
                timeout=Duration.seconds(5),
                healthy_threshold_count=2,
                unhealthy_threshold_count=3,
            ),
        )
        listener = self.balancer.add_listener(
            "Http",
            port=POOL_PORT,
            protocol=elb.ApplicationProtocol.HTTP,
            # Who may come in is the network stack's to say.
            open=False,
            default_action=elb.ListenerAction.fixed_response(
                404, content_type="application/json", message_body=json.dumps(_NOT_FOUND)
            ),
        )
        for priority, (method, paths) in enumerate(_ROUTES.items(), start=1):
            listener.add_action(
                method.title(),
                priority=priority,
                conditions=[
                    elb.ListenerCondition.http_request_methods([method]),
                    elb.ListenerCondition.path_patterns(paths),
                ],
                action=elb.ListenerAction.forward([routers]),
            )
