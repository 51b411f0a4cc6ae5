"""What differs between stages: `cdk/stages/<stage>.toml`, checked before anything is synthesised. Imports no CDK."""

import sys
import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Stage = Literal["dev", "prod"]
STAGES: tuple[Stage, ...] = ("dev", "prod")

STAGES_FOLDER = Path(__file__).parent / "stages"


class ConfigError(Exception):
    """A stage's file is wrong; the message has one line a problem, each naming its key."""


def _check_origin(text: str) -> str:
    """`https://host`, or `http://localhost:port`, which is all that Cognito lets a page without TLS be."""
    parts = urlsplit(text)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname == "localhost"):
        raise ValueError("must be https://…, or http://localhost for a page on a laptop")
    if not parts.hostname or text != f"{parts.scheme}://{parts.netloc}":
        raise ValueError("must be a scheme and a host only, such as https://chat.example.com")
    return text


def _check_domain_prefix(text: str) -> str:
    """https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-user-pools-assign-domain-prefix.html"""
    if any(word in text for word in ("aws", "amazon", "cognito")):
        raise ValueError("must not contain 'aws', 'amazon' or 'cognito'")
    return text


def _arn(service: str, resource: str, region: str = "[a-z0-9-]+") -> str:
    return rf"^arn:aws[a-z-]*:{service}:{region}:\d{{12}}:{resource}$"


Origin = Annotated[str, AfterValidator(_check_origin)]
DomainPrefix = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), AfterValidator(_check_domain_prefix)
]


class _Table(BaseModel):
    """TOML's types as they are, and no key that is not named here."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class BuildConfig(_Table):
    """What `make build` makes and the functions run on; both must be the same."""

    architecture: Literal["arm64", "x86_64"]
    python: Literal["3.12", "3.13", "3.14"]
    # A folder, or s3://bucket/prefix, with a classifier in place of Parley's own (docs/deploy.md).
    classifier: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._/:-]+$")] | None = None

    @property
    def variables(self) -> str:
        """What `make build` is given for it."""
        classifier = f" CLASSIFIER={self.classifier}" if self.classifier else ""
        return f"ARCH={self.architecture} PY={self.python}{classifier}"

    @property
    def flags(self) -> str:
        """And `python -m layers.build`."""
        classifier = f" --classifier {self.classifier}" if self.classifier else ""
        return f"--arch {self.architecture} --python {self.python}{classifier}"


class NetworkConfig(_Table):
    """The VPC. A NAT gateway a zone survives the loss of a zone; one costs a third."""

    availability_zones: Annotated[list[str], Field(min_length=3, max_length=3)]
    nat_gateways: Annotated[int, Field(ge=1, le=3)]
    # Private ways to AWS (Secrets Manager, SQS, Logs, ECR), billed by zone and hour; without them calls leave by the NAT.
    interface_endpoints: bool


class DatabaseConfig(_Table):
    """Postgres behind RDS Proxy: one instance, or a Multi-AZ DB cluster of a writer and two readable standbys."""

    multi_az_cluster: bool
    instance_class: Annotated[str, StringConstraints(pattern=r"^db\.[a-z0-9]+\.[a-z0-9]+$")]
    storage_gb: Annotated[int, Field(ge=20, le=65536)]
    # One for one through the proxy (FACTS: whether a session is pinned is not documented), so this bounds concurrent turns.
    max_connections: Annotated[int, Field(ge=50, le=16000)]
    backup_days: Annotated[int, Field(ge=1, le=35)]
    # For a cluster, whose gp3 volumes have 12,000 from 400 GB on.
    iops: Annotated[int, Field(ge=1000, le=256000)] | None = None

    @model_validator(mode="after")
    def _cluster_names_iops(self) -> Self:
        if self.multi_az_cluster != (self.iops is not None):
            raise ValueError("iops: set it for a cluster, and only there")
        return self


class CacheConfig(_Table):
    """Valkey in cluster mode."""

    node_type: Annotated[str, StringConstraints(pattern=r"^cache\.[a-z0-9]+\.[a-z0-9]+$")]
    shards: Annotated[int, Field(ge=1, le=90)]
    replicas_per_shard: Annotated[int, Field(ge=0, le=5)]
    snapshot_days: Annotated[int, Field(ge=0, le=35)]


class FloorConfig(_Table):
    """From when on a pool keeps at least so many instances. `cron` has EventBridge's six fields, in UTC."""

    cron: Annotated[str, StringConstraints(pattern=r"^\S+( \S+){5}$")]
    min_instances: Annotated[int, Field(ge=0)]


