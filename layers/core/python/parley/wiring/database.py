"""The database, as the settings say one signs in there."""

from contextlib import AbstractAsyncContextManager

from psycopg.conninfo import conninfo_to_dict

from parley.kit.postgres import Pool, open_pool
from parley.settings import DatabaseSettings
from parley.wiring.role import aws_of


def open_database(settings: DatabaseSettings, url: str | None = None) -> AbstractAsyncContextManager[Pool]:
    """The pool of `url`, by default `settings.database_url`."""
    url = url or settings.database_url
    if not settings.database_iam_auth:
        return open_pool(url, size=settings.database_pool_size)
    aws, parts = aws_of(settings), conninfo_to_dict(url)
    host, port, user = str(parts["host"]), int(parts.get("port") or 5432), str(parts["user"])
    return open_pool(url, size=settings.database_pool_size, password=lambda: aws.database_token(host, port, user))
