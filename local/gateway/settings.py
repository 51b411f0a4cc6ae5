"""The gateway's own settings; the functions' are in `parley.settings`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from local.oidc.model import ISSUER
from parley.settings import AuthorizerSettings, Settings

_CHECKOUT = Path(__file__).resolve().parents[2]


class GatewaySettings(Settings):
    """`host` stays loopback: the stack of one machine, whose issuer asks nobody for a password."""

    host: str = Field(default="127.0.0.1", validation_alias="GATEWAY_HOST")
    port: int = Field(default=8080, ge=1, le=65_535)
    parley_home: Path = _CHECKOUT / ".parley"
    web_dist: Path = _CHECKOUT / "web" / "dist"
    # The login of the sweeper: it finds abandoned turns of every user.
    jobs_database_url: str = Field(min_length=1)
    # The login of the authorizer: it looks API keys up.
    auth_database_url: str = Field(min_length=1)
    # The login of the moderation: it sees what is under review, of every user.
    review_database_url: str = Field(min_length=1)
    # The moderation's classifier: `python -m layers.ml.encoder` makes it.
    classifier_folder: Path
    # Pages on other origins that may call the API, parted by commas: `http://127.0.0.1:5173` for `npm run dev`.
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    # API Gateway's own limit.
    request_limit_bytes: int = Field(default=10 * 1024 * 1024, ge=1)

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"


def uses_local_issuer(settings: AuthorizerSettings) -> bool:
    """Whether tokens come from the issuer that the gateway itself serves."""
    return settings.oidc_issuer == ISSUER
