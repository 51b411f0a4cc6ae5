"""A Python function out of a build: own role with nothing in it but what is granted, own log group, an alias for callers."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from aws_cdk import Duration, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk.build import Build
from cdk.config import StageConfig
from cdk.lint import accept
from cdk.logs import create_log_group
from cdk.nag import acknowledge

# What Lambda itself does with a function's role to attach it to a VPC. Describing cannot be narrowed, and neither can creating,
# whose interface does not exist yet: https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
_VPC_ACTIONS = (
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
)


@dataclass(frozen=True, slots=True)
class Platform:
    """What all functions of a stage share."""

    config: StageConfig
    build: Build
    vpc: ec2.IVpc
    layers: Sequence[lambda_.ILayerVersion]

    @property
    def runtime(self) -> lambda_.Runtime:
        return lambda_.Runtime(f"python{self.config.build.python}", lambda_.RuntimeFamily.PYTHON)

    @property
    def architecture(self) -> lambda_.Architecture:
        arm = self.config.build.architecture == "arm64"
        return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64


def create_platform(scope: Construct, config: StageConfig, build: Build, vpc: ec2.IVpc) -> Platform:
    """The two layers that every function stands on: third-party packages, and the core."""
    empty = Platform(config, build, vpc, ())
    return replace(empty, layers=[create_layer(scope, empty, name) for name in ("deps", "core")])


def create_layer(scope: Construct, platform: Platform, name: str) -> lambda_.LayerVersion:
    """The layer `name` of the build."""
    return lambda_.LayerVersion(
        scope,
        f"{name.title()}Layer",
        code=lambda_.Code.from_asset(platform.build.layer(name)),
        compatible_architectures=[platform.architecture],
        compatible_runtimes=[platform.runtime],
        # Old versions of the functions still name it.
        removal_policy=RemovalPolicy.RETAIN,
    )


class PythonFunction(Construct):
    """`function` and `alias`, which points at its published version: callers see code and layers switch together."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        platform: Platform,
        security_groups: Sequence[ec2.ISecurityGroup],
        environment: Mapping[str, str],
        memory_mb: int,
        timeout_s: int,
        statements: Sequence[iam.PolicyStatement] = (),
        handler: str | None = None,
        extra_layers: Sequence[lambda_.ILayerVersion] = (),
        concurrency: int | None = None,
        provisioned: int = 0,
    ) -> None:
        """`concurrency` is taken out of the account's for it alone; `provisioned` executions are always warm, and paid for."""
        super().__init__(scope, name.title())
        config = platform.config
        self.name = name
        self.timeout_s = timeout_s
        self.function_name = f"parley-{config.stage}-{name}"
        logs = create_log_group(self, "Logs", config.api.log_days, f"/aws/lambda/{self.function_name}")
        self.role = self._create_role(statements, logs.log_group_arn)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=self.function_name,
            description=f"Parley: {name}",
            code=lambda_.Code.from_asset(platform.build.function(name)),
            handler=handler or f"lambdas.{name}.main.handler",
            runtime=platform.runtime,
            architecture=platform.architecture,
            layers=[*platform.layers, *extra_layers],
            memory_size=memory_mb,
            timeout=Duration.seconds(timeout_s),
            reserved_concurrent_executions=concurrency,
            environment={"STAGE": config.stage, "LOG_LEVEL": config.api.log_level, **environment},
            vpc=platform.vpc,
            vpc_subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            security_groups=list(security_groups),
            role=self.role,
            log_group=logs,
            # The one before stays for a way back.
            current_version_options=lambda_.VersionOptions(removal_policy=RemovalPolicy.RETAIN),
        )
        accept(
            self.function, "AWS::Lambda::Function", {"W3005": "CDK's own: a function that waits for its role twice."}
        )
        self.alias = lambda_.Alias(
            self,
            "Live",
            alias_name="live",
            version=self.function.current_version,
            provisioned_concurrent_executions=provisioned or None,
        )

    def _create_role(self, statements: Sequence[iam.PolicyStatement], log_group_arn: str) -> iam.Role:
        stack = Stack.of(self)
        own_arn = f"arn:{stack.partition}:lambda:{stack.region}:{stack.account}:function:{self.function_name}"
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            inline_policies={
                "platform": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group_arn]
                        ),
                        iam.PolicyStatement(actions=list(_VPC_ACTIONS), resources=["*"]),
                        # Lambda may do that for the function; its code may not.
                        iam.PolicyStatement(
                            effect=iam.Effect.DENY,
                            actions=list(_VPC_ACTIONS),
                            resources=["*"],
                            conditions={"ArnEquals": {"lambda:SourceFunctionArn": own_arn}},
                        ),
                    ]
                ),
                **({"function": iam.PolicyDocument(statements=list(statements))} if statements else {}),
            },
        )
        reason = (
            "Network interfaces of a function in a VPC: EC2 cannot narrow describing, nor creating what does not exist yet. "
            "A second statement denies the same to the function's own code."
        )
        acknowledge(role, {"AwsSolutions-IAM5[Resource::*]": reason})
        accept(role, "AWS::IAM::Role", {"E1022": "cfn-lint 1.58 does not know Fn::GetStackOutput inside Fn::Split."})
        return role
