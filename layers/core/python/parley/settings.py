"""The environment, read once at start: `ChatSettings.from_env()`. It holds names and paths, never secrets."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Stage = Literal["local", "dev", "prod"]
Url = Annotated[str, Field(min_length=1), AfterValidator(lambda url: url.rstrip("/"))]


class SettingsError(Exception):
    """The environment is wrong; the message has one line a problem, each naming its variable."""


class Settings(BaseSettings):
    """Each field is the environment variable of the same name in capitals; an empty variable counts as unset."""

    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, extra="ignore")

    stage: Stage = "local"
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def from_env(cls) -> Self:
        """Raises: SettingsError naming every variable that is missing or wrong, not only the first."""
        try:
            return cls()
        except ValidationError as error:
            problems = [f"{'.'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
            raise SettingsError("\n".join(problems)) from error


class DatabaseSettings(Settings):
    """A libpq URL; the password comes from its `passfile` or, when deployed, from an IAM token."""

    database_url: str = Field(min_length=1)
    database_pool_size: int = Field(default=4, ge=1, le=100)


class ValkeySettings(Settings):
    valkey_url: str = Field(min_length=1)
    valkey_password_file: Path | None = None


class EngineSettings(Settings):
    """Any server with OpenAI's protocol. `engine_url` includes the `/v1`."""

    engine_url: Url
    engine_api_key_file: Path | None = None
    # llama.cpp breaks a kept-alive connection after a stream; vLLM does not.
    engine_reuse_connections: bool = True
    # Used only where the engine does not say how long its context is.
    engine_context_tokens: int = Field(default=4096, ge=256)
    engine_connect_timeout_s: float = Field(default=3, gt=0)
    # The longest silence between two tokens, the first included: a queue in front of a busy engine is silent for a while.
    engine_read_timeout_s: float = Field(default=60, gt=0)


class TurnSettings(Settings):
    """`turn_deadline_s` must stay under the function's timeout less 10 s, so that a turn settles before it is frozen."""

    turn_deadline_s: float = Field(default=600, gt=0)
    message_limit_bytes: int = Field(default=256 * 1024, ge=1)


class ChatSettings(DatabaseSettings, ValkeySettings, EngineSettings, TurnSettings):
    """The chat function."""


class HistorySettings(DatabaseSettings):
    """The history function."""

    message_limit_bytes: int = Field(default=256 * 1024, ge=1)


class AuthorizerSettings(Settings):
    """The authorizer. Users are keyed by `oidc_issuer_name`, so that a moved issuer URL loses nobody's history."""

    # As the tokens say it, to the letter: some issuers end with a slash.
    oidc_issuer: str = Field(min_length=1)
    oidc_discovery_url: Url | None = None
    oidc_issuer_name: str = Field(min_length=1)
    oidc_audience: str = Field(min_length=1)
    oidc_tier_claim: str = "cognito:groups"
    oidc_roles_claim: str = "cognito:groups"


class MigrateSettings(Settings):
    """The migrate function connects as the owner of the schema."""

    database_url: str = Field(min_length=1)
