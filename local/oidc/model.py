"""What the issuer talks about: people, their sign-ins, and the names it goes by."""

from __future__ import annotations

import re
import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from parley.accounts.model import Role, Tier

# The `iss` of every token: an identifier, not an address, so that another PORT signs nobody out. OpenID Connect Discovery (4.3)
# wants it to be the address of the discovery document; oidc-client-ts 3.5 takes endpoints from that document and never
# compares the two, and the authorizer is given both (OIDC_ISSUER and OIDC_DISCOVERY_URL).
ISSUER = "urn:parley:local"
ISSUER_NAME = "local"
CLIENT_ID = "parley-web"

ACCESS_TOKEN_S = 3600
CODE_S = 60
SESSION_S = 30 * 24 * 3600
NAME_LIMIT = 64

_SUBJECT_NAMESPACE = uuid.UUID("b0c5a2de-3c1f-5f6b-8a51-7b8f1d1c9a44")


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who signed in, with the tier and roles they chose."""

    subject: str
    name: str
    tier: Tier = Tier.FREE
    roles: frozenset[Role] = frozenset()

    @property
    def groups(self) -> list[str]:
        """As Cognito would put them in `cognito:groups`."""
        return [self.tier.value, *sorted(role.value for role in self.roles)]

    @property
    def email(self) -> str:
        """An address that can exist nowhere else: `.localhost` is reserved (RFC 6761)."""
        local_part = re.sub(r"[^a-z0-9]+", ".", self.name.casefold()).strip(".") or self.subject[:8]
        return f"{local_part}@parley.localhost"


@dataclass(frozen=True, slots=True)
class Session:
    """One sign-in of a person; `key` finds it again and is no secret."""

    key: str
    person: Person
    signed_in_at: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code or refresh token stands for. Tokens that descend from one code are one `family`."""

    session: Session
    family: str
    scope: str
    nonce: str | None = None


@dataclass(frozen=True, slots=True)
class Code:
    """A grant as the token endpoint gets it from a code: who asked for it must now prove it."""

    grant: Grant
    redirect_uri: str
    challenge: str


def person_named(name: str, tier: str = Tier.FREE, roles: Iterable[str] = ()) -> Person:
    """The person of that name: the same name, in any case or spacing, is the same subject for ever.

    Raises: ValueError, with a sentence for the one who typed it.
    """
    shown = " ".join(unicodedata.normalize("NFKC", name).split())
    if not shown:
        raise ValueError("Enter a name.")
    if len(shown) > NAME_LIMIT or any(unicodedata.category(character)[0] == "C" for character in shown):
        raise ValueError(f"A name has at most {NAME_LIMIT} printable characters.")
    subject = uuid.uuid5(_SUBJECT_NAMESPACE, shown.casefold())
    return Person(str(subject), shown, _tier(tier), frozenset(_role(role) for role in roles))


def _tier(text: str) -> Tier:
    try:
        return Tier(text)
    except ValueError:
        raise ValueError(f"There is no tier of that name: choose one of {', '.join(Tier)}.") from None


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        raise ValueError(f"There is no role of that name: choose from {', '.join(Role)}.") from None