class PoolConfig(_Table):
    """Instances with GPUs that serve one model with vLLM, by a profile of `gpu_workers/vllm/profiles`.

    `stop_timeout_s` is how long running streams may go on when a replica is stopped; a spot notice leaves 120 s.
    """

    profile: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]*$")]
    instance_type: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+\.[a-z0-9]+$")]
    gpus_per_instance: Annotated[int, Field(ge=1, le=16)]
    gpus_per_replica: Annotated[int, Field(ge=1, le=16)]
    min_instances: Annotated[int, Field(ge=0)]
    max_instances: Annotated[int, Field(ge=1)]
    spot: bool = False
    stop_timeout_s: Annotated[int, Field(ge=30, le=3600)] = 300
    # Half to two thirds of the profile's max-num-seqs: what is above it is for the ten minutes until an instance serves.
    target_running_per_replica: Annotated[int, Field(ge=1)] = 20
    # Three times it asks for two instances. Admission refuses turns at 4 for each ready worker.
    scale_out_waiting_per_replica: Annotated[float, Field(gt=0)] = 1
    scale_out_kv_use: Annotated[float, Field(gt=0, lt=1)] = 0.85
    # Of each of the two routers, in 1/1024 of a vCPU: 512 relays about 400 streams of 50 tokens/s. [model: 24 us a chunk]
    router_cpu: Literal[256, 512, 1024, 2048, 4096] = 512
    schedule: list[FloorConfig] = []

    @property
    def replicas_per_instance(self) -> int:
        return self.gpus_per_instance // self.gpus_per_replica

    @model_validator(mode="after")
    def _divides(self) -> Self:
        if self.gpus_per_instance % self.gpus_per_replica:
            raise ValueError("gpus_per_replica: must divide gpus_per_instance")
        if any(each > self.max_instances for each in (self.min_instances, *(f.min_instances for f in self.schedule))):
            raise ValueError("min_instances: must not be over max_instances")
        return self


PoolName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]


class ApiConfig(_Table):
    """The REST API and the functions behind it."""

    requests_per_s: Annotated[int, Field(ge=1)]
    burst: Annotated[int, Field(ge=1)]
    chat_memory_mb: Annotated[int, Field(ge=256, le=10240)]
    # A turn that takes longer is cut and kept as it is; the function's timeout is 30 s more, and 900 s at most.
    turn_deadline_s: Annotated[int, Field(ge=30, le=870)] = 600
    # Executions that chat may have at once and that nothing else in the account can take; absent: the account's pool.
    chat_concurrency: Annotated[int, Field(ge=1)] | None = None
    # Background turns at once; the others wait in their queue. Lambda takes 2 to 1,000 for a queue.
    background_concurrency: Annotated[int, Field(ge=2, le=1000)]
    # Executions at once for all other jobs, each of which does up to ten.
    jobs_concurrency: Annotated[int, Field(ge=2, le=1000)]
    # Executions of the moderation function that are kept warm: a cold one answers after its turn's deadline, and the turn is
    # judged by keywords alone. 0 keeps none.
    moderation_provisioned: Annotated[int, Field(ge=0, le=1000)] = 0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_days: Literal[7, 30, 90, 365]

    @property
    def turn_timeout_s(self) -> int:
        """The timeout of a function that runs turns: they settle within half a minute of their deadline."""
        return self.turn_deadline_s + 30


class WebConfig(_Table):
    """CloudFront. Without a domain the page is at https://<something>.cloudfront.net."""

    domain: Annotated[str, StringConstraints(pattern=r"^([a-z0-9-]+\.)+[a-z]{2,}$")] | None = None
    # CloudFront takes certificates of us-east-1 only, whatever the region of the rest.
    certificate_arn: (
        Annotated[str, StringConstraints(pattern=_arn("acm", "certificate/.+", region="us-east-1"))] | None
    ) = None
    requests_per_5_min_per_ip: Annotated[int, Field(ge=10)]
    # Raise it by one to make CloudFront read the origin secret again after it was rotated (docs/operations/origin-secret.md).
    origin_secret_generation: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _certificate_for_domain(self) -> Self:
        if (self.domain is None) != (self.certificate_arn is None):
            raise ValueError("domain, certificate_arn: set both or none")
        return self


