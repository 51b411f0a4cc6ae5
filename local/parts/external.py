"""What the user runs instead of an embedded part: checked, and never started or stopped."""

import socket
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from local.parts.process import PartError


@dataclass(frozen=True, slots=True)
class External:
    """A server of the user's own. `check` raises PartError when it cannot be used."""

    name: str
    check: Callable[[], None]
    words: str
    pid: int | None = None
    port: int | None = None

    def doing(self) -> str:
        return self.words

    def bring_up(self) -> None:
        self.check()

    def has_died(self) -> bool:
        """Never: whether it answers is for the gateway's own health check to say."""
        return False

    def last_words(self) -> str:
        return ""

    def stop(self) -> None:
        pass

    def kill(self) -> None:
        pass


def migrate_database(url: str) -> None:
    """Migrate the user's database. Raises: PartError naming DATABASE_URL."""
    from parley.migrations import migrate

    try:
        migrate(url)
    except psycopg.Error as error:
        raise PartError(
            f"The database of DATABASE_URL cannot be used: {error}\n"
            "It must be the URL of an owner who may create roles and tables."
        ) from error


def check_engine(url: str) -> None:
    """Raises: PartError when no HTTP server answers at ENGINE_URL (which one, and with which key, is the turn's affair)."""
    try:
        urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=5).close()  # noqa: S310 the user's own URL
    except urllib.error.HTTPError as error:
        if error.code == 404:
            raise PartError(
                f"ENGINE_URL={url} has no /models. The URL must include the /v1 of OpenAI's protocol."
            ) from error
    except (OSError, ValueError) as error:
        raise PartError(f"The engine of ENGINE_URL={url} does not answer: {error}") from error


def check_catalogue(path: str) -> None:
    """Raises: PartError naming each problem of the file at MODELS_FILE, or the pool that does not answer."""
    from parley.models.catalogue import load_catalogue
    from parley.settings import SettingsError

    try:
        pools = load_catalogue(Path(path), "local").pools
    except SettingsError as error:
        raise PartError(f"The catalogue of MODELS_FILE={path} cannot be used:\n{error}") from error
    for pool in pools:
        try:
            check_engine(pool.url)
        except PartError as error:
            raise PartError(f"Pool '{pool.name}' of MODELS_FILE={path}: {error}") from error


def check_valkey(url: str) -> None:
    """Raises: PartError when nothing listens at VALKEY_URL. Never shows the URL: it may hold a password."""
    parts = urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 6379
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        raise PartError(f"The Valkey of VALKEY_URL ({host}:{port}) does not answer: {error}") from error


def url_as(url: str, role: str) -> str:
    """The same database, each session with the rights of `role` only (libpq's `options`)."""
    given = conninfo_to_dict(url).get("options")
    options = f"{given} -c role={role}" if given else f"-c role={role}"
    if not url.startswith(("postgres://", "postgresql://")):
        return make_conninfo(url, options=options)
    head, _, query = url.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith("options=")]
    return f"{head}?{'&'.join([*kept, f'options={quote(options)}'])}"
