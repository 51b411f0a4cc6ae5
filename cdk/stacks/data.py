"""What must not be lost, and what waits: Postgres, Valkey, the queues of jobs, and the secret of the origin."""

# jsii's classes and their own interfaces disagree on names of parameters.
# pyright: reportArgumentType=false

from aws_cdk import Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk.config import StageConfig
from cdk.constructs.cache import Cache
from cdk.constructs.database import Database
from cdk.nag import acknowledge
from cdk.retention import removal_policy
from cdk.stacks.network import NetworkStack

EDGE_REGION = "us-east-1"


class DataStack(Stack):
    """In production everything in it stays when the stack goes."""

    def __init__(
        self, scope: Construct, name: str, config: StageConfig, env: Environment, network: NetworkStack
    ) -> None:
        super().__init__(
            scope,
            name,
            env=env,
            description="Parley: Postgres, Valkey, queues and secrets",
            termination_protection=config.retain_data,
        )
        self.key = kms.Key(
            self,
            "Key",
            description="Parley: data at rest",
            enable_key_rotation=True,
            # What it has encrypted is lost without it, snapshots included.
            removal_policy=removal_policy(config),
        )
        self.database = Database(self, "Database", config=config, network=network, key=self.key)
        self.cache = Cache(self, "Cache", config=config, network=network, key=self.key)
        self.dead_letters = _create_dead_letters(self)
        # Background turns take minutes: what waits in the other queue must not wait behind them.
        self.turns = self._create_queue("Turns", config)
        self.jobs = self._create_queue("Jobs", config)
        # By this name it is found in CloudFront's region too, where the stage may not be.
        self.origin_secret_name = f"parley-{config.stage}/origin"
        self.origin_secret = _create_origin_secret(self, config, self.origin_secret_name)

    def _create_queue(self, name: str, config: StageConfig) -> sqs.Queue:
        return sqs.Queue(
            self,
            name,
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            # Over the function's timeout, or a job that still runs would be begun again. AWS asks for six times as much, for
            # functions that are throttled while they hold a message; these have a concurrency of their own (`api`), and a job
            # that failed should come back in minutes, not after an hour.
            visibility_timeout=Duration.seconds(config.api.turn_timeout_s + 60),
            # What nobody came to do in a day, nobody waits for any more.
            retention_period=Duration.days(1),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=3),
        )


def _create_dead_letters(stack: Stack) -> sqs.Queue:
    queue = sqs.Queue(
        stack,
        "DeadLetters",
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(14),
    )
    acknowledge(queue, {"AwsSolutions-SQS3": "It is the dead-letter queue itself; an alarm watches it."})
    return queue


def _create_origin_secret(stack: Stack, config: StageConfig, name: str) -> secretsmanager.Secret:
    secret = secretsmanager.Secret(
        stack,
        "OriginSecret",
        secret_name=name,
        description="What CloudFront sends as x-parley-origin and the authorizer asks for",
        generate_secret_string=secretsmanager.SecretStringGenerator(password_length=64, exclude_punctuation=True),
        replica_regions=([] if config.region == EDGE_REGION else [secretsmanager.ReplicaRegion(region=EDGE_REGION)]),
        removal_policy=RemovalPolicy.DESTROY,
    )
    rotation = (
        "CloudFront takes a new value only with a deployment, so it is rotated with one, by the steps in "
        "docs/operations/origin-secret.md; the authorizer takes the previous value meanwhile."
    )
    acknowledge(secret, {"AwsSolutions-SMG4": rotation})
    return secret
