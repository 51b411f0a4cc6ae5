"""The REST API: one authorizer for every route, streaming for chat, whole compressed answers for the rest."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from collections.abc import Mapping

from aws_cdk import Duration, Size
from aws_cdk import aws_apigateway as apigateway
from constructs import Construct

from cdk.config import StageConfig
from cdk.constructs.gateway_errors import add_gateway_errors
from cdk.constructs.python_function import PythonFunction
from cdk.logs import create_log_group
from cdk.nag import acknowledge
from cdk.routes import ROUTES

ORIGIN_HEADER = "x-parley-origin"
STAGE_NAME = "live"
# API Gateway lets a streamed answer run 15 minutes, and cuts a regional one that is silent for 5.
_STREAM_LIMIT_S = 900
_BUFFERED_LIMIT_S = 29


class Api(Construct):
    """`functions` by the name that `cdk.routes` has for them."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        config: StageConfig,
        authorizer: PythonFunction,
        functions: Mapping[str, PythonFunction],
    ) -> None:
        super().__init__(scope, name)
        self.name = f"parley-{config.stage}"
        self.rest_api = self._create_rest_api(config)
        self._authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=authorizer.alias,
            # Both are the key of the cache: a token that came by CloudFront must not open the door beside it.
            identity_sources=[
                apigateway.IdentitySource.header("Authorization"),
                apigateway.IdentitySource.header(ORIGIN_HEADER),
            ],
            # For so long a revoked key still passes here; limits are checked, and revocation seen, behind it.
            results_cache_ttl=Duration.seconds(60),
        )
        integrations = {each: _integrate(each, function) for each, function in functions.items()}
        for route in ROUTES:
            self._add_route(route.path, integrations[route.function])
        # A deployment is a picture of the API when it is made: the answers must be in it.
        deployment = self.rest_api.latest_deployment
        assert deployment is not None
        for each in add_gateway_errors(self, self.rest_api):
            deployment.node.add_dependency(each)
        self._acknowledge()

    def _create_rest_api(self, config: StageConfig) -> apigateway.RestApi:
        access_logs = create_log_group(self, "AccessLogs", config.api.log_days)
        return apigateway.RestApi(
            self,
            "RestApi",
            rest_api_name=self.name,
            description="Parley: /v1 behind CloudFront",
            # Edge-optimised would cut a stream that is silent for 30 s, and be a second CloudFront.
            endpoint_configuration=apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL]),
            min_compression_size=Size.bytes(1024),
            cloud_watch_role=True,
            deploy_options=apigateway.StageOptions(
                stage_name=STAGE_NAME,
                throttling_rate_limit=config.api.requests_per_s,
                throttling_burst_limit=config.api.burst,
                # Errors only, and never the text of requests.
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                access_log_destination=apigateway.LogGroupLogDestination(access_logs),
                access_log_format=apigateway.AccessLogFormat.custom(_ACCESS_LOG),
            ),
        )

    def _add_route(self, path: str, integration: apigateway.LambdaIntegration) -> None:
        resource = self.rest_api.root.resource_for_path(path)
        options = {
            "authorizer": self._authorizer,
            "authorization_type": apigateway.AuthorizationType.CUSTOM,
        }
        resource.add_method("ANY", integration, **options)
        resource.add_resource("{proxy+}").add_method("ANY", integration, **options)

    def _acknowledge(self) -> None:
        validation = "The functions parse every request into types that cannot be wrong, and name the field that is."
        web_acl = "The web ACL stands on CloudFront, in front; the authorizer refuses what did not come through it."
        cognito = "Cognito's own authorizer knows no API keys and no other issuer; ours verifies Cognito's tokens."
        logs = "API Gateway's one role of the account, by which it writes logs at all."
        push_logs = "arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
        acknowledge(
            self.rest_api,
            {
                "AwsSolutions-APIG2": validation,
                "AwsSolutions-APIG3": web_acl,
                "AwsSolutions-COG4": cognito,
                f"AwsSolutions-IAM4[Policy::{push_logs}]": logs,
            },
        )


_ACCESS_LOG = (
    '{"request_id":"$context.requestId","at":"$context.requestTimeEpoch","method":"$context.httpMethod",'
    '"route":"$context.resourcePath","status":"$context.status","latency_ms":"$context.responseLatency",'
    '"integration_ms":"$context.integrationLatency","bytes":"$context.responseLength",'
    '"user_id":"$context.authorizer.user_id","error":"$context.error.responseType"}'
)


def _integrate(name: str, function: PythonFunction) -> apigateway.LambdaIntegration:
    if name == "chat":
        return apigateway.LambdaIntegration(
            function.alias,
            response_transfer_mode=apigateway.ResponseTransferMode.STREAM,
            timeout=Duration.seconds(min(function.timeout_s, _STREAM_LIMIT_S)),
            scope_permission_to_method=False,
        )
    return apigateway.LambdaIntegration(
        function.alias,
        timeout=Duration.seconds(_BUFFERED_LIMIT_S),
        scope_permission_to_method=False,
    )
