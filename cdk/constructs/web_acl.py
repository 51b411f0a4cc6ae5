"""The web ACL on CloudFront: who is refused before anything of ours runs, and what they are told."""

import json
from dataclasses import dataclass

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from cdk.config import StageConfig
from cdk.logs import create_log_group

Rule = wafv2.CfnWebACL.RuleProperty


@dataclass(frozen=True, slots=True)
class ManagedGroup:
    """One of AWS's rule groups with the rules it has; a rule that AWS adds later blocks with AWS's own page."""

    name: str
    rules: tuple[str, ...]


# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html
MANAGED_GROUPS = (
    ManagedGroup(
        "AWSManagedRulesAmazonIpReputationList",
        ("AWSManagedIPReputationList", "AWSManagedReconnaissanceList"),
    ),
    ManagedGroup(
        "AWSManagedRulesCommonRuleSet",
        (
            "NoUserAgent_HEADER",
            "UserAgent_BadBots_HEADER",
            "SizeRestrictions_QUERYSTRING",
            "SizeRestrictions_Cookie_HEADER",
            "SizeRestrictions_BODY",
            "SizeRestrictions_URIPATH",
            "EC2MetaDataSSRF_BODY",
            "EC2MetaDataSSRF_COOKIE",
            "EC2MetaDataSSRF_URIPATH",
            "EC2MetaDataSSRF_QUERYARGUMENTS",
            "GenericLFI_QUERYARGUMENTS",
            "GenericLFI_URIPATH",
            "GenericLFI_BODY",
            "RestrictedExtensions_URIPATH",
            "RestrictedExtensions_QUERYARGUMENTS",
            "GenericRFI_QUERYARGUMENTS",
            "GenericRFI_BODY",
            "GenericRFI_URIPATH",
            "CrossSiteScripting_COOKIE",
            "CrossSiteScripting_QUERYARGUMENTS",
            "CrossSiteScripting_BODY",
            "CrossSiteScripting_URIPATH",
        ),
    ),
    ManagedGroup(
        "AWSManagedRulesKnownBadInputsRuleSet",
        (
            "JavaDeserializationRCE_HEADER",
            "JavaDeserializationRCE_BODY",
            "JavaDeserializationRCE_URIPATH",
            "JavaDeserializationRCE_QUERYSTRING",
            "Host_localhost_HEADER",
            "PROPFIND_METHOD",
            "ExploitablePaths_URIPATH",
            "Log4JRCE_HEADER",
            "Log4JRCE_QUERYSTRING",
            "Log4JRCE_BODY",
            "Log4JRCE_URIPATH",
            "ReactJSRCE_BODY",
        ),
    ),
)

_REFUSED, _TOO_MANY = "refused", "too-many"


class WebAcl(Construct):
    """For CloudFront, so it stands in us-east-1. `arn` is what a distribution takes."""

    def __init__(self, scope: Construct, name: str, *, config: StageConfig) -> None:
        super().__init__(scope, name)
        groups = [_managed(each, priority) for priority, each in enumerate(MANAGED_GROUPS, start=1)]
        acl = wafv2.CfnWebACL(
            self,
            "Acl",
            scope="CLOUDFRONT",
            default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
            visibility_config=_visibility("web"),
            custom_response_bodies={
                _REFUSED: _body("The request looks like an attack and was refused.", "permission_denied"),
                _TOO_MANY: _body("Too many requests from this address. Try again later.", "rate_limit_exceeded"),
            },
            rules=[_rate_limit(config.web.requests_per_5_min_per_ip), *groups],
        )
        self.arn = acl.attr_arn
        _log_blocked(self, acl, config)


def _rate_limit(requests_per_5_min: int) -> Rule:
    """On CloudFront the address is the client's; behind it every address would be CloudFront's."""
    return Rule(
        name="RatePerAddress",
        priority=0,
        action=_block(429, _TOO_MANY, {"retry-after": "60"}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=requests_per_5_min, evaluation_window_sec=300
            )
        ),
        visibility_config=_visibility("RatePerAddress"),
    )


def _managed(group: ManagedGroup, priority: int) -> Rule:
    """Every `*_BODY` rule counts: only /v1/* takes bodies at all (the page allows GET and HEAD), and a long prompt or pasted
    code there looks like an attack. The others block with a body of ours.
    """
    return Rule(
        name=group.name,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(
                vendor_name="AWS",
                name=group.name,
                rule_action_overrides=[
                    wafv2.CfnWebACL.RuleActionOverrideProperty(
                        name=rule,
                        action_to_use=(
                            wafv2.CfnWebACL.RuleActionProperty(count={})
                            if rule.endswith("_BODY")
                            else _block(403, _REFUSED, {})
                        ),
                    )
                    for rule in group.rules
                ],
            )
        ),
        visibility_config=_visibility(group.name),
    )


def _block(status: int, body: str, headers: dict[str, str]) -> wafv2.CfnWebACL.RuleActionProperty:
    # WAF answers before the API does, so it names what pages of other origins may read as the API would.
    named = {"access-control-allow-origin": "*", **headers}
    return wafv2.CfnWebACL.RuleActionProperty(
        block=wafv2.CfnWebACL.BlockActionProperty(
            custom_response=wafv2.CfnWebACL.CustomResponseProperty(
                response_code=status,
                custom_response_body_key=body,
                response_headers=[
                    wafv2.CfnWebACL.CustomHTTPHeaderProperty(name=name, value=value) for name, value in named.items()
                ],
            )
        )
    )


def _body(message: str, code: str) -> wafv2.CfnWebACL.CustomResponseBodyProperty:
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": code}
    return wafv2.CfnWebACL.CustomResponseBodyProperty(
        content_type="APPLICATION_JSON", content=json.dumps({"error": error})
    )


def _visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    # No sampled requests: they would show headers of users in the console.
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )


def _log_blocked(scope: Construct, acl: wafv2.CfnWebACL, config: StageConfig) -> None:
    # WAF logs to no group whose name begins otherwise.
    name = f"aws-waf-logs-parley-{config.stage}"
    group = create_log_group(scope, "Logs", config.api.log_days, name)
    # The group's own ARN ends with `:*`, which WAF refuses.
    arn = Stack.of(scope).format_arn(
        service="logs", resource="log-group", resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )
    logging = wafv2.CfnLoggingConfiguration(
        scope,
        "Logging",
        resource_arn=acl.attr_arn,
        log_destination_configs=[arn],
        redacted_fields=[
            wafv2.CfnLoggingConfiguration.FieldToMatchProperty(single_header={"Name": name})
            for name in ("authorization", "cookie")
        ],
        logging_filter={
            "DefaultBehavior": "DROP",
            "Filters": [
                {
                    "Behavior": "KEEP",
                    "Requirement": "MEETS_ANY",
                    "Conditions": [
                        {"ActionCondition": {"Action": "BLOCK"}},
                        {"ActionCondition": {"Action": "COUNT"}},
                    ],
                }
            ],
        },
    )
    logging.node.add_dependency(group)
