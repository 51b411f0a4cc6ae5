"""The user pool: who may sign in, how, and for how long."""

from typing import Any

from aws_cdk.assertions import Match

from parley.accounts.model import Role, Tier
from tests.infra.conftest import FindTemplate


def _only(find_template: FindTemplate, stage: str, kind: str) -> dict[str, Any]:
    """The one resource of a kind."""
    found = list(find_template(stage, "identity").find_resources(f"AWS::Cognito::{kind}").values())
    assert len(found) == 1
    return dict(found[0])


def test_the_groups_are_the_tiers_and_roles_that_the_code_knows(find_template: FindTemplate, stage: str) -> None:
    groups = find_template(stage, "identity").find_resources("AWS::Cognito::UserPoolGroup").values()

    assert {group["Properties"]["GroupName"] for group in groups} == {*Tier, *Role}


def test_of_two_tiers_the_higher_takes_precedence(find_template: FindTemplate, stage: str) -> None:
    groups = find_template(stage, "identity").find_resources("AWS::Cognito::UserPoolGroup").values()
    precedence = {group["Properties"]["GroupName"]: group["Properties"]["Precedence"] for group in groups}

    assert sorted(Tier, key=lambda tier: precedence[tier]) == list(Tier)[::-1]


def test_the_page_signs_in_by_authorization_code_and_has_no_secret(find_template: FindTemplate, stage: str) -> None:
    client = _only(find_template, stage, "UserPoolClient")["Properties"]

    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["AllowedOAuthScopes"] == ["openid", "email", "profile"]
    assert client["ExplicitAuthFlows"] == ["ALLOW_USER_SRP_AUTH"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert all(url.endswith("/callback") for url in client["CallbackURLs"])


def test_in_production_nothing_comes_back_without_tls(find_template: FindTemplate) -> None:
    client = _only(find_template, "prod", "UserPoolClient")["Properties"]

    assert all(url.startswith("https://") for url in client["CallbackURLs"] + client["LogoutURLs"])


def test_tokens_are_short_lived_and_a_refresh_token_serves_once(find_template: FindTemplate, stage: str) -> None:
    client = _only(find_template, stage, "UserPoolClient")["Properties"]

    assert set(client["TokenValidityUnits"].values()) == {"minutes"}
    assert client["AccessTokenValidity"] <= 60
    assert client["RefreshTokenValidity"] <= 30 * 24 * 60
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    assert client["EnableTokenRevocation"] is True


def test_users_cannot_change_more_than_name_and_address(find_template: FindTemplate, stage: str) -> None:
    client = _only(find_template, stage, "UserPoolClient")["Properties"]

    assert client["WriteAttributes"] == ["email", "name"]


def test_passwords_are_long_and_a_second_factor_is_offered(find_template: FindTemplate, stage: str) -> None:
    pool = _only(find_template, stage, "UserPool")["Properties"]

    policy = pool["Policies"]["PasswordPolicy"]
    assert policy["MinimumLength"] >= 12
    assert all(policy[f"Require{kind}"] for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"))
    assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"])
    assert "SmsConfiguration" not in pool


def test_an_address_is_confirmed_before_it_counts(find_template: FindTemplate, stage: str) -> None:
    pool = _only(find_template, stage, "UserPool")["Properties"]

    assert pool["UsernameAttributes"] == ["email"]
    assert pool["UsernameConfiguration"] == {"CaseSensitive": False}
    assert pool["AutoVerifiedAttributes"] == ["email"]
    assert pool["UserAttributeUpdateSettings"] == {"AttributesRequireVerificationBeforeUpdate": ["email"]}


def test_production_keeps_its_users_whatever_happens_to_the_stack(find_template: FindTemplate) -> None:
    pool = _only(find_template, "prod", "UserPool")

    assert (pool["DeletionPolicy"], pool["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert pool["Properties"]["DeletionProtection"] == "ACTIVE"
    assert pool["Properties"]["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Properties"]["UserPoolAddOns"] == {"AdvancedSecurityMode": "ENFORCED"}


def test_a_development_stage_can_be_deleted(find_template: FindTemplate) -> None:
    pool = _only(find_template, "dev", "UserPool")

    assert pool["DeletionPolicy"] == "Delete"
    assert pool["Properties"]["DeletionProtection"] == "INACTIVE"


def test_the_sign_in_page_has_a_style_without_which_it_does_not_open(find_template: FindTemplate, stage: str) -> None:
    domain = _only(find_template, stage, "UserPoolDomain")["Properties"]
    style = _only(find_template, stage, "ManagedLoginBranding")["Properties"]

    assert (domain["Domain"], domain["ManagedLoginVersion"]) == (f"parley-{stage}", 2)
    assert style["UseCognitoProvidedValues"] is True


def test_everything_carries_the_project_s_tags(find_template: FindTemplate, stage: str) -> None:
    pool = _only(find_template, stage, "UserPool")["Properties"]

    assert pool["UserPoolTags"] == {"project": "parley", "stage": stage}


def test_the_stack_tells_what_the_functions_and_the_page_need(find_template: FindTemplate, stage: str) -> None:
    template = find_template(stage, "identity")

    for name in ("Issuer", "ClientId", "SignInUrl"):
        template.has_output(name, {"Value": Match.any_value()})
