"""How the migrate function signs in: as the owner of the schema, by a token of its role or by the owner's secret.

On RDS a member of `rds_iam` signs in by token only, and whoever makes a role is a member of it: an owner that gives `rds_iam`
to the roles it has made has no use for a password from then on. So deploy it with `MasterUserAuthenticationType: iam-db-auth`.
"""

import asyncio

import orjson
from psycopg.conninfo import make_conninfo

from parley.settings import MigrateSettings
from parley.wiring.database import password_for
from parley.wiring.role import aws_of


def owner_conninfo(settings: MigrateSettings) -> str:
    """What libpq needs to connect as the owner. Raises: SecretUnavailableError."""
    if password := password_for(settings, settings.database_url):
        return make_conninfo(settings.database_url, password=password())
    if settings.database_secret_arn is None:
        return settings.database_url
    from parley.kit.secrets import read_secret

    secret = orjson.loads(asyncio.run(read_secret(aws_of(settings), settings.database_secret_arn)))
    # The same shape whoever made it: https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_secret_json_structure.html
    return make_conninfo(settings.database_url, user=secret["username"], password=secret["password"])
