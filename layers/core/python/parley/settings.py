"""The environment, read once at start: `ChatSettings.from_env()`. It holds names and paths, never secrets."""

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import parse_qs, urlsplit

from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

Stage = Literal["local", "dev", "prod"]
Url = Annotated[str, Field(min_length=1), AfterValidator(lambda url: url.rstrip("/"))]


class SettingsError(Exception):
    """The environment is wrong; the message has one line a problem, each naming its variable."""


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals; an empty variable counts as unset."""

    # An error must not quote what it found: Lambda's own variables hold the keys of the function's role.
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True)

    stage: Stage = "local"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def from_env(cls) -> Self:
        """Raises: SettingsError naming every variable that is missing or wrong, not only the first."""
        try:
            return cls()
        except ValidationError as error:
            problems = [
                f"{_variable(each['loc'])}{each['msg'].removeprefix('Value error, ')}" for each in error.errors()
            ]
            raise SettingsError("\n".join(problems)) from error


def _variable(location: tuple[int | str, ...]) -> str:
    """The variable a problem is about; nothing for one of several together, whose message names them."""
    return f"{'.'.join(map(str, location)).upper()}: " if location else ""


class AwsSettings(Settings):
    """The function's role, as Lambda puts it into every environment; `aws_endpoint_url` stands in for AWS in tests."""

    aws_region: str | None = None
    aws_access_key_id: SecretStr | None = Field(default=None, repr=False)
    aws_secret_access_key: SecretStr | None = Field(default=None, repr=False)
    aws_session_token: SecretStr | None = Field(default=None, repr=False)
    aws_endpoint_url: Url | None = None

    @property
    def uses_role(self) -> bool:
        """Whether anything that is set here needs the role."""
        return False

    @model_validator(mode="after")
    def _has_role_if_used(self) -> Self:
        names = ("aws_region", "aws_access_key_id", "aws_secret_access_key")
        if self.uses_role and (missing := [name.upper() for name in names if getattr(self, name) is None]):
            raise ValueError(f"{', '.join(missing)}: missing; Lambda sets them, and secrets and IAM tokens need them")
        return self


class DatabaseSettings(AwsSettings):
    """A libpq URL; the password comes from its `passfile` or, with `database_iam_auth`, from a token of the role."""

    database_url: str = Field(min_length=1)
    database_iam_auth: bool = False
    database_pool_size: int = Field(default=4, ge=1, le=100)

    @property
    def uses_role(self) -> bool:
        return self.database_iam_auth or super().uses_role

    @model_validator(mode="after")
    def _shows_tokens_to_the_database_only(self) -> Self:
        if self.database_iam_auth:
            _require_verified("DATABASE_URL", self.database_url)
        return self


class ValkeySettings(AwsSettings):
    """`valkey_iam_user` and `valkey_cluster_name` (the replication group's id) go together: they make tokens of the role."""

    valkey_url: str = Field(min_length=1)
    valkey_password_file: Path | None = None
    valkey_iam_user: str | None = None
    valkey_cluster_name: str | None = None

    @property
    def uses_role(self) -> bool:
        return self.valkey_iam_user is not None or super().uses_role

    @model_validator(mode="after")
    def _shows_tokens_to_the_cluster_only(self) -> Self:
        if (self.valkey_iam_user is None) != (self.valkey_cluster_name is None):
            raise ValueError("VALKEY_IAM_USER, VALKEY_CLUSTER_NAME: set both or none")
        if self.valkey_iam_user and not self.valkey_url.startswith("rediss://"):
            raise ValueError("VALKEY_URL: with VALKEY_IAM_USER it must be a rediss:// URL")
        return self


class EngineSettings(AwsSettings):
    """Where models are served: by the pools of a catalogue (`models_file`), or by any one server with OpenAI's protocol.

    `engine_url` includes the `/v1`. Its key is in a file or a secret, if it has one; those of a catalogue's pools are in secrets.
    """

    models_file: Path | None = None
    engine_url: Url | None = Field(default=None, validate_default=True)
    engine_api_key_file: Path | None = None
    engine_api_key_secret_arn: str | None = None
    # llama.cpp breaks a kept-alive connection after a stream; vLLM does not.
    engine_reuse_connections: bool = True
    # Used only where the engine does not say how long its context is.
    engine_context_tokens: int = Field(default=4096, ge=256)
    # How long a turn waits to hear whether a pool has room, before it asks it anyway.
    pool_state_timeout_s: float = Field(default=0.2, gt=0)
    engine_connect_timeout_s: float = Field(default=3, gt=0)
    # The longest silence between two tokens, the first included: a queue in front of a busy engine is silent for a while.
    engine_read_timeout_s: float = Field(default=60, gt=0)

    @property
    def uses_role(self) -> bool:
        return self.engine_api_key_secret_arn is not None or super().uses_role

    @field_validator("engine_url")
    @classmethod
    def _one_source_of_models(cls, engine_url: str | None, others: ValidationInfo) -> str | None:
        """Of this one field, for a rule over the whole is not looked at while another field is wrong."""
        if (others.data.get("models_file") is None) == (engine_url is None):
            raise ValueError("set either this or MODELS_FILE, the catalogue of several models")
        return engine_url


