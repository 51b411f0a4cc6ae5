"""The local stack's OpenID Connect issuer. No password: whoever sits at this machine may be anybody, so it never leaves it."""

from local.oidc.model import CLIENT_ID, ISSUER, ISSUER_NAME
from local.oidc.tokens import issue_token

__all__ = ["CLIENT_ID", "ISSUER", "ISSUER_NAME", "issue_token"]
