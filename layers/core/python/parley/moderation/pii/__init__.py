"""Personal data in text: addresses, numbers and keys that belong to somebody."""

from parley.moderation.pii.find import find_pii
from parley.moderation.pii.model import DEFAULT_KINDS, DEFAULT_REGIONS, PII_VERSION, PiiKind, PiiSpan

__all__ = ["DEFAULT_KINDS", "DEFAULT_REGIONS", "PII_VERSION", "PiiKind", "PiiSpan", "find_pii"]