class PolicySettings(Settings):
    """What is done about what moderation finds; without the file, what `Policy` says."""

    moderation_file: Path | None = None


class TurnSettings(PolicySettings, AwsSettings):
    """`turn_deadline_s` must stay under the function's timeout less 10 s, so that a turn settles before it is frozen.

    `response_log_kept_s` is how long a stream can be read again from its beginning after its end. `titles` says what names a
    conversation: the engine, asked once after the first turn, or the first line of what the user said. The small model of a
    laptop makes no titles (it answers the conversation instead, for 1 to 2 s of the engine's one thread): first_line there.

    `moderation_function` is the ARN, with its alias, of the function that has the classifier; without it the keywords judge
    alone, unless the process has a classifier of its own.
    """

    turn_deadline_s: float = Field(default=600, gt=0)
    response_log_kept_s: float = Field(default=3600, gt=0)
    message_limit_bytes: int = Field(default=256 * 1024, ge=1)
    titles: Literal["engine", "first_line"] = "engine"
    moderation_function: str | None = None

    @property
    def uses_role(self) -> bool:
        return self.moderation_function is not None or super().uses_role


class QueueSettings(ValkeySettings):
    """Where jobs go: to these two SQS queues or, where neither is set, to a stream in Valkey.

    Background turns have a queue of their own, for they take minutes and nothing else should wait behind them.
    """

    turns_queue_url: Url | None = None
    jobs_queue_url: Url | None = None

    @property
    def uses_role(self) -> bool:
        return self.turns_queue_url is not None or super().uses_role

    @model_validator(mode="after")
    def _names_both_or_none(self) -> Self:
        if (self.turns_queue_url is None) != (self.jobs_queue_url is None):
            raise ValueError("TURNS_QUEUE_URL, JOBS_QUEUE_URL: set both or none")
        return self


class ChatSettings(DatabaseSettings, EngineSettings, TurnSettings, QueueSettings):
    """The chat function."""


class HistorySettings(DatabaseSettings):
    """The history function. `database_reader_url` leads to standbys, which lists may be read from that may be a moment old."""

    database_reader_url: str | None = None
    message_limit_bytes: int = Field(default=256 * 1024, ge=1)

    @model_validator(mode="after")
    def _shows_tokens_to_the_standbys_only(self) -> Self:
        if self.database_iam_auth and self.database_reader_url:
            _require_verified("DATABASE_READER_URL", self.database_reader_url)
        return self


class JobsSettings(DatabaseSettings, EngineSettings, TurnSettings, QueueSettings):
    """The jobs function connects as `parley_jobs` to find abandoned turns of all users, and to `app_database_url`, as
    `parley_app`, to do what it does in the name of one user.
    """

    app_database_url: str = Field(min_length=1)

    @model_validator(mode="after")
    def _shows_tokens_to_the_app_s_database_only(self) -> Self:
        if self.database_iam_auth:
            _require_verified("APP_DATABASE_URL", self.app_database_url)
        return self


class AccountsSettings(DatabaseSettings):
    """The accounts function."""


class ModerationSettings(DatabaseSettings, PolicySettings):
    """The moderation function. It connects as `parley_review`, which sees what is under review and nothing else.

    `classifier_folder` is one that `layers.ml.encoder` makes; without it texts cannot be judged, and reviews still can.
    `text_limit_bytes` is for all texts of a request together.
    """

    classifier_folder: Path | None = None
    text_limit_bytes: int = Field(default=1024 * 1024, ge=1)


class AuthorizerSettings(DatabaseSettings):
    """The authorizer. Users are keyed by `oidc_issuer_name`, so that a moved issuer URL loses nobody's history.

    It connects as `parley_auth`, which may look API keys up and nothing else.
    `origin_secret_arn` names what CloudFront sends as `x-parley-origin`; without it requests may come from anywhere.
    """

    origin_secret_arn: str | None = None

    # As the tokens say it, to the letter: some issuers end with a slash.
    oidc_issuer: str = Field(min_length=1)
    oidc_discovery_url: Url | None = None
    oidc_issuer_name: str = Field(min_length=1)
    oidc_audience: str = Field(min_length=1)
    oidc_tier_claim: str = "cognito:groups"
    oidc_roles_claim: str = "cognito:groups"

    @property
    def uses_role(self) -> bool:
        return self.origin_secret_arn is not None or super().uses_role


class MigrateSettings(DatabaseSettings):
    """The migrate function connects as the owner of the schema."""


def _require_verified(variable: str, url: str) -> None:
    """Raises: ValueError unless libpq will check who answers at `url` before it says a password in clear."""
    if parse_qs(urlsplit(url).query).get("sslmode") != ["verify-full"]:
        raise ValueError(f"{variable}: a password of AWS needs sslmode=verify-full")
