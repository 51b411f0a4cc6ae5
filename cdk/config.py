"""What differs between stages: `cdk/stages/<stage>.toml`, checked before anything is synthesised."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

Stage = Literal["dev", "prod"]
STAGES: tuple[Stage, ...] = ("dev", "prod")

_FOLDER = Path(__file__).parent / "stages"


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


Origin = Annotated[str, AfterValidator(_check_origin)]
DomainPrefix = Annotated[
    str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"), AfterValidator(_check_domain_prefix)
]


class _Table(BaseModel):
    """TOML's types as they are, and no key that is not named here."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


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
    identity: IdentityConfig

    @model_validator(mode="after")
    def _keep_what_users_rely_on(self) -> Self:
        if self.stage == "prod" and not self.retain_data:
            raise ValueError("retain_data: must be true in prod")
        return self


def load_config(stage: str, folder: Path = _FOLDER) -> StageConfig:
    """Raises: ConfigError naming every key that is missing, unknown or wrong, not only the first."""
    if stage not in STAGES:
        raise ConfigError(f"stage: must be one of {', '.join(STAGES)}, not {stage!r}")
    file = folder / f"{stage}.toml"
    try:
        return StageConfig.model_validate({"stage": stage, **tomllib.loads(file.read_text())})
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file.name}: {error}") from error
    except ValidationError as error:
        problems = [f"{file.name}: {_key(each['loc'])}{each['msg']}" for each in error.errors()]
        raise ConfigError("\n".join(problems)) from error


def _key(location: tuple[str | int, ...]) -> str:
    """`identity.page_origins.0: `; empty where the message names the key itself."""
    return f"{'.'.join(map(str, location))}: " if location else ""
