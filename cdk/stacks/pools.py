"""What the pools of a stage share: the names they are found by."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from aws_cdk import Environment, Stack
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_servicediscovery as servicediscovery
from constructs import Construct

from cdk.config import StageConfig
from cdk.stacks.network import NetworkStack


class PoolsStack(Stack):
    """`zone` has the load balancers, by which the functions find a pool; `namespace` its workers, by which routers find them."""

    def __init__(
        self, scope: Construct, name: str, config: StageConfig, env: Environment, network: NetworkStack
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: names of the pools",
            termination_protection=config.retain_data,
        )
        # The functions' URLs follow from it (parley.models.catalogue).
        self.zone = route53.PrivateHostedZone(
            self, "Zone", zone_name=f"parley-{config.stage}.internal", vpc=network.vpc, comment="Pools of Parley"
        )
        # ECS registers tasks with their addresses only in a namespace that has DNS; nobody asks it by DNS.
        self.namespace = servicediscovery.PrivateDnsNamespace(
            self, "Namespace", name=f"parley-{config.stage}-pools", vpc=network.vpc, description="Workers of each pool"
        )
