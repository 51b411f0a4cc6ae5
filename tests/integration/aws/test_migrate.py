"""The migrate function signs in as the owner."""

from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from parley.settings import MigrateSettings
from parley.wiring.migrate import owner_conninfo
from tests.integration.aws.conftest import REGION, ROLE


def test_a_laptop_s_owner_is_in_the_url() -> None:
    url = "postgresql://owner@127.0.0.1/parley"

    assert owner_conninfo(MigrateSettings(database_url=url)) == url


def test_an_owner_without_a_password_signs_in_by_a_token() -> None:
    settings = MigrateSettings(
        database_url="postgresql://parley_owner@db.example/parley?sslmode=verify-full",
        database_iam_auth=True,
        aws_region=REGION,
        aws_access_key_id=SecretStr(ROLE.access_key_id),
        aws_secret_access_key=SecretStr(ROLE.secret_access_key),
    )

    parts = conninfo_to_dict(owner_conninfo(settings))

    assert parts["user"] == "parley_owner"
    assert str(parts["password"]).startswith("db.example:5432/?Action=connect&DBUser=parley_owner&")
