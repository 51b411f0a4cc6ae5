"""Who is asking: the identity that a verified token becomes, and its shape in a request context."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, cast

from parley.errors import Unauthenticated
from parley.ids import ApiKeyId, UserId

# Every stored row of a user hangs on this value: it never changes.
_USER_NAMESPACE = uuid.UUID("6f0a4a3e-52a4-5c0e-9d3a-0d6b7c1f2e90")

# The schema's too: a place each.
LIVE_KEYS_LIMIT = 20


class Tier(StrEnum):
    """What a user pays for, lowest first: the order of declaration is the rank."""

    FREE = "free"
    PRO = "pro"
    ENTERPRISE = "enterprise"


class Role(StrEnum):
    """What a user may do beyond chatting."""

    ADMIN = "admin"
    REVIEWER = "reviewer"


class Credential(StrEnum):
    """What the request was signed with. A key may do all that its owner may, but manage keys."""

    TOKEN = "token"  # noqa: S105 - a word, no password
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Identity:
    """One user as the functions see them: no name, no address, nothing that came unsigned."""

    user_id: UserId
    tier: Tier = Tier.FREE
    roles: frozenset[Role] = frozenset()
    credential: Credential = Credential.TOKEN


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key to be made. It keeps the tier of the token that asked for it, and has no role: see docs/decisions/api-keys.md."""

    name: str
    tier: Tier
    # For ever where it is None.
    lifetime_days: int | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A live key as its owner sees it: the secret itself is nowhere."""

    key_id: ApiKeyId
    name: str
    secret_end: str
    tier: Tier
    created_at: datetime
    expires_at: datetime | None
    last_used_on: date | None


@dataclass(frozen=True, slots=True)
class ApiKeyPage:
    data: Sequence[ApiKey]
    has_more: bool


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """How claims become an identity. `issuer_name` keys the users, so an issuer may move to another URL."""

    issuer_name: str
    tier_claim: str = "cognito:groups"
    roles_claim: str = "cognito:groups"


def user_id_for(issuer_name: str, subject: str) -> UserId:
    """The same id for the same person for ever, and never the same for two issuers."""
    return UserId(uuid.uuid5(_USER_NAMESPACE, f"{issuer_name}|{subject}"))


def identity_from_claims(claims: Mapping[str, Any], rules: ClaimRules) -> Identity:
    """The identity behind verified claims: the highest tier and every role that their groups name.

    Raises: Unauthenticated when the token names no usable subject.
    """
    return Identity(
        user_id=user_id_for(rules.issuer_name, _subject(claims)),
        tier=_highest_tier(_groups(claims.get(rules.tier_claim))),
        roles=_roles(_groups(claims.get(rules.roles_claim))),
    )


def authorizer_context(identity: Identity) -> dict[str, str]:
    """The strings that API Gateway carries from the authorizer to the functions."""
    return {
        "user_id": str(identity.user_id),
        "tier": identity.tier.value,
        "roles": ",".join(sorted(identity.roles)),
        "credential": identity.credential.value,
    }


def identity_from_request_context(authorizer: Mapping[str, Any]) -> Identity:
    """The inverse of `authorizer_context`; other keys, such as `principalId`, are ignored.

    A context that names no credential, as an older authorizer's cached one, is taken for that of a key: it may do less.
    Raises: Unauthenticated when the context names no user, or an unknown tier or credential.
    """
    try:
        user_id = UserId(uuid.UUID(authorizer["user_id"]))
        tier = Tier(authorizer.get("tier", Tier.FREE))
        credential = Credential(authorizer.get("credential", Credential.KEY))
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise Unauthenticated("The request carries no verified identity.") from error
    return Identity(user_id, tier, _roles(_groups(authorizer.get("roles"))), credential)


def _subject(claims: Mapping[str, Any]) -> str:
    subject = claims.get("sub")
    # A lone surrogate is legal in JSON text and cannot be encoded, so it cannot name anybody.
    if not isinstance(subject, str) or not subject or not _is_encodable(subject):
        raise Unauthenticated("The token names no subject.")
    return subject


def _is_encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _groups(value: object) -> frozenset[str]:
    """Group names of a claim: a list (Cognito), or one string parted by commas or spaces (others)."""
    if isinstance(value, str):
        return frozenset(value.replace(",", " ").split())
    if isinstance(value, list | tuple | set | frozenset):
        members = cast(Iterable[object], value)
        return frozenset(member for member in members if isinstance(member, str))
    return frozenset()


def _highest_tier(groups: frozenset[str]) -> Tier:
    named = [tier for tier in Tier if tier.value in groups]
    return named[-1] if named else Tier.FREE


def _roles(groups: frozenset[str]) -> frozenset[Role]:
    return frozenset(role for role in Role if role.value in groups)
