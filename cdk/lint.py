"""Findings of cfn-lint that stand, on the resource they are about."""

from collections.abc import Mapping

from aws_cdk import CfnResource
from constructs import Construct


def accept(scope: Construct, resource_type: str, reasons: Mapping[str, str]) -> None:
    """Keep cfn-lint from `reasons`' checks on all resources of that type below `scope`; the reason goes into the template."""
    for each in scope.node.find_all():
        if isinstance(each, CfnResource) and each.cfn_resource_type == resource_type:
            each.add_metadata("cfn-lint", {"config": {"ignore_checks": list(reasons)}, "reasons": dict(reasons)})
