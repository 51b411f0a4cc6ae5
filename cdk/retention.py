"""What becomes of data when its resource leaves the stack."""

from aws_cdk import RemovalPolicy

from cdk.config import StageConfig


def removal_policy(config: StageConfig) -> RemovalPolicy:
    return RemovalPolicy.RETAIN if config.retain_data else RemovalPolicy.DESTROY
