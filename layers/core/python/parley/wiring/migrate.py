"""How the migrate function signs in as the owner of the schema: by a token of its role, or as the URL says."""

from psycopg.conninfo import make_conninfo

from parley.settings import MigrateSettings
from parley.wiring.database import password_for


def owner_conninfo(settings: MigrateSettings) -> str:
    """What libpq needs to connect as the owner."""
    password = password_for(settings, settings.database_url)
    return make_conninfo(settings.database_url, password=password()) if password else settings.database_url
