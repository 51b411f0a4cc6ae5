"""What the environment asks for, and the parts that make it."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from local.parts.engine import EmbeddedEngine
from local.parts.external import External, check_catalogue, check_engine, check_valkey, migrate_database, url_as
from local.parts.gateway import Gateway
from local.parts.home import make_home
from local.parts.postgres import EmbeddedPostgres
from local.parts.process import PartProcess
from local.parts.valkey import EmbeddedValkey
from local.supervisor import Step

CHECKOUT = Path(__file__).resolve().parents[1]
# An identifier, no address: another PORT signs nobody out.
LOCAL_ISSUER = "urn:parley:local"
WEB_CLIENT = "parley-web"
# The functions' login, by both of its names, and those of the sweeper, the authorizer and the moderation.
_DATABASE_LOGINS = {
    "DATABASE_URL": "parley_app",
    "APP_DATABASE_URL": "parley_app",
    "JOBS_DATABASE_URL": "parley_jobs",
    "AUTH_DATABASE_URL": "parley_auth",
    "REVIEW_DATABASE_URL": "parley_review",
}
# What `layers.ml.encoder` makes, unless the user names another.
_CLASSIFIER = CHECKOUT / "layers" / "ml" / "classifier"


class ConfigError(Exception):
    """The environment is wrong; the message names the variable."""


@dataclass(frozen=True, slots=True)
class StackConfig:
    """One stack: where its data is, its port, and what replaces embedded parts."""

    home: Path
    port: int
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Makes the data folder. Raises: ConfigError."""
        set_only = {name: value for name, value in environ.items() if value}
        home = Path(set_only.get("PARLEY_HOME", CHECKOUT / ".parley")).expanduser()
        return cls(_home(home), _port(set_only.get("PORT", "8080")), set_only)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def model_path(self) -> Path | None:
        given = self.environ.get("MODEL_PATH")
        return Path(given).expanduser() if given else None

    @property
    def classifier_folder(self) -> Path:
        return Path(self.environ.get("CLASSIFIER_FOLDER", _CLASSIFIER)).expanduser().resolve()


def _home(path: Path) -> Path:
    """Raises: ConfigError when the folder is not the caller's own: root and a user must not mix their files in it."""
    advice = "Run as the user it belongs to, or choose another: PARLEY_HOME=~/parley-data make run"
    try:
        if path.exists() and path.stat().st_uid != os.geteuid():
            raise ConfigError(f"The data folder {path} belongs to {path.owner()}. {advice}")
        return make_home(path)
    except OSError as error:
        raise ConfigError(f"The data folder {path} cannot be used: {error.strerror}. {advice}") from error


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 65_536:
        raise ConfigError(f"PORT={text} is not a port. It is a number from 1 to 65535, for example: PORT=8080")
    return int(text)


def assemble(config: StackConfig) -> tuple[Sequence[Step], Sequence[Step]]:
    """The steps that start side by side, then those that need them."""
    database, database_env = _database(config)
    valkey, valkey_env = _valkey(config)
    engine, engine_env = _engine(config)
    env = {
        **config.environ,
        "STAGE": "local",
        "PORT": str(config.port),
        "PARLEY_HOME": str(config.home),
        "CLASSIFIER_FOLDER": str(config.classifier_folder),
        **database_env,
        **valkey_env,
        **engine_env,
        **_issuer_env(config),
    }
    return (database, valkey, engine), (PartProcess(Gateway(config.home, config.port, env)),)


def _database(config: StackConfig) -> tuple[Step, dict[str, str]]:
    given = config.environ.get("DATABASE_URL")
    if given:
        step = External("postgres", lambda: migrate_database(given), "migrating your own (DATABASE_URL)")
        return step, {name: url_as(given, role) for name, role in _DATABASE_LOGINS.items()}
    postgres = EmbeddedPostgres(config.home)
    return PartProcess(postgres), {name: postgres.url_for(role) for name, role in _DATABASE_LOGINS.items()}


def _valkey(config: StackConfig) -> tuple[Step, dict[str, str]]:
    given = config.environ.get("VALKEY_URL")
    if given:
        return External("valkey", lambda: check_valkey(given), "checking your own (VALKEY_URL)"), {}
    valkey = EmbeddedValkey(config.home)
    return PartProcess(valkey), {"VALKEY_URL": valkey.url, "VALKEY_PASSWORD_FILE": str(valkey.password_file)}


def _engine(config: StackConfig) -> tuple[Step, dict[str, str]]:
    catalogue = config.environ.get("MODELS_FILE")
    if catalogue:
        if "ENGINE_URL" in config.environ:
            raise ConfigError("MODELS_FILE and ENGINE_URL are both set: models come from one of them.")
        return External("engine", lambda: check_catalogue(catalogue), "reading your own catalogue (MODELS_FILE)"), {}
    given = config.environ.get("ENGINE_URL")
    if given:
        return External("engine", lambda: check_engine(given), "checking your own (ENGINE_URL)"), {}
    engine = EmbeddedEngine(config.home, config.model_path)
    return PartProcess(engine), {
        "ENGINE_URL": engine.url,
        "ENGINE_REUSE_CONNECTIONS": "false",  # llama.cpp breaks a kept-alive connection after a stream
        "ENGINE_CONTEXT_TOKENS": str(engine.context_tokens),
        **_titles(config),
    }


def _titles(config: StackConfig) -> dict[str, str]:
    """The small model answers a conversation where it should name it; a model of the user's choice may do better."""
    chosen = config.environ.get("TITLES") or ("engine" if config.model_path else "first_line")
    return {"TITLES": chosen}


def _issuer_env(config: StackConfig) -> dict[str, str]:
    """Raises: ConfigError when a foreign issuer lacks the client id that its tokens carry."""
    if "OIDC_ISSUER" not in config.environ:
        return {
            "OIDC_ISSUER": LOCAL_ISSUER,
            "OIDC_DISCOVERY_URL": f"{config.url}/oidc/.well-known/openid-configuration",
            "OIDC_ISSUER_NAME": "local",
            "OIDC_AUDIENCE": WEB_CLIENT,
        }
    if "OIDC_AUDIENCE" not in config.environ:
        raise ConfigError(
            "OIDC_ISSUER is set, so OIDC_AUDIENCE must be, too: the client id of the page at that issuer."
        )
    return {"OIDC_ISSUER_NAME": config.environ.get("OIDC_ISSUER_NAME", "oidc")}
