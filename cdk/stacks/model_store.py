"""The bucket that vLLM loads weights from, and the job that brings a model into it (`parley models push`)."""

from pathlib import Path
from typing import cast

from aws_cdk import ArnFormat, CfnElement, CfnOutput, Duration, Environment, Stack
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from constructs import Construct

from cdk.config import StageConfig
from cdk.logs import create_log_group
from cdk.nag import acknowledge
from cdk.retention import removal_policy

_JOB = Path(__file__).parents[2] / "gpu_workers" / "weights"
# What the job may write; everything that vLLM loads is below one of them.
FOLDERS = ("models", "adapters")


class ModelStoreStack(Stack):
    """`bucket` holds `models/NAME/REVISION/…` and `adapters/NAME/REVISION/…`; a revision is whole when its manifest is there.

    The job runs outside the VPC: what it downloads would pass a NAT gateway there, billed by the gigabyte, to reach nothing
    that is inside.
    """

    def __init__(self, scope: Construct, name: str, config: StageConfig, env: Environment) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: model weights and the job that brings them in",
            termination_protection=config.retain_data,
        )
        self._config = config
        logs = self._create_bucket("Logs", logs=None)
        self.bucket = self._create_bucket("Models", logs=logs)
        self.project = self._create_project()
        CfnOutput(self, "ModelBucket", value=self.bucket.bucket_name, description="Weights, by model and revision")
        CfnOutput(self, "PushProject", value=self.project.project_name, description="What parley models push starts")

    def _create_bucket(self, name: str, *, logs: s3.Bucket | None) -> s3.Bucket:
        bucket = s3.Bucket(
            self,
            name,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            # A revision is never overwritten, so versions cost nothing until someone deletes one by mistake.
            versioned=True,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=logs,
            server_access_logs_prefix="models/" if logs else None,
            lifecycle_rules=[
                s3.LifecycleRule(
                    noncurrent_version_expiration=Duration.days(7),
                    # What a killed push left; one that is run again begins a file's upload anew.
                    abort_incomplete_multipart_upload_after=Duration.days(2),
                    expiration=None if logs else Duration.days(max(self._config.api.log_days, 30)),
                )
            ],
            removal_policy=removal_policy(self._config),
        )
        if logs is None:
            acknowledge(bucket, {"AwsSolutions-S1": "It is where access logs go; logs of logs would never end."})
        return bucket

    def _create_project(self) -> codebuild.Project:
        source = assets.Asset(self, "Job", path=str(_JOB), exclude=["**/__pycache__", "*.pyc"])
        # By name, not by id: `parley models` finds the stage's store by it.
        name = f"parley-{self._config.stage}-push-model"
        secret = f"parley-{self._config.stage}/hugging-face-token"
        project = codebuild.Project(
            self,
            "Push",
            project_name=name,
            description="Brings a model from the hub into the bucket (parley models push)",
            source=codebuild.Source.s3(bucket=source.bucket, path=source.s3_object_key),
            build_spec=codebuild.BuildSpec.from_source_filename("buildspec.yml"),
            environment=codebuild.BuildEnvironment(
                build_image=codebuild.LinuxBuildImage.AMAZON_LINUX_2023_5,
                # 4 vCPUs to hash and encrypt with, and 128 GB of disk, of which a push holds a few shards at a time.
                compute_type=codebuild.ComputeType.MEDIUM,
            ),
            environment_variables={
                "BUCKET": codebuild.BuildEnvironmentVariable(value=self.bucket.bucket_name),
                "TOKEN_SECRET": codebuild.BuildEnvironmentVariable(value=secret),
                "JOB": codebuild.BuildEnvironmentVariable(value="/tmp/job"),  # noqa: S108 the build's own machine
            },
            logging=codebuild.LoggingOptions(
                cloud_watch=codebuild.CloudWatchLoggingOptions(
                    log_group=create_log_group(self, "PushLogs", self._config.api.log_days)
                )
            ),
            timeout=Duration.hours(8),
            grant_report_group_permissions=False,
        )
        self._permit(project, secret)
        self._acknowledge_wildcards(project, secret)
        return project

    def _permit(self, project: codebuild.Project, secret: str) -> None:
        """Write below the two folders, see what is there, and read the one secret if the team has made it. No deletion."""
        # Secrets Manager ends an ARN with six letters of its own, and asks for the bare name while there is no such secret.
        secrets = self.format_arn(
            service="secretsmanager",
            resource="secret",
            resource_name=f"{secret}*",
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )
        objects = [self.bucket.arn_for_objects(f"{folder}/*") for folder in FOLDERS]
        writing = ["s3:PutObject", "s3:GetObject", "s3:AbortMultipartUpload"]
        for actions, resources in (
            (writing, objects),
            # Without leave to list, an object that is not there yet is a 403 and no 404.
            (["s3:ListBucket"], [self.bucket.bucket_arn]),
            (["secretsmanager:GetSecretValue"], [secrets]),
        ):
            project.add_to_role_policy(iam.PolicyStatement(actions=actions, resources=resources))

    def _acknowledge_wildcards(self, project: codebuild.Project, secret: str) -> None:
        here = f"{self._config.region}:{self._config.account or '<AWS::AccountId>'}"
        bucket, build = (
            self.get_logical_id(cast(CfnElement, each.node.default_child)) for each in (self.bucket, project)
        )
        source = "CDK's grant to read one object, the job's own source, out of the bucket of its assets."
        folder = "A revision is a folder of objects whose names the model's author chose."
        reasons = {f"Action::s3:{each}*": source for each in ("GetBucket", "GetObject", "List")}
        reasons |= {f"Resource::<{bucket}.Arn>/{each}/*": folder for each in FOLDERS}
        reasons[f"Resource::arn:aws:secretsmanager:{here}:secret:{secret}*"] = (
            "One secret; AWS ends its ARN with letters."
        )
        reasons[f"Resource::arn:aws:logs:{here}:log-group:/aws/codebuild/<{build}>:*"] = (
            "The streams of its own log group."
        )
        acknowledge(
            project,
            {
                **{f"AwsSolutions-IAM5[{each}]": why for each, why in reasons.items()},
                "AwsSolutions-CB4": "The key is for artefacts, and the job leaves none: S3 encrypts what it uploads.",
            },
        )
