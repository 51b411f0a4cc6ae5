"""API Gateway's own answers in the shape of ours: without these a client sees `{"message": "Forbidden"}`."""

import json
from dataclasses import dataclass

from aws_cdk import aws_apigateway as apigateway
from constructs import Construct


@dataclass(frozen=True, slots=True)
class GatewayError:
    """One of API Gateway's response types. Without a status it keeps the one that API Gateway has for the case."""

    response_type: str
    status: int | None
    code: str
    message: str
    retry_after_s: int | None = None

    @property
    def body(self) -> str:
        kind = "invalid_request_error" if self.status and self.status < 500 else "server_error"
        if self.response_type == "DEFAULT_4XX":
            kind = "invalid_request_error"
        return json.dumps({"error": {"message": self.message, "type": kind, "param": None, "code": self.code}})


_REFUSED = "The token is invalid or has expired."
_OURS = "The server had an error while it worked on your request. Try again, and report the x-request-id if it stays."
_BUSY = "Too many requests at once. Try again in a moment."

# Every type that API Gateway has: https://docs.aws.amazon.com/apigateway/latest/developerguide/supported-gateway-response-types.html
GATEWAY_ERRORS = (
    GatewayError("ACCESS_DENIED", 403, "permission_denied", "This account may not use this URL."),
    GatewayError("API_CONFIGURATION_ERROR", 500, "internal_error", _OURS),
    GatewayError("AUTHORIZER_CONFIGURATION_ERROR", 500, "internal_error", _OURS),
    # No word on the token: the authorizer could not ask. Clients try again.
    GatewayError("AUTHORIZER_FAILURE", 503, "issuer_unavailable", "Sign-in cannot be checked now. Try again.", 1),
    GatewayError("BAD_REQUEST_BODY", 400, "invalid_request", "The body is not what this URL takes."),
    GatewayError(
        "BAD_REQUEST_PARAMETERS", 400, "invalid_request", "A parameter is missing or not what this URL takes."
    ),
    GatewayError("DEFAULT_4XX", None, "invalid_request", "The request cannot be served as it is."),
    GatewayError("DEFAULT_5XX", None, "internal_error", _OURS),
    GatewayError("EXPIRED_TOKEN", 401, "invalid_api_key", _REFUSED),
    GatewayError("INTEGRATION_FAILURE", 502, "engine_failed", "The answer broke off. Try again.", 1),
    GatewayError("INTEGRATION_TIMEOUT", 504, "timeout", "The answer took too long. Try again.", 1),
    GatewayError("INVALID_API_KEY", 401, "invalid_api_key", _REFUSED),
    GatewayError("INVALID_SIGNATURE", 401, "invalid_api_key", _REFUSED),
    # What API Gateway says of a path that it has no method for, whatever the headers.
    GatewayError("MISSING_AUTHENTICATION_TOKEN", 404, "unknown_url", "Unknown request URL."),
    GatewayError("QUOTA_EXCEEDED", 429, "rate_limit_exceeded", _BUSY, 60),
    GatewayError("REQUEST_TOO_LARGE", 413, "request_too_large", "The request is larger than 10 MB."),
    GatewayError("RESOURCE_NOT_FOUND", 404, "unknown_url", "Unknown request URL."),
    GatewayError("THROTTLED", 429, "rate_limit_exceeded", _BUSY, 1),
    GatewayError(
        "UNAUTHORIZED", 401, "invalid_api_key", "No valid token: send a header 'Authorization: Bearer <token>'."
    ),
    GatewayError("UNSUPPORTED_MEDIA_TYPE", 400, "invalid_request", "Send JSON, with content-type: application/json."),
    GatewayError("WAF_FILTERED", 403, "permission_denied", "The request looks like an attack and was refused."),
)


def add_gateway_errors(scope: Construct, api: apigateway.RestApi) -> list[apigateway.CfnGatewayResponse]:
    return [_add(scope, api, each) for each in GATEWAY_ERRORS]


def _add(scope: Construct, api: apigateway.RestApi, error: GatewayError) -> apigateway.CfnGatewayResponse:
    headers = {
        "x-request-id": "context.requestId",
        # These answers hold nothing of anybody's: any page may read why its call failed.
        "access-control-allow-origin": "'*'",
        "access-control-expose-headers": "'x-request-id, retry-after'",
    }
    if error.retry_after_s is not None:
        headers["retry-after"] = f"'{error.retry_after_s}'"
    return apigateway.CfnGatewayResponse(
        scope,
        f"Error{error.response_type.title().replace('_', '')}",
        rest_api_id=api.rest_api_id,
        response_type=error.response_type,
        status_code=str(error.status) if error.status else None,
        response_parameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
        response_templates={"application/json": error.body},
    )
