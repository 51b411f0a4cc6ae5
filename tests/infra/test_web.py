"""The front: CloudFront, its web ACL, and the page."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from cdk.config import load_config
from cdk.stacks.web import page_policy
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve

# https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
_BODY_RULES = {
    "AWSManagedRulesCommonRuleSet": {
        "SizeRestrictions_BODY",
        "EC2MetaDataSSRF_BODY",
        "GenericLFI_BODY",
        "GenericRFI_BODY",
        "CrossSiteScripting_BODY",
    },
    "AWSManagedRulesKnownBadInputsRuleSet": {"JavaDeserializationRCE_BODY", "Log4JRCE_BODY", "ReactJSRCE_BODY"},
}


def _config(find_resources: FindResources, stage: str) -> dict[str, Any]:
    (distribution,) = find_resources(stage, "CloudFront::Distribution").values()
    return distribution["Properties"]["DistributionConfig"]


def _acl(find_resources: FindResources, stage: str) -> dict[str, Any]:
    (acl,) = find_resources(stage, "WAFv2::WebACL").values()
    return acl["Properties"]


def _groups(find_resources: FindResources, stage: str) -> dict[str, dict[str, Any]]:
    """Each managed group's overrides: the action by the rule."""
    statements = [each["Statement"] for each in _acl(find_resources, stage)["Rules"]]
    groups = [each["ManagedRuleGroupStatement"] for each in statements if "ManagedRuleGroupStatement" in each]
    return {
        group["Name"]: {each["Name"]: each["ActionToUse"] for each in group["RuleActionOverrides"]} for group in groups
    }


def test_page_and_api_share_one_host(find_resources: FindResources, stage: str) -> None:
    config = _config(find_resources, stage)

    assert [each["PathPattern"] for each in config["CacheBehaviors"]] == ["/v1/*"]
    assert len(config["Origins"]) == 2
    assert "WebACLId" in config
    assert "Logging" in config


def test_the_api_s_answers_are_never_cached_nor_made_to_wait(find_resources: FindResources, stage: str) -> None:
    (api,) = _config(find_resources, stage)["CacheBehaviors"]

    # AWS's own policies, by their ids: CachingDisabled, and AllViewerExceptHostHeader.
    assert api["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
    assert api["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert api["Compress"] is False
    assert api["ViewerProtocolPolicy"] == "https-only"
    assert set(api["AllowedMethods"]) >= {"POST", "DELETE"}


def test_a_stream_may_be_silent_for_three_minutes(find_resources: FindResources, stage: str) -> None:
    (api,) = (each for each in _config(find_resources, stage)["Origins"] if "CustomOriginConfig" in each)

    assert api["CustomOriginConfig"]["OriginReadTimeout"] == 180
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    assert api["CustomOriginConfig"]["OriginSSLProtocols"] == ["TLSv1.2"]


def test_the_api_knows_cloudfront_by_a_secret(find_resources: FindResources, stage: str) -> None:
    (api,) = (each for each in _config(find_resources, stage)["Origins"] if "CustomOriginConfig" in each)
    headers = {each["HeaderName"]: resolve(each["HeaderValue"]) for each in api["OriginCustomHeaders"]}

    assert headers["x-parley-origin"].startswith("{{resolve:secretsmanager:")
    assert headers["x-parley-origin-generation"] == "1"


def test_the_page_takes_no_bodies_and_is_compressed(find_resources: FindResources, stage: str) -> None:
    page = _config(find_resources, stage)["DefaultCacheBehavior"]

    assert page["AllowedMethods"] == ["GET", "HEAD"]
    assert page["Compress"] is True
    # CachingOptimized, which keeps a copy in Brotli.
    assert page["CachePolicyId"] == "658327ea-f89d-4fab-a63d-7e88639e58f6"
    assert page["ViewerProtocolPolicy"] == "redirect-to-https"


def test_production_has_its_own_name_and_modern_tls(find_resources: FindResources) -> None:
    config = _config(find_resources, "prod")

    assert config["Aliases"] == [load_config("prod").web.domain]
    assert config["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"


@pytest.mark.parametrize("group", _BODY_RULES)
def test_no_rule_blocks_for_what_is_in_a_body(find_resources: FindResources, stage: str, group: str) -> None:
    overrides = _groups(find_resources, stage)[group]
    body_rules = {rule for rule in overrides if rule.endswith("_BODY")}

    assert body_rules == _BODY_RULES[group]
    assert all(overrides[rule] == {"Count": {}} for rule in body_rules)


def test_whatever_else_a_group_finds_is_blocked_in_our_words(find_resources: FindResources, stage: str) -> None:
    bodies = _acl(find_resources, stage)["CustomResponseBodies"]

    for overrides in _groups(find_resources, stage).values():
        for rule, action in overrides.items():
            if not rule.endswith("_BODY"):
                response = action["Block"]["CustomResponse"]
                error = json.loads(bodies[response["CustomResponseBodyKey"]]["Content"])["error"]
                assert (response["ResponseCode"], error["code"]) == (403, "permission_denied")
                assert error.keys() == {"message", "type", "param", "code"}


def test_an_address_that_asks_too_much_is_told_when_to_come_back(find_resources: FindResources, stage: str) -> None:
    acl = _acl(find_resources, stage)
    (rule,) = (each for each in acl["Rules"] if "RateBasedStatement" in each["Statement"])
    response = rule["Action"]["Block"]["CustomResponse"]

    assert acl["Scope"] == "CLOUDFRONT"
    assert rule["Statement"]["RateBasedStatement"]["AggregateKeyType"] == "IP"
    assert response["ResponseCode"] == 429
    assert {"Name": "retry-after", "Value": "60"} in response["ResponseHeaders"]
    assert "rate_limit_exceeded" in acl["CustomResponseBodies"][response["CustomResponseBodyKey"]]["Content"]


def test_the_web_acl_s_log_holds_no_tokens(find_resources: FindResources, stage: str) -> None:
    (logging,) = find_resources(stage, "WAFv2::LoggingConfiguration").values()
    (destination,) = logging["Properties"]["LogDestinationConfigs"]
    assert resolve(destination).endswith(f":log-group:aws-waf-logs-parley-{stage}")
    fields = [each["SingleHeader"] for each in logging["Properties"]["RedactedFields"]]

    assert {each.get("Name", each.get("name")) for each in fields} == {"authorization", "cookie"}


def test_the_page_s_policy_is_the_local_gateway_s_with_cognito(root: Path) -> None:
    local = (root / "local/gateway/page_config.py").read_text()
    config = load_config("prod")
    policy = page_policy(config)

    assert f"connect-src 'self' https://cognito-idp.us-east-1.amazonaws.com {config.sign_in_origin};" in policy
    words = re.sub(r" https://\S+?(?=[ ;])", "", policy).split("; ")
    assert all(word in local.replace("{foreign}", "") for word in words)


def test_the_page_s_files_come_with_its_policy(find_resources: FindResources, stage: str) -> None:
    policies = find_resources(stage, "CloudFront::ResponseHeadersPolicy").values()
    headers = [each["Properties"]["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"] for each in policies]

    (page,) = (each for each in headers if "ContentSecurityPolicy" in each)
    assert page["ContentSecurityPolicy"]["ContentSecurityPolicy"] == page_policy(load_config(stage))
    assert page["ReferrerPolicy"]["ReferrerPolicy"] == "same-origin"


def test_the_web_stack_stands_where_cloudfront_looks_for_web_acls(find_resources: FindResources, stage: str) -> None:
    assert all(name.startswith(f"parley-{stage}-web/") for name in find_resources(stage, "WAFv2::WebACL"))
