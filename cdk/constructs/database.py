"""Postgres behind RDS Proxy. Every login signs in with an IAM token, the owner who migrates included: there is no password.

The owner could not keep one: on RDS a member of `rds_iam` signs in by token only, and whoever makes a role is a member of it.
"""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from aws_cdk import Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from constructs import Construct

from cdk.config import StageConfig
from cdk.lint import accept
from cdk.nag import acknowledge
from cdk.retention import removal_policy
from cdk.stacks.network import POSTGRES_PORT, NetworkStack

_VERSION = "18.6"
_NAME = "parley"
OWNER = "parley_owner"
# Those of the migrations that sign in; what each may see is theirs to say.
ROLES = ("parley_app", "parley_jobs", "parley_auth", "parley_review")
# Amazon's roots, in the core layer: the proxy's certificate is one of ACM's.
_ROOTS = "/opt/python/parley/kit/amazon_roots.pem"


class Database(Construct):
    """A writer, in production with two readable standbys in other zones, and the proxy that everything goes through."""

    def __init__(
        self, scope: Construct, name: str, *, config: StageConfig, network: NetworkStack, key: kms.IKey
    ) -> None:
        super().__init__(scope, name)
        self._stack = Stack.of(self)
        self.id = f"parley-{config.stage}"
        self.is_cluster = config.database.multi_az_cluster
        self.max_connections = config.database.max_connections
        subnets = rds.CfnDBSubnetGroup(
            self,
            "Subnets",
            db_subnet_group_description="Isolated subnets",
            subnet_ids=[each.subnet_id for each in network.vpc.isolated_subnets],
        )
        create = self._create_cluster if self.is_cluster else self._create_instance
        resource_id = create(config, network, key, subnets)
        self.proxy = self._create_proxy(network, resource_id)
        self.reader = self._create_reader(network) if self.is_cluster else None

    @property
    def metric_dimensions(self) -> dict[str, str]:
        return {"DBClusterIdentifier" if self.is_cluster else "DBInstanceIdentifier": self.id}

    def url(self, role: str) -> str:
        """For libpq, through the proxy to the writer."""
        return _url(role, self.proxy.attr_endpoint)

    def reader_url(self, role: str) -> str | None:
        """To the standbys; None where there are none."""
        return _url(role, self.reader.attr_endpoint) if self.reader else None

    def connect_statement(self, role: str) -> iam.PolicyStatement:
        """Leave to sign in as that role and no other."""
        proxy_id = Fn.select(6, Fn.split(":", self.proxy.attr_db_proxy_arn))
        return iam.PolicyStatement(actions=["rds-db:connect"], resources=[self._user_arn(proxy_id, role)])

    def _user_arn(self, resource_id: str, role: str) -> str:
        stack = self._stack
        return f"arn:{stack.partition}:rds-db:{stack.region}:{stack.account}:dbuser:{resource_id}/{role}"

    def _parameters(self, config: StageConfig) -> dict[str, str]:
        return {
            "rds.force_ssl": "1",
            "max_connections": str(config.database.max_connections),
            # A statement of a turn takes milliseconds; one that takes a second is worth a line, without its values.
            "log_min_duration_statement": "1000",
            "log_parameter_max_length": "0",
            "log_parameter_max_length_on_error": "0",
            "idle_in_transaction_session_timeout": "60000",
        }

    def _create_cluster(
        self, config: StageConfig, network: NetworkStack, key: kms.IKey, subnets: rds.CfnDBSubnetGroup
    ) -> str:
        parameters = rds.CfnDBClusterParameterGroup(
            self, "Parameters", family="postgres18", description="Parley", parameters=self._parameters(config)
        )
        cluster = rds.CfnDBCluster(
            self,
            "Cluster",
            db_cluster_identifier=self.id,
            engine="postgres",
            engine_version=_VERSION,
            db_cluster_instance_class=config.database.instance_class,
            storage_type="gp3",
            allocated_storage=config.database.storage_gb,
            iops=config.database.iops,
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            database_name=_NAME,
            master_username=OWNER,
            master_user_authentication_type="iam-db-auth",
            enable_iam_database_authentication=True,
            port=POSTGRES_PORT,
            db_subnet_group_name=subnets.ref,
            vpc_security_group_ids=[network.database.security_group_id],
            db_cluster_parameter_group_name=parameters.ref,
            backup_retention_period=config.database.backup_days,
            copy_tags_to_snapshot=True,
            deletion_protection=config.retain_data,
            auto_minor_version_upgrade=True,
            performance_insights_enabled=True,
            performance_insights_retention_period=7,
            enable_cloudwatch_logs_exports=["postgresql"],
        )
        # cfn-lint has this as Aurora's alone; RDS's own model says "Aurora DB clusters and Multi-AZ DB clusters"
        # (botocore, rds 2014-10-31, CreateDBCluster.EnableIAMDatabaseAuthentication).
        accept(
            cluster,
            "AWS::RDS::DBCluster",
            {"E3692": "IAM sign-in is for Multi-AZ DB clusters too, says RDS's own model."},
        )
        cluster.apply_removal_policy(removal_policy(config))
        port = (
            "Postgres listens on its own port: a port that is not the usual one keeps nobody out of isolated subnets."
        )
        acknowledge(cluster, {"AwsSolutions-RDS11": port})
        self._cluster, self._instance = cluster, None
        return cluster.attr_db_cluster_resource_id

    def _create_instance(
        self, config: StageConfig, network: NetworkStack, key: kms.IKey, subnets: rds.CfnDBSubnetGroup
    ) -> str:
        parameters = rds.CfnDBParameterGroup(
            self, "Parameters", family="postgres18", description="Parley", parameters=self._parameters(config)
        )
        instance = rds.CfnDBInstance(
            self,
            "Instance",
            db_instance_identifier=self.id,
            engine="postgres",
            engine_version=_VERSION,
            db_instance_class=config.database.instance_class,
            storage_type="gp3",
            allocated_storage=str(config.database.storage_gb),
            storage_encrypted=True,
            kms_key_id=key.key_arn,
            db_name=_NAME,
            master_username=OWNER,
            master_user_authentication_type="iam-db-auth",
            enable_iam_database_authentication=True,
            port=str(POSTGRES_PORT),
            db_subnet_group_name=subnets.ref,
            vpc_security_groups=[network.database.security_group_id],
            db_parameter_group_name=parameters.ref,
            backup_retention_period=config.database.backup_days,
            copy_tags_to_snapshot=True,
            delete_automated_backups=not config.retain_data,
            deletion_protection=config.retain_data,
            publicly_accessible=False,
            multi_az=False,
            auto_minor_version_upgrade=True,
            enable_cloudwatch_logs_exports=["postgresql"],
        )
        instance.apply_removal_policy(removal_policy(config))
        cheap = "A development stage is deleted and made again at will; only production keeps data and standbys."
        port = (
            "Postgres listens on its own port: a port that is not the usual one keeps nobody out of isolated subnets."
        )
        acknowledge(instance, {"AwsSolutions-RDS3": cheap, "AwsSolutions-RDS10": cheap, "AwsSolutions-RDS11": port})
        self._cluster, self._instance = None, instance
        return instance.attr_dbi_resource_id

    def _create_proxy(self, network: NetworkStack, resource_id: str) -> rds.CfnDBProxy:
        role = iam.Role(
            self,
            "ProxyRole",
            assumed_by=iam.ServicePrincipal("rds.amazonaws.com"),
            inline_policies={
                "connect": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["rds-db:connect"],
                            resources=[self._user_arn(resource_id, each) for each in (OWNER, *ROLES)],
                        ),
                    ]
                )
            },
        )
        proxy = rds.CfnDBProxy(
            self,
            "Proxy",
            db_proxy_name=self.id,
            engine_family="POSTGRESQL",
            role_arn=role.role_arn,
            require_tls=True,
            # Tokens from function to proxy and from proxy to database.
            default_auth_scheme="IAM_AUTH",
            idle_client_timeout=1800,
            vpc_subnet_ids=[each.subnet_id for each in network.vpc.isolated_subnets],
            vpc_security_group_ids=[network.proxy.security_group_id],
        )
        targets = rds.CfnDBProxyTargetGroup(
            self,
            "Targets",
            db_proxy_name=proxy.ref,
            target_group_name="default",
            db_cluster_identifiers=[self._cluster.ref] if self._cluster else None,
            db_instance_identifiers=[self._instance.ref] if self._instance else None,
            connection_pool_configuration_info=rds.CfnDBProxyTargetGroup.ConnectionPoolConfigurationInfoFormatProperty(
                max_connections_percent=90,
                max_idle_connections_percent=20,
                # A turn that gets no connection is refused soon, not queued.
                connection_borrow_timeout=2,
            ),
        )
        targets.node.add_dependency(role)
        return proxy

    def _create_reader(self, network: NetworkStack) -> rds.CfnDBProxyEndpoint:
        return rds.CfnDBProxyEndpoint(
            self,
            "Reader",
            db_proxy_name=self.proxy.ref,
            db_proxy_endpoint_name=f"{self.id}-reader",
            target_role="READ_ONLY",
            vpc_subnet_ids=[each.subnet_id for each in network.vpc.isolated_subnets],
            vpc_security_group_ids=[network.proxy.security_group_id],
        )


def _url(role: str, host: str) -> str:
    return f"postgresql://{role}@{host}:{POSTGRES_PORT}/{_NAME}?sslmode=verify-full&sslrootcert={_ROOTS}"
