"""The REST API: who streams, who may come in, and what it says when it refuses by itself."""

import json
from typing import Any

from cdk.routes import ROUTES
from local.gateway.app import functions_of
from parley.edge.errors import STATUS_OF_CODE
from tests.infra.conftest import FindResources
from tests.infra.intrinsics import resolve

# What only the gateway says: no function of ours gets so far.
_GATEWAY_CODES = {"internal_error": 500, "rate_limit_exceeded": 429, "timeout": 504}
_TYPES = {
    "ACCESS_DENIED",
    "API_CONFIGURATION_ERROR",
    "AUTHORIZER_CONFIGURATION_ERROR",
    "AUTHORIZER_FAILURE",
    "BAD_REQUEST_BODY",
    "BAD_REQUEST_PARAMETERS",
    "DEFAULT_4XX",
    "DEFAULT_5XX",
    "EXPIRED_TOKEN",
    "INTEGRATION_FAILURE",
    "INTEGRATION_TIMEOUT",
    "INVALID_API_KEY",
    "INVALID_SIGNATURE",
    "MISSING_AUTHENTICATION_TOKEN",
    "QUOTA_EXCEEDED",
    "REQUEST_TOO_LARGE",
    "RESOURCE_NOT_FOUND",
    "THROTTLED",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "WAF_FILTERED",
}


def _methods(find_resources: FindResources, stage: str) -> dict[str, dict[str, Any]]:
    """Each method by its path."""
    resources = {name.rpartition("/")[2]: each for name, each in find_resources(stage, "ApiGateway::Resource").items()}

    def path(reference: dict[str, Any]) -> str:
        resource = resources.get(reference.get("Ref", ""))
        if resource is None:
            return ""
        return f"{path(resource['Properties']['ParentId'])}/{resource['Properties']['PathPart']}"

    methods = [each["Properties"] for each in find_resources(stage, "ApiGateway::Method").values()]
    return {path(each["ResourceId"]): each for each in methods}


def test_the_routes_are_the_local_gateway_s() -> None:
    functions = {name: name for name in ("chat", "history", "accounts", "moderation")}
    names = functions_of(**functions)  # pyright: ignore[reportArgumentType]

    assert {(each.path, each.function) for each in ROUTES} == {(each.path, each.app) for each in names}


def test_every_route_is_served_with_all_below_it(find_resources: FindResources, stage: str) -> None:
    methods = _methods(find_resources, stage)

    assert methods.keys() == {path for each in ROUTES for path in (each.path, f"{each.path}/{{proxy+}}")}
    assert {each["HttpMethod"] for each in methods.values()} == {"ANY"}


def test_chat_streams_and_the_rest_does_not(find_resources: FindResources, stage: str) -> None:
    methods = _methods(find_resources, stage)

    for route in ROUTES:
        for path in (route.path, f"{route.path}/{{proxy+}}"):
            integration = methods[path]["Integration"]
            streams = route.function == "chat"
            assert (integration.get("ResponseTransferMode") == "STREAM") is streams
            assert ("response-streaming-invocations" in resolve(integration["Uri"])) is streams
            assert integration["TimeoutInMillis"] <= (900_000 if streams else 29_000)


def test_every_route_calls_an_alias(find_resources: FindResources, stage: str) -> None:
    aliases = {name.rpartition("/")[2] for name in find_resources(stage, "Lambda::Alias")}

    for method in _methods(find_resources, stage).values():
        uri = resolve(method["Integration"]["Uri"])
        assert any(f"/functions/{alias}/" in uri for alias in aliases)


def test_no_route_is_open_and_verdicts_are_kept_a_minute_at_most(find_resources: FindResources, stage: str) -> None:
    (authorizer,) = (each["Properties"] for each in find_resources(stage, "ApiGateway::Authorizer").values())

    assert {each["AuthorizationType"] for each in _methods(find_resources, stage).values()} == {"CUSTOM"}
    assert authorizer["Type"] == "REQUEST"
    assert authorizer["AuthorizerResultTtlInSeconds"] <= 60


def test_a_verdict_is_kept_for_token_and_origin_together(find_resources: FindResources, stage: str) -> None:
    (authorizer,) = (each["Properties"] for each in find_resources(stage, "ApiGateway::Authorizer").values())

    sources = set(authorizer["IdentitySource"].split(","))
    assert sources == {"method.request.header.Authorization", "method.request.header.x-parley-origin"}


def test_the_api_is_regional_compresses_logs_and_throttles(find_resources: FindResources, stage: str) -> None:
    (api,) = (each["Properties"] for each in find_resources(stage, "ApiGateway::RestApi").values())
    (live,) = (each["Properties"] for each in find_resources(stage, "ApiGateway::Stage").values())
    (settings,) = live["MethodSettings"]

    assert api["EndpointConfiguration"]["Types"] == ["REGIONAL"]
    assert api["MinimumCompressionSize"] == 1024
    assert "user_id" in json.loads(live["AccessLogSetting"]["Format"])
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] > 0
    assert settings["DataTraceEnabled"] is False


def test_every_refusal_of_the_gateway_is_in_our_shape(find_resources: FindResources, stage: str) -> None:
    responses = [each["Properties"] for each in find_resources(stage, "ApiGateway::GatewayResponse").values()]

    assert {each["ResponseType"] for each in responses} == _TYPES
    for each in responses:
        error = json.loads(each["ResponseTemplates"]["application/json"])["error"]
        assert error.keys() == {"message", "type", "param", "code"}
        status = int(each["StatusCode"]) if "StatusCode" in each else None
        assert status in {None, {**STATUS_OF_CODE, **_GATEWAY_CODES}[error["code"]]}
        if status:
            assert error["type"] == ("invalid_request_error" if status < 500 else "server_error")


def test_every_refusal_of_the_gateway_has_its_request_id_and_may_be_read_by_any_page(
    find_resources: FindResources, stage: str
) -> None:
    for each in find_resources(stage, "ApiGateway::GatewayResponse").values():
        headers = each["Properties"]["ResponseParameters"]
        assert headers["gatewayresponse.header.x-request-id"] == "context.requestId"
        assert headers["gatewayresponse.header.access-control-allow-origin"] == "'*'"
        assert "x-request-id" in headers["gatewayresponse.header.access-control-expose-headers"]


def test_a_failing_authorizer_is_no_word_on_the_token(find_resources: FindResources, stage: str) -> None:
    responses = [each["Properties"] for each in find_resources(stage, "ApiGateway::GatewayResponse").values()]
    (failure,) = (each for each in responses if each["ResponseType"] == "AUTHORIZER_FAILURE")

    assert failure["StatusCode"] == "503"
    assert '"issuer_unavailable"' in failure["ResponseTemplates"]["application/json"]
    assert failure["ResponseParameters"]["gatewayresponse.header.retry-after"] == "'1'"


def test_the_refusals_are_in_the_deployment(find_resources: FindResources, stage: str) -> None:
    (deployment,) = find_resources(stage, "ApiGateway::Deployment").values()
    responses = {name.rpartition("/")[2] for name in find_resources(stage, "ApiGateway::GatewayResponse")}

    assert responses <= set(deployment["DependsOn"])
