"""What a function may do in AWS by its role: tokens that stand for passwords. Nothing here talks to AWS.

Each use of the role raises the audit event `parley.aws` with the IAM action it needs (`sys.audit`, PEP 578), so that the
tests can compare what the code uses with what the template allows.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

from parley.kit.sigv4 import Credentials, Signer

AUDIT_EVENT = "parley.aws"

# The longest that RDS and ElastiCache accept. It bounds the sign-in only: an open connection outlives its token.
_TOKEN_LIFE_S = 900


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Aws:
    """A role in a region. `endpoint_url` stands in for all of AWS's own, in tests."""

    region: str
    credentials: Credentials
    endpoint_url: str | None = None
    clock: Callable[[], datetime] = _utc_now

    def signer(self, service: str) -> Signer:
        return Signer(self.credentials, self.region, service)

    def database_token(self, host: str, port: int, user: str) -> str:
        """The password of `user` at RDS or its proxy, for a connection that is opened within 15 minutes.

        https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.html
        """
        note_action("rds-db:connect")
        return self._token("rds-db", f"https://{host}:{port}/", {"Action": "connect", "DBUser": user})

    def cache_token(self, cluster: str, user: str) -> str:
        """The password of `user` at the ElastiCache replication group `cluster`, used within 15 minutes.

        https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/auth-iam.html
        """
        note_action("elasticache:Connect")
        return self._token("elasticache", f"http://{cluster.lower()}/", {"Action": "connect", "User": user})

    def _token(self, service: str, url: str, query: dict[str, str]) -> str:
        url = f"{url}?{urlencode(query, quote_via=quote)}"
        presigned = self.signer(service).presign("GET", url, _TOKEN_LIFE_S, self.clock())
        return presigned.partition("://")[2]


def note_action(action: str) -> None:
    """Say that the role is about to be used for the IAM action `service:Name`."""
    sys.audit(AUDIT_EVENT, action)
