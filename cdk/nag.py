"""Findings of cdk-nag that stand, each with its reason."""

from collections.abc import Mapping

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct

# What CDK's own functions have; none of ours does.
BASIC_EXECUTION = (
    "AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)


def acknowledge(scope: IConstruct, reasons: Mapping[str, str]) -> None:
    """`reasons` by the full id of a finding, such as `AwsSolutions-IAM5[Resource::*]`; holds for all below `scope`."""
    Validations.of(scope).acknowledge(*(Acknowledgment(id=each, reason=why) for each, why in reasons.items()))
