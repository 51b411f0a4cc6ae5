"""What API Gateway tells the functions: the authorizer's event, the request context, the proxy event."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from starlette.types import Scope

Headers = list[tuple[bytes, bytes]]

_API = "arn:aws:execute-api:local:000000000000:parley"
_STAGE = "local"
# Only API Gateway and the Lambda adapters write these; from a client they are a disguise.
_RESERVED_PREFIXES = (b"x-amzn-", b"x-apigateway-")
_CONTEXT_HEADER = b"x-amzn-request-context"


def authorizer_event(scope: Scope, request_id: str) -> dict[str, Any]:
    """The event of a REST API's REQUEST authorizer."""
    context = request_context(scope, request_id)
    return {
        "type": "REQUEST",
        "methodArn": method_arn(scope),
        "resource": context["resourcePath"],
        "path": scope["path"],
        "httpMethod": scope["method"],
        "headers": _single_headers(scope),
        "multiValueHeaders": _multi_headers(scope),
        "requestContext": context,
    }


def method_arn(scope: Scope) -> str:
    """The request as policies name it."""
    return f"{_API}/{_STAGE}/{scope['method']}{scope['path']}"


def allows(policy: Mapping[str, Any], arn: str) -> bool:
    """Whether an authorizer's policy lets `arn` through: one statement allows it and none denies it."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(fnmatchcase(arn, pattern) for pattern in _as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def request_context(scope: Scope, request_id: str, verdict: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """API Gateway's `requestContext`, with the authorizer's verdict once there is one."""
    client = scope.get("client")
    agents = [value for name, value in scope["headers"] if name == b"user-agent"]
    context = {
        "accountId": "000000000000",
        "apiId": "parley",
        "stage": _STAGE,
        "requestId": request_id,
        "requestTimeEpoch": int(time.time() * 1000),
        "resourcePath": "/{proxy+}",
        "path": f"/{_STAGE}{scope['path']}",
        "httpMethod": scope["method"],
        "protocol": f"HTTP/{scope.get('http_version', '1.1')}",
        "identity": {
            "sourceIp": client[0] if client else None,
            "userAgent": agents[0].decode("latin-1") if agents else None,
        },
    }
    if verdict is None:
        return context
    return {**context, "authorizer": {"principalId": verdict["principalId"], **verdict["context"]}}


def scope_for_adapter(scope: Scope, context: Mapping[str, Any]) -> Scope:
    """The request as Lambda Web Adapter hands it on: the context travels in a header."""
    header = (_CONTEXT_HEADER, json.dumps(context).encode("ascii"))
    return {**scope, "headers": [*_client_headers(scope), header]}


def scope_for_mangum(scope: Scope, context: Mapping[str, Any]) -> Scope:
    """The request as Mangum hands it on: the whole proxy event stands beside it, but for the body."""
    cleaned = {**scope, "headers": _client_headers(scope)}
    event = {
        "resource": context["resourcePath"],
        "path": scope["path"],
        "httpMethod": scope["method"],
        "headers": _single_headers(cleaned),
        "multiValueHeaders": _multi_headers(cleaned),
        "requestContext": context,
    }
    return {**cleaned, "aws.event": event, "aws.context": None}


def _client_headers(scope: Scope) -> Headers:
    return [(name, value) for name, value in scope["headers"] if not name.lower().startswith(_RESERVED_PREFIXES)]


def _single_headers(scope: Scope) -> dict[str, str]:
    """The last value of each header, as API Gateway's `headers` has it."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _multi_headers(scope: Scope) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in scope["headers"]:
        grouped.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return grouped


def _as_list(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
