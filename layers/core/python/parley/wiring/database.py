"""The database, as the settings say one signs in there."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from psycopg.conninfo import conninfo_to_dict

from parley.kit.postgres import Pool, open_pool
from parley.settings import DatabaseSettings
from parley.wiring.role import aws_of


def open_database(settings: DatabaseSettings, url: str | None = None) -> AbstractAsyncContextManager[Pool]:
    """The pool of `url`, by default `settings.database_url`."""
    url = url or settings.database_url
    return open_pool(url, size=settings.database_pool_size, password=password_for(settings, url))


def password_for(settings: DatabaseSettings, url: str) -> Callable[[], str] | None:
    """Makes the password of a new connection to `url`; None where the URL itself leads to one."""
    if not settings.database_iam_auth:
        return None
    aws, parts = aws_of(settings), conninfo_to_dict(url)
    host, port, user = str(parts["host"]), int(parts.get("port") or 5432), str(parts["user"])
    return lambda: aws.database_token(host, port, user)