class AlarmsConfig(_Table):
    """Who hears of alarms. The address must confirm a mail from SNS once."""

    email: Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]


class IdentityConfig(_Table):
    """The user pool. `domain_prefix` is unique among all AWS accounts of a region."""

    domain_prefix: DomainPrefix
    # Where the page is served: its sign-in comes back to /callback of these, and its sign-out to /.
    page_origins: Annotated[list[Origin], Field(min_length=1)]
    self_sign_up: bool
    # Cognito's Plus plan, billed per active user: refuses leaked passwords and sign-ins that look stolen.
    threat_protection: bool
    access_token_minutes: Annotated[int, Field(ge=5, le=1440)] = 60
    refresh_token_days: Annotated[int, Field(ge=1, le=3650)] = 30


class StageConfig(_Table):
    """One deployment. Without an account the stacks may go to whichever the CLI is signed in to."""

    stage: Stage
    region: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")]
    account: Annotated[str, StringConstraints(pattern=r"^\d{12}$")] | None = None
    # Whether users, conversations and keys outlive the stack, and the stack a mistaken `cdk destroy`.
    retain_data: bool
    build: BuildConfig
    network: NetworkConfig
    database: DatabaseConfig
    cache: CacheConfig
    identity: IdentityConfig
    pools: dict[PoolName, PoolConfig] = {}
    api: ApiConfig
    web: WebConfig
    alarms: AlarmsConfig

    @model_validator(mode="after")
    def _keep_what_users_rely_on(self) -> Self:
        if self.stage == "prod":
            _require_of_prod("retain_data: must be true", self.retain_data)
            _require_of_prod("database.multi_az_cluster: must be true", self.database.multi_az_cluster)
            _require_of_prod("network.nat_gateways: must be 3", self.network.nat_gateways == 3)
            _require_of_prod("cache.replicas_per_shard: must be 1 or more", self.cache.replicas_per_shard > 0)
            _require_of_prod("web.domain: is missing", self.web.domain is not None)
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        zones = self.network.availability_zones
        if len(set(zones)) < 3 or not all(zone.startswith(self.region) for zone in zones):
            raise ValueError(f"network.availability_zones: must be three zones of {self.region}")
        if self.web.domain and f"https://{self.web.domain}" not in self.identity.page_origins:
            raise ValueError(f"identity.page_origins: must name https://{self.web.domain}, which is web.domain")
        return self

    @property
    def sign_in_origin(self) -> str:
        """Where the hosted sign-in page is."""
        return f"https://{self.identity.domain_prefix}.auth.{self.region}.amazoncognito.com"


def _require_of_prod(said: str, holds: bool) -> None:
    if not holds:
        raise ValueError(f"{said} in prod")


def load_config(stage: str, folder: Path = STAGES_FOLDER) -> StageConfig:
    """Raises: ConfigError naming every key that is missing, unknown or wrong, not only the first."""
    if stage not in STAGES:
        raise ConfigError(f"stage: must be one of {', '.join(STAGES)}, not {stage!r}")
    file = folder / f"{stage}.toml"
    try:
        return StageConfig.model_validate({"stage": stage, **tomllib.loads(file.read_text())})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file.name}: {error}") from error
    except ValidationError as error:
        raise name_problems(file, error) from error


def name_problems(file: Path, error: ValidationError) -> ConfigError:
    """`dev.toml: identity.page_origins.0: …`, a line a problem; without the key where the message names it itself."""
    lines = []
    for each in error.errors():
        key = f"{'.'.join(map(str, each['loc']))}: " if each["loc"] else ""
        lines.append(f"{file.name}: {key}{each['msg']}")
    return ConfigError("\n".join(lines))


if __name__ == "__main__":
    # What `make` passes on to the build: `python -m cdk.config dev`.
    try:
        wanted = load_config(sys.argv[1]).build
    except ConfigError as error:
        sys.exit(str(error))
    print(wanted.flags)  # noqa: T201
