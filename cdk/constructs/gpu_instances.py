"""The instances of a pool: they come and go as its workers need GPUs."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from pathlib import Path

from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk.config import PoolConfig
from cdk.nag import acknowledge

# Where an instance keeps what it may lose: NVMe of its own where it has any.
SCRATCH = "/mnt/weights"
_PREPARE_DISKS = Path(__file__).with_name("gpu_instance.sh")
# An instance with GPUs takes minutes to boot and to pull an image of 10 GB. [estimated: no instance was ever booted]
_WARM_UP_S = 600


class GpuInstances(Construct):
    """One group of one type, and the capacity provider that sizes it by what waits for a GPU."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        cluster: ecs.Cluster,
        pool: PoolConfig,
        security_group: ec2.ISecurityGroup,
    ) -> None:
        super().__init__(scope, name)
        template = self._create_template(cluster, pool, security_group)
        self.group = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=cluster.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            launch_template=template,
            # The floor is one of workers (cdk/constructs/pool_scaling.py): an instance without one would idle, fully paid.
            min_capacity=0,
            max_capacity=pool.max_instances,
        )
        self.provider = ecs.AsgCapacityProvider(
            self,
            "Provider",
            auto_scaling_group=self.group,
            enable_managed_scaling=True,
            target_capacity_percent=100,
            # An instance that still runs a worker is not taken away, and one that goes is drained first.
            enable_managed_termination_protection=True,
            enable_managed_draining=True,
            instance_warmup_period=_WARM_UP_S,
        )
        # Not by `add_asg_capacity_provider`, whose association nothing can wait for: a service that is made before it fails.
        self.association = ecs.CfnClusterCapacityProviderAssociations(
            self,
            "Association",
            cluster=cluster.cluster_name,
            capacity_providers=[self.provider.capacity_provider_name],
            default_capacity_provider_strategy=[],
        )
        # So that CDK knows of it too.
        self.cluster = ecs.Cluster.from_cluster_attributes(
            self,
            "Cluster",
            cluster_name=cluster.cluster_name,
            cluster_arn=cluster.cluster_arn,
            vpc=cluster.vpc,
            has_ec2_capacity=True,
        )
        acknowledge(
            self.group,
            {"AwsSolutions-AS3": "Who scales it is ECS; what it cannot get is an alarm of the pool (pool-capacity)."},
        )

    def _create_template(
        self, cluster: ecs.Cluster, pool: PoolConfig, security_group: ec2.ISecurityGroup
    ) -> ec2.LaunchTemplate:
        return ec2.LaunchTemplate(
            self,
            "Template",
            instance_type=ec2.InstanceType(pool.instance_type),
            # Read at deployment, out of AWS's public parameter: no account is needed to synthesise.
            machine_image=ecs.EcsOptimizedImage.amazon_linux2023(ecs.AmiHardwareType.GPU),
            role=self._create_role(cluster),
            security_group=security_group,
            user_data=_create_user_data(cluster, pool),
            http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
            http_put_response_hop_limit=1,
            block_devices=[
                ec2.BlockDevice(
                    device_name="/dev/xvda",
                    volume=ec2.BlockDeviceVolume.ebs(
                        200,
                        encrypted=True,
                        volume_type=ec2.EbsDeviceVolumeType.GP3,
                        iops=3000,
                        # MB/s. Unpacking the image is what a new instance waits for.
                        throughput=500,
                    ),
                )
            ],
            detailed_monitoring=True,
            spot_options=ec2.LaunchTemplateSpotOptions(request_type=ec2.SpotRequestType.ONE_TIME)
            if pool.spot
            else None,
        )

    def _create_role(self, cluster: ecs.Cluster) -> iam.Role:
        """What the ECS agent does. Images are pulled, and logs written, by the tasks' own roles."""
        statements = [
            iam.PolicyStatement(
                actions=[
                    "ecs:DeregisterContainerInstance",
                    "ecs:RegisterContainerInstance",
                    "ecs:SubmitAttachmentStateChanges",
                    "ecs:SubmitContainerStateChange",
                    "ecs:SubmitTaskStateChange",
                ],
                resources=[cluster.cluster_arn],
            ),
            iam.PolicyStatement(
                actions=["ecs:Poll", "ecs:StartTelemetrySession", "ecs:UpdateContainerInstancesState"],
                resources=["*"],
                conditions={"ArnEquals": {"ecs:cluster": cluster.cluster_arn}},
            ),
            # It asks where ECS is; AWS has nothing to narrow that by.
            iam.PolicyStatement(actions=["ecs:DiscoverPollEndpoint"], resources=["*"]),
        ]
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            inline_policies={"agent": iam.PolicyDocument(statements=statements)},
        )
        reason = "Instances do not exist yet: a condition holds them to the pool's cluster. Asking where ECS is has no resource."
        acknowledge(role, {"AwsSolutions-IAM5[Resource::*]": reason})
        return role


def _create_user_data(cluster: ecs.Cluster, pool: PoolConfig) -> ec2.UserData:
    data = ec2.UserData.for_linux()
    settings = {
        "ECS_CLUSTER": cluster.cluster_name,
        # A task has a role of its own, and no business with the instance's.
        "ECS_AWSVPC_BLOCK_IMDS": "true",
        "ECS_ENABLE_GPU_SUPPORT": "true",
        # A spot notice drains the instance: its workers get SIGTERM, and two minutes.
        "ECS_ENABLE_SPOT_INSTANCE_DRAINING": "true",
        "ECS_CONTAINER_STOP_TIMEOUT": f"{pool.stop_timeout_s}s",
        # Both images are named by what is in them.
        "ECS_IMAGE_PULL_BEHAVIOR": "prefer-cached",
    }
    data.add_commands(
        *(f"echo {name}={value} >>/etc/ecs/ecs.config" for name, value in settings.items()),
        "cat >/run/prepare-disks.sh <<'END'",
        _PREPARE_DISKS.read_text().rstrip(),
        "END",
        # Slower weights are better than no instance.
        f"sh /run/prepare-disks.sh || echo '{SCRATCH} is on the root disk' >&2",
    )
    return data
