"""What kinds of personal data there are, and where in a text one stands."""

from dataclasses import dataclass, field
from enum import StrEnum


class PiiKind(StrEnum):
    """What can be looked for. `SECRET` is API keys, tokens and private keys; `NAME` only what is said to be one."""

    EMAIL = "email"
    PHONE = "phone"
    CARD = "card"
    IBAN = "iban"
    SSN = "ssn"
    IP = "ip"
    SECRET = "secret"  # noqa: S105
    NAME = "name"


# Stored with verdicts; raised where other things are found than before.
PII_VERSION = "pii-1"

DEFAULT_KINDS = frozenset(PiiKind) - {PiiKind.NAME}

# Where a number without a country's code may come from when nothing before it says that it is a telephone's. More regions
# find more, and take more other numbers for telephones'.
DEFAULT_REGIONS = (
    "US", "GB", "DE", "FR", "ES", "IT", "NL", "BE", "AT", "CH", "PL", "PT", "SE", "NO", "DK", "FI", "IE", "CZ", "GR",
    "RO", "HU", "TR", "RU", "UA", "IN", "JP", "CN", "KR", "BR", "MX", "AR", "AU", "NZ", "ZA", "SG", "HK", "IL",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class PiiSpan:
    """`text[start:end]` is of `kind`. Spans of one value have one `value_key`, however it is written."""

    kind: PiiKind
    start: int
    end: int
    value_key: str = field(repr=False)
