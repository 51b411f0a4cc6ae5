"""API Gateway's REQUEST authorizer: a bearer token or an API key in, an allow policy with the user's identity out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

from lambdas.authorizer.origin import HEADER as ORIGIN_HEADER
from lambdas.authorizer.origin import OriginCheck
from parley.accounts.model import Identity, authorizer_context
from parley.errors import Unauthenticated
from parley.kit.telemetry import open_logger
from parley.settings import AuthorizerSettings
from parley.wiring.authorizer import Credentials, create_credentials, origin_reader

Event = Mapping[str, Any]
Handler = Callable[[Event, object], dict[str, Any]]

_BEARER = re.compile(r"bearer +([A-Za-z0-9_.-]+)", re.IGNORECASE)


def handler(event: Event, context: object) -> dict[str, Any]:
    """The Lambda entry point."""
    return _handler_of_environment()(event, context)


def create_handler(settings: AuthorizerSettings, credentials: Credentials | None = None) -> Handler:
    """The handler for one issuer. It raises `Exception("Unauthorized")`, which API Gateway turns into a 401, for a token or
    key that does not hold, and for a request that went around CloudFront. Any other error, such as IssuerUnavailable or
    StorageUnavailable, becomes its AUTHORIZER_FAILURE, which is no 401. Who gives `credentials` closes them.
    """
    identify = (credentials or create_credentials(settings)).identify
    read_origins = origin_reader(settings)
    origin = OriginCheck(read_origins) if read_origins else None
    logger = open_logger("authorizer", settings.log_level)

    def handle(event: Event, _context: object) -> dict[str, Any]:
        try:
            if origin and not origin.accepts(_header_values(event, ORIGIN_HEADER)):
                raise Unauthenticated("The request did not come through CloudFront.")
            identity = identify(_bearer_token(event))
        except Unauthenticated as error:
            logger.info("credential_refused", extra={"reason": error.message})
            raise Exception("Unauthorized") from None  # noqa: TRY002 - API Gateway knows this text and no other
        return _allow(identity, str(event["methodArn"]))

    return handle


@cache
def _handler_of_environment() -> Handler:
    return create_handler(AuthorizerSettings.from_env())


def _bearer_token(event: Event) -> str:
    """Raises: Unauthenticated unless there is exactly one `Authorization` header and it holds a bearer token."""
    values = _header_values(event, "authorization")
    match = _BEARER.fullmatch(values[0].strip()) if len(values) == 1 else None
    if match is None:
        raise Unauthenticated("No bearer token.")
    return match[1]


def _header_values(event: Event, name: str) -> list[str]:
    many = cast("Mapping[str, list[str]]", event.get("multiValueHeaders") or {})
    one = cast("Mapping[str, str]", event.get("headers") or {})
    # API Gateway keeps the client's spelling of names, so one header may come under two of them.
    values = [value for key, group in many.items() if key.lower() == name for value in group]
    return values or [value for key, value in one.items() if key.lower() == name]


def _allow(identity: Identity, method_arn: str) -> dict[str, Any]:
    """Allow every route of the stage: API Gateway caches this answer by token and would apply it to the next route."""
    return {
        "principalId": str(identity.user_id),
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{_stage_arn(method_arn)}/*/*"}
            ],
        },
        "context": authorizer_context(identity),
    }


def _stage_arn(method_arn: str) -> str:
    """`arn:aws:execute-api:region:account:api/stage` of `…/stage/METHOD/path`."""
    api, stage, _ = method_arn.split("/", 2)
    return f"{api}/{stage}"
