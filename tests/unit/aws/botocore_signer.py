"""botocore's signatures, at a time of the test's choice."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from unittest.mock import patch

import botocore.auth
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from parley.kit.sigv4 import Credentials


def headers_by_botocore(
    credentials: Credentials,
    scope: tuple[str, str],
    request: tuple[str, str, Mapping[str, str], bytes],
    now: datetime,
) -> dict[str, str]:
    """`scope` is region and service; `request` method, URL, headers and body."""
    method, url, headers, body = request
    signed = AWSRequest(method=method, url=url, headers=dict(headers), data=body)
    region, service = scope
    with at(now):
        SigV4Auth(_of_botocore(credentials), service, region).add_auth(signed)
    return dict(signed.headers.items())


def url_by_botocore(
    credentials: Credentials, scope: tuple[str, str], method: str, url: str, expires_s: int, now: datetime
) -> str:
    signed = AWSRequest(method=method, url=url)
    region, service = scope
    with at(now):
        SigV4QueryAuth(_of_botocore(credentials), service, region, expires=expires_s).add_auth(signed)
    assert signed.url is not None
    return signed.url


@contextmanager
def at(now: datetime) -> Iterator[None]:
    """botocore's clock, which cannot be passed in, says `now`."""
    with patch.object(botocore.auth, "get_current_datetime", lambda: now.replace(tzinfo=None)):
        yield


def _of_botocore(credentials: Credentials) -> BotocoreCredentials:
    return BotocoreCredentials(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token or None
    )
