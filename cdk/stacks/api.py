"""What is deployed every week: the functions, the API in front of them, and the clock behind them."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

import json

from aws_cdk import Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_scheduler_targets as targets
from constructs import Construct

from cdk.build import Build
from cdk.catalogue import Catalogue
from cdk.config import StageConfig
from cdk.constructs.api import Api
from cdk.constructs.database import OWNER
from cdk.constructs.migration import Migrations
from cdk.constructs.python_function import PythonFunction, create_layer, create_platform
from cdk.stacks.data import DataStack
from cdk.stacks.identity import IdentityStack
from cdk.stacks.network import NetworkStack

# Lambda Web Adapter 1.0.0, published by AWS in its own account: https://github.com/awslabs/aws-lambda-web-adapter
_ADAPTER_ACCOUNT = "753240598075"
_ADAPTER_VERSION = 27
# Buffered functions: API Gateway hangs up at 29 s.
_BUFFERED_TIMEOUT_S = 28
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
_WHOLE_VCPU_MB = 1769


class ApiStack(Stack):
    """Holds no data: it can be deleted and made again."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        config: StageConfig,
        env: Environment,
        *,
        catalogue: Catalogue,
        build: Build,
        network: NetworkStack,
        data: DataStack,
        identity: IdentityStack,
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: functions and API",
            termination_protection=config.retain_data,
        )
        self._config = config
        self._network = network
        self._data = data
        self._catalogue = catalogue
        self._platform = create_platform(self, config, build, network.vpc)
        self._models = self._create_models_layer()
        self.moderation = self._create_moderation()
        self.chat = self._create_chat()
        self.history = self._create_history()
        self.accounts = self._create_accounts()
        self.authorizer = self._create_authorizer(identity)
        self.jobs = self._create_jobs()
        self.migrate = self._create_migrate()
        self.functions = (
            self.chat,
            self.history,
            self.accounts,
            self.moderation,
            self.authorizer,
            self.jobs,
            self.migrate,
        )
        self._migrate_around_new_code(build)
        self.api = Api(
            self,
            "Api",
            config=config,
            authorizer=self.authorizer,
            functions={
                "chat": self.chat,
                "history": self.history,
                "accounts": self.accounts,
                "moderation": self.moderation,
            },
        )

    def _create_chat(self) -> PythonFunction:
        limits = self._config.api
        return PythonFunction(
            self,
            "chat",
            platform=self._platform,
            handler="run.sh",
            extra_layers=[self._models, self._web_adapter()],
            memory_mb=limits.chat_memory_mb,
            timeout_s=limits.turn_timeout_s,
            concurrency=limits.chat_concurrency,
            security_groups=self._turn_groups(),
            environment={
                **self._database("parley_app"),
                **self._valkey("chat"),
                **self._turns(),
                "AWS_LAMBDA_EXEC_WRAPPER": "/opt/bootstrap",
                "AWS_LWA_INVOKE_MODE": "response_stream",
                "AWS_LWA_PORT": "8000",
                "AWS_LWA_READINESS_CHECK_PATH": "/healthz",
            },
            statements=[
                self._data.database.connect_statement("parley_app"),
                self._data.cache.connect_statement("chat"),
                *self._turn_statements(),
            ],
        )

    def _create_history(self) -> PythonFunction:
        reader = self._data.database.reader_url("parley_app")
        return PythonFunction(
            self,
            "history",
            platform=self._platform,
            memory_mb=512,
            timeout_s=_BUFFERED_TIMEOUT_S,
            security_groups=[self._network.database_clients],
            environment={**self._database("parley_app"), **({"DATABASE_READER_URL": reader} if reader else {})},
            statements=[self._data.database.connect_statement("parley_app")],
        )

    def _create_accounts(self) -> PythonFunction:
        return PythonFunction(
            self,
            "accounts",
            platform=self._platform,
            memory_mb=512,
            timeout_s=_BUFFERED_TIMEOUT_S,
            security_groups=[self._network.database_clients],
            environment=self._database("parley_app"),
            statements=[self._data.database.connect_statement("parley_app")],
        )

    def _create_moderation(self) -> PythonFunction:
        """The classifier, for turns by Lambda's own Invoke and for `/v1/moderations`; and the queue of reviews."""
        return PythonFunction(
            self,
            "moderation",
            platform=self._platform,
            extra_layers=[create_layer(self, self._platform, "ml"), self._models],
            # From this memory on a function has a whole vCPU; the classifier needs 125 MB, and 10 ms of one core for a message.
            memory_mb=_WHOLE_VCPU_MB,
            timeout_s=_BUFFERED_TIMEOUT_S,
            provisioned=self._config.api.moderation_provisioned,
            # It calls nobody but the database: what it is asked to judge cannot make it.
            security_groups=[self._network.database_clients],
            environment={
                **self._database("parley_review"),
                "MODERATION_FILE": f"/opt/{self._moderation_file}",
                "CLASSIFIER_FOLDER": "/opt/classifier",
                # Memory that one thread has freed serves the others: 240 MB at most instead of 295 (`training.footprint`).
                "MALLOC_ARENA_MAX": "1",
            },
            statements=[self._data.database.connect_statement("parley_review")],
        )

    def _create_authorizer(self, identity: IdentityStack) -> PythonFunction:
        secret_arn = self._data.origin_secret.secret_arn
        return PythonFunction(
            self,
            "authorizer",
            platform=self._platform,
            memory_mb=512,
            # API Gateway gives an authorizer 30 s; a client should know sooner.
            timeout_s=10,
            security_groups=[self._network.database_clients, self._network.https_clients],
            environment={
                **self._database("parley_auth"),
                "OIDC_ISSUER": identity.issuer,
                "OIDC_ISSUER_NAME": "cognito",
                "OIDC_AUDIENCE": identity.page_client.user_pool_client_id,
                "ORIGIN_SECRET_ARN": secret_arn,
            },
            statements=[self._data.database.connect_statement("parley_auth"), _read_secret(secret_arn)],
        )

    def _create_jobs(self) -> PythonFunction:
        limits = self._config.api
        function = PythonFunction(
            self,
            "jobs",
            platform=self._platform,
            extra_layers=[self._models],
            memory_mb=512,
            timeout_s=limits.turn_timeout_s,
            security_groups=self._turn_groups(),
            environment={
                **self._database("parley_jobs"),
                # What it does in the name of one user, it does with the rights of the functions that the user calls.
                "APP_DATABASE_URL": self._data.database.url("parley_app"),
                **self._valkey("jobs"),
                **self._turns(),
            },
            statements=[
                self._data.database.connect_statement("parley_jobs"),
                self._data.database.connect_statement("parley_app"),
                self._data.cache.connect_statement("jobs"),
                *self._turn_statements(),
            ],
        )
        for queue, batch_size, concurrency in (
            (self._data.turns, 1, limits.background_concurrency),
            (self._data.jobs, 10, limits.jobs_concurrency),
        ):
            function.alias.add_event_source(
                event_sources.SqsEventSource(
                    queue, batch_size=batch_size, max_concurrency=concurrency, report_batch_item_failures=True
                )
            )
        scheduler.Schedule(
            self,
            "Sweep",
            description="Settles turns whose process is gone",
            schedule=scheduler.ScheduleExpression.rate(Duration.minutes(1)),
            target=targets.SqsSendMessage(
                self._data.jobs,
                input=scheduler.ScheduleTargetInput.from_text(json.dumps({"job": "sweep"})),
                # The next minute brings another.
                max_event_age=Duration.minutes(1),
                retry_attempts=1,
                dead_letter_queue=self._data.dead_letters,
            ),
        )
        return function

    def _create_migrate(self) -> PythonFunction:
        return PythonFunction(
            self,
            "migrate",
            platform=self._platform,
            memory_mb=512,
            timeout_s=900,
            security_groups=[self._network.database_clients],
            environment=self._database(OWNER),
            statements=[self._data.database.connect_statement(OWNER)],
        )

    def _migrate_around_new_code(self, build: Build) -> None:
        """`pre`, then every alias moves to its new version, then `post`: both versions of the code run meanwhile."""
        migrations = Migrations(
            self,
            "Migrations",
            function=self.migrate,
            folder=build.migrations,
            log_days=self._config.api.log_days,
        )
        before, after = migrations.run("pre"), migrations.run("post")
        for function in self.functions:
            if function is not self.migrate:
                function.alias.node.add_dependency(before)
                after.node.add_dependency(function.alias)

    def _database(self, role: str) -> dict[str, str]:
        return {
            "DATABASE_URL": self._data.database.url(role),
            "DATABASE_IAM_AUTH": "true",
            # One process, one request at a time; the second is for what settles beside it.
            "DATABASE_POOL_SIZE": "2",
        }

    def _valkey(self, function: str) -> dict[str, str]:
        cache = self._data.cache
        return {
            "VALKEY_URL": cache.url,
            "VALKEY_IAM_USER": cache.user_id(function),
            "VALKEY_CLUSTER_NAME": cache.id,
        }

    def _turn_groups(self) -> list[ec2.SecurityGroup]:
        """Whom a function that runs turns may reach."""
        network = self._network
        return [network.database_clients, network.cache_clients, network.engine_clients, network.https_clients]

    def _turns(self) -> dict[str, str]:
        """What it must know."""
        return {
            "MODELS_FILE": f"/opt/{self._catalogue.file.name}",
            "MODERATION_FILE": f"/opt/{self._moderation_file}",
            "MODERATION_FUNCTION": self.moderation.alias.function_arn,
            "TURN_DEADLINE_S": str(self._config.api.turn_deadline_s),
            "TURNS_QUEUE_URL": self._data.turns.queue_url,
            "JOBS_QUEUE_URL": self._data.jobs.queue_url,
        }

    def _turn_statements(self) -> list[iam.PolicyStatement]:
        """And what it may do."""
        queues = [self._data.turns.queue_arn, self._data.jobs.queue_arn]
        return [
            iam.PolicyStatement(actions=["sqs:SendMessage"], resources=queues),
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[self.moderation.alias.function_arn]),
            *(_read_secret(each) for each in self._catalogue.secret_arns),
        ]

    @property
    def _moderation_file(self) -> str:
        return f"{self._config.stage}.moderation.toml"

    def _create_models_layer(self) -> lambda_.LayerVersion:
        """The catalogue and the moderation's policy: the stage's third file is nothing for a function to know."""
        file = self._catalogue.file
        return lambda_.LayerVersion(
            self,
            "ModelsLayer",
            code=lambda_.Code.from_asset(str(file.parent), exclude=["*", f"!{file.name}", f"!{self._moderation_file}"]),
            compatible_architectures=[self._platform.architecture],
            compatible_runtimes=[self._platform.runtime],
            # Old versions of the functions still name it.
            removal_policy=RemovalPolicy.RETAIN,
        )

    def _web_adapter(self) -> lambda_.ILayerVersion:
        suffix = "Arm64" if self._config.build.architecture == "arm64" else "X86"
        name = f"LambdaAdapterLayer{suffix}:{_ADAPTER_VERSION}"
        return lambda_.LayerVersion.from_layer_version_attributes(
            self,
            "WebAdapter",
            layer_version_arn=f"arn:aws:lambda:{self._config.region}:{_ADAPTER_ACCOUNT}:layer:{name}",
            # CDK hashes these into the name of chat's version. Left out they are all it has met, another list each time.
            compatible_runtimes=[self._platform.runtime],
        )


def _read_secret(arn: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=[arn])
