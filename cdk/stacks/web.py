"""The one host that users see: CloudFront with the web ACL, the page out of a bucket, `/v1/*` out of the API."""

from pathlib import Path

from aws_cdk import CfnOutput, Duration, Environment, SecretValue, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from cdk.build import Build
from cdk.config import StageConfig
from cdk.constructs.api import ORIGIN_HEADER, STAGE_NAME
from cdk.constructs.web_acl import WebAcl
from cdk.lint import accept
from cdk.logs import create_log_group
from cdk.nag import BASIC_EXECUTION, acknowledge
from cdk.retention import removal_policy
from cdk.stacks.api import ApiStack
from cdk.stacks.data import DataStack
from cdk.stacks.identity import IdentityStack

_PAGE_PATHS = Path(__file__).parent.parent / "constructs" / "page_paths.js"


class WebStack(Stack):
    """Always in us-east-1, where CloudFront looks for web ACLs and certificates; the page's bucket may be anywhere."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: StageConfig,
        env: Environment,
        *,
        build: Build,
        data: DataStack,
        identity: IdentityStack,
        api: ApiStack,
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: CloudFront, web ACL and page",
            termination_protection=config.retain_data,
        )
        self._config = config
        logs = self._create_bucket("Logs", logs=None)
        self._page = self._create_bucket("Page", logs=logs)
        self.web_acl = WebAcl(self, "WebAcl", config=config)
        self.distribution = self._create_distribution(logs, data, api)
        self._deploy_page(build, identity)
        host = config.web.domain or self.distribution.distribution_domain_name
        CfnOutput(self, "PageUrl", value=f"https://{host}", description="The page; /v1 below it is the API")
        CfnOutput(self, "DistributionDomain", value=self.distribution.distribution_domain_name)

    def _create_bucket(self, name: str, *, logs: s3.Bucket | None) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            versioned=True,
            # CloudFront's standard logs are written by ACL.
            object_ownership=(
                s3.ObjectOwnership.BUCKET_OWNER_ENFORCED if logs else s3.ObjectOwnership.BUCKET_OWNER_PREFERRED
            ),
            server_access_logs_bucket=logs,
            server_access_logs_prefix="page/" if logs else None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(30),
                    abort_incomplete_multipart_upload_after=Duration.days(1),
                    expiration=None if logs else Duration.days(max(self._config.api.log_days, 30)),
                )
            ],
            removal_policy=removal_policy(self._config),
        )
        if logs is None:
            acknowledge(bucket, {"AwsSolutions-S1": "It is where access logs go; logs of logs would never end."})
        return bucket

    def _create_distribution(self, logs: s3.Bucket, data: DataStack, api: ApiStack) -> cloudfront.Distribution:
        web = self._config.web
        certificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", web.certificate_arn)
            if web.certificate_arn
            else None
        )
        distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Parley {self._config.stage}",
            domain_names=[web.domain] if web.domain else None,
            certificate=certificate,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if certificate else None,
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            web_acl_id=self.web_acl.arn,
            # The bucket may be listed by its origin, so the root must name a file.
            default_root_object="index.html",
            log_bucket=logs,
            log_file_prefix="cloudfront/",
            default_behavior=self._page_behavior(),
            additional_behaviors={"/v1/*": self._api_behavior(data, api)},
        )
        listing = "The root is a file (default_root_object), so a list of the bucket is never an answer."
        reasons = {"Annotation::@aws-cdk/aws-cloudfront-origins:listBucketSecurityRisk": listing}
        reasons |= {"AwsSolutions-CFR1": "A chat assistant for whoever may sign in, wherever they are."}
        if certificate is None:
            reasons["AwsSolutions-CFR4"] = (
                "Without a domain of its own CloudFront serves its own certificate, with which it chooses the protocols."
            )
        acknowledge(distribution, reasons)
        return distribution

    def _page_behavior(self) -> cloudfront.BehaviorOptions:
        paths = cloudfront.Function(
            self,
            "PagePaths",
            code=cloudfront.FunctionCode.from_inline(_PAGE_PATHS.read_text()),
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(
                self._page,
                # With leave to list, a file that is not there is a 404 and no 403.
                origin_access_levels=[cloudfront.AccessLevel.READ, cloudfront.AccessLevel.LIST],
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD,
            # Brotli and gzip; how long is the files' own cache-control.
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            compress=True,
            response_headers_policy=self._page_headers(),
            function_associations=[
                cloudfront.FunctionAssociation(function=paths, event_type=cloudfront.FunctionEventType.VIEWER_REQUEST)
            ],
        )

    def _api_behavior(self, data: DataStack, api: ApiStack) -> cloudfront.BehaviorOptions:
        rest = api.api.rest_api
        host = f"{rest.rest_api_id}.execute-api.{api.region}.{api.url_suffix}"
        secret = SecretValue.secrets_manager(data.origin_secret_name)
        return cloudfront.BehaviorOptions(
            origin=origins.HttpOrigin(
                host,
                origin_path=f"/{STAGE_NAME}",
                protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
                origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
                # The longest silence, 180 s being the most without a quota: streams say something every 15 s.
                read_timeout=Duration.seconds(180),
                keepalive_timeout=Duration.seconds(60),
                custom_headers={
                    ORIGIN_HEADER: secret.unsafe_unwrap(),
                    # CloudFormation reads a secret again only when the resource around it changes.
                    f"{ORIGIN_HEADER}-generation": str(self._config.web.origin_secret_generation),
                },
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            # A stream must not wait to be compressed; API Gateway compresses the rest.
            compress=False,
            response_headers_policy=cloudfront.ResponseHeadersPolicy(
                self,
                "ApiHeaders",
                security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                    content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                    strict_transport_security=_hsts(),
                ),
            ),
        )

    def _page_headers(self) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "PageHeaders",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=page_policy(self._config), override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.SAME_ORIGIN, override=True
                ),
                strict_transport_security=_hsts(),
            ),
        )

    def _deploy_page(self, build: Build, identity: IdentityStack) -> None:
        """Hashed files first, and kept: a page that is open still asks for those of the build before."""
        logs = create_log_group(self, "DeploymentLogs", self._config.api.log_days)
        files = deployment.Source.asset(build.web)
        assets = deployment.BucketDeployment(
            self,
            "Assets",
            sources=[files],
            destination_bucket=self._page,
            exclude=["*"],
            include=["assets/*"],
            cache_control=[deployment.CacheControl.from_string("public, max-age=31536000, immutable")],
            prune=False,
            log_group=logs,
        )
        page = deployment.BucketDeployment(
            self,
            "Entry",
            sources=[files, deployment.Source.json_data("config.json", self._page_config(identity))],
            destination_bucket=self._page,
            exclude=["assets/*"],
            cache_control=[deployment.CacheControl.from_string("no-cache")],
            prune=False,
            log_group=logs,
        )
        page.node.add_dependency(assets)
        self._acknowledge_uploader()

    def _acknowledge_uploader(self) -> None:
        """CDK's own function that copies files from its bucket of assets to the page's."""
        copying = "CDK's own uploader reads the bucket of assets and writes the bucket of the page: every file in them."
        uploader = next(each for each in self.node.children if each.node.id.startswith("Custom::CDKBucketDeployment"))
        actions = ("GetBucket*", "GetObject*", "List*", "Abort*", "DeleteObject*")
        assets = f"arn:aws:s3:::cdk-hnb659fds-assets-{self._config.account or '<AWS::AccountId>'}-{self.region}/*"
        bucket = self._page.node.default_child
        assert isinstance(bucket, s3.CfnBucket)
        page = f"<{self.get_logical_id(bucket)}.Arn>/*"
        acknowledge(
            uploader,
            {
                **{f"AwsSolutions-IAM5[Action::s3:{each}]": copying for each in actions},
                **{f"AwsSolutions-IAM5[Resource::{each}]": copying for each in (assets, page)},
                BASIC_EXECUTION: "CDK's own uploader writes its logs by AWS's policy for that.",
                "AwsSolutions-L1": "CDK chooses the runtime of its own uploader.",
            },
        )
        accept(self, "AWS::Lambda::Function", {"W3005": "CDK's own: a function that waits for its role twice."})

    def _page_config(self, identity: IdentityStack) -> dict[str, object]:
        """What the page learns at start; Cognito's sign-in page may not stand in a frame, and has its own way out."""
        client_id = identity.page_client.user_pool_client_id
        return {
            "authority": identity.issuer,
            "client_id": client_id,
            "scope": "openid profile email",
            "silent_frame": False,
            "sign_out": {
                "url": f"{self._config.sign_in_origin}/logout",
                "params": {"client_id": client_id, "logout_uri": "{origin}/"},
            },
        }


def page_policy(config: StageConfig) -> str:
    """The page's Content-Security-Policy: the local gateway's, with Cognito for the foreign issuer."""
    issuer = f"https://cognito-idp.{config.region}.amazonaws.com {config.sign_in_origin}"
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
        f"connect-src 'self' {issuer}; frame-src 'self' {issuer}; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types dompurify parley"
    )


def _hsts() -> cloudfront.ResponseHeadersStrictTransportSecurity:
    return cloudfront.ResponseHeadersStrictTransportSecurity(
        access_control_max_age=Duration.days(365), include_subdomains=False, override=True
    )
