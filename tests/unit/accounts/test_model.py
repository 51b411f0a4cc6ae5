import uuid

import pytest

from parley.accounts.model import (
    ClaimRules,
    Credential,
    Identity,
    Role,
    Tier,
    authorizer_context,
    identity_from_claims,
    identity_from_request_context,
    user_id_for,
)
from parley.errors import Unauthenticated
from parley.ids import UserId

RULES = ClaimRules(issuer_name="local")


def test_a_user_id_never_changes():
    assert user_id_for("local", "ada") == uuid.UUID("a4a35657-6190-5428-954e-58f4420468fe")


def test_the_same_subject_of_two_issuers_is_two_users():
    assert user_id_for("local", "ada") != user_id_for("cognito", "ada")


@pytest.mark.parametrize(
    ("groups", "tier"),
    [
        ([], Tier.FREE),
        (["pro"], Tier.PRO),
        (["enterprise", "pro", "free"], Tier.ENTERPRISE),
        (["pro", "free"], Tier.PRO),
        (["PRO", "gold"], Tier.FREE),
        ("admin,pro", Tier.PRO),
        (None, Tier.FREE),
        ({"pro": 1}, Tier.FREE),
        ([["pro"], 7], Tier.FREE),
    ],
)
def test_the_tier_is_the_highest_that_the_groups_name(groups, tier):
    assert identity_from_claims({"sub": "ada", "cognito:groups": groups}, RULES).tier is tier


def test_roles_are_every_known_role_that_the_groups_name():
    identity = identity_from_claims({"sub": "ada", "cognito:groups": ["reviewer", "admin", "pilot"]}, RULES)

    assert identity.roles == {Role.ADMIN, Role.REVIEWER}


def test_claim_names_come_from_the_rules():
    rules = ClaimRules("local", tier_claim="plan", roles_claim="duties")

    identity = identity_from_claims({"sub": "a", "plan": "pro", "duties": ["admin"], "cognito:groups": []}, rules)

    assert (identity.tier, identity.roles) == (Tier.PRO, {Role.ADMIN})


@pytest.mark.parametrize("subject", [None, "", 7, ["ada"], "\ud800"])
def test_a_token_without_a_usable_subject_names_nobody(subject):
    with pytest.raises(Unauthenticated):
        identity_from_claims({"sub": subject}, RULES)


@pytest.mark.parametrize("roles", [frozenset(), frozenset({Role.ADMIN}), frozenset(Role)])
@pytest.mark.parametrize("tier", list(Tier))
@pytest.mark.parametrize("credential", list(Credential))
def test_an_identity_survives_the_request_context(tier, roles, credential):
    identity = Identity(UserId(uuid.uuid4()), tier, roles, credential)

    context = authorizer_context(identity)

    assert all(isinstance(value, str) for value in context.values())
    assert identity_from_request_context({"principalId": "x", **context}) == identity


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"user_id": "ada"},
        {"user_id": None},
        {"user_id": 7},
        {"user_id": str(uuid.uuid4()), "tier": "gold"},
        {"user_id": str(uuid.uuid4()), "credential": "smile"},
    ],
)
def test_a_request_context_without_a_verdict_is_nobody(context):
    with pytest.raises(Unauthenticated):
        identity_from_request_context(context)


def test_a_request_context_that_names_no_credential_may_do_no_more_than_a_key():
    assert identity_from_request_context({"user_id": str(uuid.uuid4())}).credential is Credential.KEY
