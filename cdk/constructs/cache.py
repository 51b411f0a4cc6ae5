"""Valkey in cluster mode on nodes of its own, with TLS, and users that sign in with IAM tokens: each function, the registrar."""

from aws_cdk import Stack
from aws_cdk import aws_elasticache as elasticache
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk.config import StageConfig
from cdk.nag import acknowledge
from cdk.retention import removal_policy
from cdk.stacks.network import VALKEY_PORT, NetworkStack

_VERSION = "8.2"
# What the client needs to find shards, and data commands; nothing that administers, nothing that looks at all keys.
_FIND_SHARDS = "-@dangerous -@admin +cluster|slots +cluster|shards +cluster|nodes +cluster|myid +info"
_FUNCTION = f"on ~* &* -@all +@read +@write +@connection +@transaction +@scripting +@pubsub {_FIND_SHARDS}"
# The registrar reads and writes the state of pools (`pool:fast`), and must never see a key of a user's.
_REGISTRAR = f"on ~pool:* -@all +get +set +@connection {_FIND_SHARDS}"
_ACCESS = {"chat": _FUNCTION, "jobs": _FUNCTION, "registrar": _REGISTRAR}


class Cache(Construct):
    """One replication group."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        config: StageConfig,
        network: NetworkStack,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, name)
        self._stack = Stack.of(self)
        self._stage = config.stage
        self.id = f"parley-{config.stage}"
        subnets = elasticache.CfnSubnetGroup(
            self,
            "Subnets",
            description="Isolated subnets",
            subnet_ids=[each.subnet_id for each in network.vpc.isolated_subnets],
        )
        group = self._create_users()
        cache = config.cache
        self._group = elasticache.CfnReplicationGroup(
            self,
            "Valkey",
            replication_group_id=self.id,
            replication_group_description="Response logs, limits and flags",
            engine="valkey",
            engine_version=_VERSION,
            cache_node_type=cache.node_type,
            cache_parameter_group_name="default.valkey8.cluster.on",
            cluster_mode="enabled",
            num_node_groups=cache.shards,
            replicas_per_node_group=cache.replicas_per_shard,
            # Cluster mode demands it, whether or not there is a replica to fail over to.
            automatic_failover_enabled=True,
            multi_az_enabled=cache.replicas_per_shard > 0,
            port=VALKEY_PORT,
            transit_encryption_enabled=True,
            transit_encryption_mode="required",
            at_rest_encryption_enabled=True,
            kms_key_id=key.key_arn,
            user_group_ids=[group.ref],
            cache_subnet_group_name=subnets.ref,
            security_group_ids=[network.cache.security_group_id],
            snapshot_retention_limit=cache.snapshot_days,
            auto_minor_version_upgrade=True,
        )
        self._group.apply_removal_policy(removal_policy(config))
        reasons = {
            "AwsSolutions-AEC6": "Users sign in with IAM tokens of 15 minutes; AUTH would be one password for all."
        }
        if not cache.replicas_per_shard:
            reasons["AwsSolutions-AEC4"] = "A development stage has no replica to put into a second zone."
        acknowledge(self._group, reasons)

    @property
    def url(self) -> str:
        return f"rediss://{self._group.attr_configuration_end_point_address}:{VALKEY_PORT}"

    def user_id(self, user: str) -> str:
        return f"parley-{self._stage}-{user}"

    def connect_statement(self, user: str) -> iam.PolicyStatement:
        """Leave to sign in to this group as that user: the action wants both named."""
        prefix = f"arn:{self._stack.partition}:elasticache:{self._stack.region}:{self._stack.account}"
        return iam.PolicyStatement(
            actions=["elasticache:Connect"],
            resources=[f"{prefix}:replicationgroup:{self.id}", f"{prefix}:user:{self.user_id(user)}"],
        )

    def _create_users(self) -> elasticache.CfnUserGroup:
        created = [self._create_user(each) for each in _ACCESS]
        return elasticache.CfnUserGroup(
            self, "Users", engine="valkey", user_group_id=self.id, user_ids=[each.ref for each in created]
        )

    def _create_user(self, user: str) -> elasticache.CfnUser:
        return elasticache.CfnUser(
            self,
            f"User{user.title()}",
            engine="valkey",
            user_id=self.user_id(user),
            # With IAM the two must be the same.
            user_name=self.user_id(user),
            authentication_mode={"Type": "iam"},
            access_string=_ACCESS[user],
        )
