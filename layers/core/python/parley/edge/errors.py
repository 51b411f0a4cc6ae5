"""Errors as OpenAI's clients know them: `{"error": {"message", "type", "param", "code"}}` and a status they act on."""

from collections.abc import Mapping
from typing import Any

import orjson
from aws_lambda_powertools import Logger
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from parley.edge.bodies import problem
from parley.errors import ChatError, MethodNotAllowed, UnknownUrl
from parley.kit.telemetry import describe_error

# The SDKs retry 408, 409, 429 and 5xx; everything a retry cannot mend is a 4xx beside those.
STATUS_OF_CODE: Mapping[str, int] = {
    "invalid_request": 400,
    "unsupported_parameter": 400,
    "context_length_exceeded": 400,
    "content_policy_violation": 400,
    "api_key_limit_reached": 400,
    "idempotency_key_reused": 400,
    "review_decided": 400,
    "invalid_api_key": 401,
    "permission_denied": 403,
    "not_found": 404,
    "model_not_found": 404,
    "unknown_url": 404,
    "method_not_allowed": 405,
    "conversation_busy": 409,
    "request_too_large": 413,
    "engine_failed": 502,
    "engine_unavailable": 503,
    "storage_unavailable": 503,
    "issuer_unavailable": 503,
    "moderation_unavailable": 503,
}


def error_body(error: ChatError) -> dict[str, Any]:
    """The document of one error, also sent as an event in the middle of a stream."""
    kind = "invalid_request_error" if STATUS_OF_CODE[error.code] < 500 else "server_error"
    return {"error": {"message": error.message, "type": kind, "param": error.param, "code": error.code}}


def error_response(error: ChatError) -> Response:
    headers = {"retry-after": str(error.retry_after_s)} if error.retry_after_s is not None else None
    return json_response(error_body(error), status=STATUS_OF_CODE[error.code], headers=headers)


def internal_error_body() -> dict[str, Any]:
    """For bugs. It says nothing of the cause: the log has it, under the request id."""
    message = (
        "The server had an error while it worked on your request. Try again, and report the x-request-id if it stays."
    )
    return {"error": {"message": message, "type": "server_error", "param": None, "code": "internal_error"}}


def json_response(document: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(document), status_code=status, headers=headers, media_type="application/json")


def install_error_handlers(app: FastAPI, logger: Logger) -> None:
    """Replace FastAPI's own `{"detail"}` answers, which have neither code nor type."""

    async def on_chat_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, ChatError)
        if STATUS_OF_CODE[error.code] >= 500:
            logger.warning("request_failed", extra={"code": error.code, **describe_error(error)})
        return error_response(error)

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return error_response(problem({**error.errors()[0], "loc": error.errors()[0]["loc"][1:]}))

    async def on_http_error(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if error.status_code == 405:
            return error_response(MethodNotAllowed(f"{request.method} is not allowed for this URL."))
        return error_response(UnknownUrl(f"Unknown request URL: {request.method} {request.scope['path']}."))

    async def on_bug(_: Request, error: Exception) -> Response:
        logger.error("internal_error", extra=describe_error(error))
        return json_response(internal_error_body(), status=500)

    app.add_exception_handler(ChatError, on_chat_error)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_exception_handler(Exception, on_bug)
