"""API keys and tokens, by the prefixes that their issuers gave them so that they are found."""

import re
from base64 import urlsafe_b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator

from parley.moderation.pii.model import PiiKind, PiiSpan
from parley.moderation.pii.stretch import Stretch

_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        sk-(?:[a-z]{2,12}[-_]?\d{0,2}-)*[A-Za-z0-9_-]{16,}                # OpenAI, Anthropic, OpenRouter, and our own sk-parley-
      | (?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,} | whsec_[A-Za-z0-9]{24,}   # Stripe
      | gh[pousr]_[A-Za-z0-9]{30,} | github_pat_[A-Za-z0-9_]{36,} | gl(?:pat|dt|rt)-[A-Za-z0-9_-]{20,}
      | (?:AKIA|ASIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])
      | xox[abeoprs]-[A-Za-z0-9-]{10,} | xapp-\d-[A-Za-z0-9-]{10,}       # Slack
      | AIza[A-Za-z0-9_-]{35} | ya29\.[A-Za-z0-9_-]{20,} | GOCSPX-[A-Za-z0-9_-]{20,}
      | SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}                        # SendGrid
      | hf_[A-Za-z0-9]{30,} | npm_[A-Za-z0-9]{36} | pypi-[A-Za-z0-9_-]{50,} | do[opr]_v1_[a-f0-9]{64}
      | shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32} | glsa_[A-Za-z0-9_]{32,}
      | dapi[a-f0-9]{32} | gsk_[A-Za-z0-9]{32,} | r8_[A-Za-z0-9]{32,}
      | \d{8,10}:AA[A-Za-z0-9_-]{33}                                      # Telegram
      | (?:(?P<header>eyJ[A-Za-z0-9_-]{8,}) (?:(?:\.[A-Za-z0-9_-]*){1,3}\.[A-Za-z0-9_-]+ | \.[A-Za-z0-9_-]{16,}))
      | (?P<long>eyJ[A-Za-z0-9_-]{100,})\Z                               # a JWT's header, too long to be held
    )[A-Za-z0-9_-]*""",
    re.VERBOSE,
)
# sk-your-api-key-goes-here has no run of letters and digits mixed, ghp_xxxxxxxxxxxxxxxxxxxx few different ones.
_MIXED = re.compile(r"(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{8,}")
_FEWEST_DIFFERENT = 7


def find_tokens(stretch: Stretch) -> Iterator[PiiSpan]:
    """Keys and tokens, to where they end or `stretch` does."""
    for found in _TOKEN.finditer(stretch.text):
        header = found["header"] or found["long"]
        if _is_json_header(header) if header else _is_filled_in(found[0]):
            yield PiiSpan(PiiKind.SECRET, found.start(), found.end(), found[0])


def _is_filled_in(token: str) -> bool:
    if len(set(token)) < _FEWEST_DIFFERENT:
        return False
    return not token.startswith("sk-") or _MIXED.search(token) is not None


def _is_json_header(encoded: str) -> bool:
    """A JOSE header names its algorithm: RFC 7515, 4.1.1."""
    whole = encoded[: len(encoded) // 4 * 4]
    try:
        return re.search(rb'"(?:alg|typ|enc|kid|x5[ctu])"', urlsafe_b64decode(whole)) is not None
    except (Base64Error, ValueError):
        return False
