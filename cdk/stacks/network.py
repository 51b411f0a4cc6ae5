"""The VPC and who may speak to whom in it. It outlives everything that runs inside."""

from aws_cdk import Environment, Stack
from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk.config import StageConfig
from cdk.lint import accept
from cdk.logs import create_log_group

POSTGRES_PORT = 5432
VALKEY_PORT = 6379
# Of a pool: its load balancer, its routers, and a worker's two (gpu_workers/PROTOCOL.md).
POOL_PORT = 80
ROUTER_PORT = 8080
VLLM_PORT = 8000
READY_PORT = 8001


class NetworkStack(Stack):
    """Three zones; public subnets hold nothing but NAT gateways, private ones the functions, isolated ones the data.

    A function's reach is the sum of the `*_clients` groups it is in: each allows one port to one place, and that place
    allows only them.
    """

    def __init__(self, scope: Construct, name: str, config: StageConfig, env: Environment) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: VPC, endpoints and security groups",
            termination_protection=config.retain_data,
        )
        self.vpc = _create_vpc(self, config)
        self.proxy = self._group("Proxy", "RDS Proxy")
        self.database = self._group("Database", "Postgres")
        self.cache = self._group("Cache", "Valkey")
        self.database_clients = self._group("DatabaseClients", "May reach RDS Proxy")
        self.cache_clients = self._group("CacheClients", "May reach Valkey")
        self.https_clients = self._group("HttpsClients", "May reach the issuer, other engines and AWS")
        self.pools = self._group("Pools", "Load balancers of the pools")
        self.routers = self._group("Routers", "Routers of the pools")
        self.workers = self._group("Workers", "vLLM")
        self.engine_clients = self._group("EngineClients", "May reach the load balancers of the pools")
        _allow(self.database_clients, self.proxy, POSTGRES_PORT)
        _allow(self.proxy, self.database, POSTGRES_PORT)
        _allow(self.cache_clients, self.cache, VALKEY_PORT)
        _allow(self.engine_clients, self.pools, POOL_PORT)
        _allow(self.pools, self.routers, ROUTER_PORT)
        _allow(self.routers, self.workers, VLLM_PORT)
        _allow(self.routers, self.workers, READY_PORT)
        self.https_clients.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(443), "TLS to anywhere")
        _add_endpoints(self, self.vpc, self.https_clients, interfaces=config.network.interface_endpoints)

    def _group(self, name: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description, allow_all_outbound=False)


def _create_vpc(stack: Stack, config: StageConfig) -> ec2.Vpc:
    flow_logs = create_log_group(stack, "FlowLogs", config.api.log_days)
    vpc = ec2.Vpc(
        stack,
        "Vpc",
        ip_addresses=ec2.IpAddresses.cidr("10.0.0.0/16"),
        # By name: asking AWS which zones there are would need an account at synth.
        availability_zones=config.network.availability_zones,
        nat_gateways=config.network.nat_gateways,
        subnet_configuration=[
            ec2.SubnetConfiguration(
                name="public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24, map_public_ip_on_launch=False
            ),
            # Each concurrent execution may need an address at its worst; the pools live here too.
            ec2.SubnetConfiguration(name="private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS, cidr_mask=19),
            ec2.SubnetConfiguration(name="isolated", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED, cidr_mask=24),
        ],
        flow_logs={
            "Rejected": ec2.FlowLogOptions(
                destination=ec2.FlowLogDestination.to_cloud_watch_logs(flow_logs),
                traffic_type=ec2.FlowLogTrafficType.REJECT,
            )
        },
        gateway_endpoints={"S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3)},
        # Nothing is in the default group; emptying it takes a function of CDK's with rights over security groups.
        restrict_default_security_group=False,
    )
    accept(
        vpc, "AWS::EC2::Subnet", {"W3010": "Zones are chosen in the stage's file: not every zone has every machine."}
    )
    return vpc


def _allow(client: ec2.SecurityGroup, server: ec2.SecurityGroup, port: int) -> None:
    server.connections.allow_from(client, ec2.Port.tcp(port))


def _add_endpoints(stack: Stack, vpc: ec2.Vpc, clients: ec2.SecurityGroup, *, interfaces: bool) -> None:
    """What is called often enough to be cheaper than the NAT. ECS is not: its agents, telemetry and Cloud Map say a few MB an
    hour, cents through the NAT, where an endpoint is $22 a month over three zones.

    Lambda is: each turn asks the moderation function, some 4 KB with signature and scores. At $0.035 a GB less than through the
    NAT that pays from 60 turns/s on average, and below it a verdict does not hang on a NAT gateway.
    """
    if not interfaces:
        return
    group = ec2.SecurityGroup(stack, "Endpoints", vpc=vpc, description="Private ways to AWS", allow_all_outbound=False)
    group.add_ingress_rule(clients, ec2.Port.tcp(443), "Functions")
    services = {
        "SecretsManager": ec2.InterfaceVpcEndpointAwsService.SECRETS_MANAGER,
        "Sqs": ec2.InterfaceVpcEndpointAwsService.SQS,
        "Lambda": ec2.InterfaceVpcEndpointAwsService.LAMBDA_,
        "Logs": ec2.InterfaceVpcEndpointAwsService.CLOUDWATCH_LOGS,
        "EcrApi": ec2.InterfaceVpcEndpointAwsService.ECR,
        "EcrDocker": ec2.InterfaceVpcEndpointAwsService.ECR_DOCKER,
    }
    for name, service in services.items():
        # open=False: by default an endpoint lets the whole VPC in.
        vpc.add_interface_endpoint(name, service=service, security_groups=[group], open=False)
