"""What the environment asks of the local stack."""

import os
from pathlib import Path

import pytest

from local import oidc
from local.parts.external import External, url_as
from local.parts.gateway import Gateway
from local.parts.process import PartProcess
from local.stack import LOCAL_ISSUER, WEB_CLIENT, ConfigError, StackConfig, assemble


def gateway_env(tmp_path: Path, **environ: str) -> dict[str, str]:
    config = StackConfig.from_environ({"PARLEY_HOME": str(tmp_path / "home"), **environ})
    (step,) = assemble(config)[1]
    assert isinstance(step, PartProcess)
    assert isinstance(step.part, Gateway)
    return dict(step.part.env)


def test_the_gateway_gets_every_part_by_its_environment(tmp_path: Path):
    env = gateway_env(tmp_path, PORT="9000")

    assert env["STAGE"] == "local"
    assert env["PORT"] == "9000"
    assert env["DATABASE_URL"].startswith("postgresql://parley_app@127.0.0.1:")
    assert env["APP_DATABASE_URL"] == env["DATABASE_URL"]
    assert env["JOBS_DATABASE_URL"].startswith("postgresql://parley_jobs@127.0.0.1:")
    assert env["AUTH_DATABASE_URL"].startswith("postgresql://parley_auth@127.0.0.1:")
    assert env["REVIEW_DATABASE_URL"].startswith("postgresql://parley_review@127.0.0.1:")
    assert env["VALKEY_URL"].startswith("redis://127.0.0.1:")
    assert env["ENGINE_URL"].endswith("/v1")
    assert env["ENGINE_REUSE_CONNECTIONS"] == "false"
    assert env["OIDC_DISCOVERY_URL"] == "http://127.0.0.1:9000/oidc/.well-known/openid-configuration"


def test_the_environment_of_the_gateway_holds_no_secret(tmp_path: Path):
    env = gateway_env(tmp_path)

    secrets = {line.rpartition(":")[2] for line in ("".join(_texts(tmp_path / "home"))).splitlines()}
    assert not any(secret and secret in value for secret in secrets for value in env.values())
    assert "@" not in env["VALKEY_URL"]
    assert "password" not in env["DATABASE_URL"]


def _texts(folder: Path) -> list[str]:
    return [path.read_text() for name in ("passfile", "password") for path in folder.rglob(name)]


def test_the_stack_and_its_issuer_agree_on_names():
    assert (LOCAL_ISSUER, WEB_CLIENT) == (oidc.ISSUER, oidc.CLIENT_ID)


@pytest.mark.parametrize("name", ["DATABASE_URL", "VALKEY_URL", "ENGINE_URL"])
def test_a_server_of_the_users_own_replaces_the_embedded_part(tmp_path: Path, name: str):
    urls = {"DATABASE_URL": "postgresql://me@db/x", "VALKEY_URL": "redis://cache:6379", "ENGINE_URL": "http://gpu/v1"}
    config = StackConfig.from_environ({"PARLEY_HOME": str(tmp_path / "home"), name: urls[name]})

    external = [step for step in assemble(config)[0] if isinstance(step, External)]

    assert len(external) == 1
    assert name in external[0].words


def test_the_users_database_serves_the_functions_with_the_rights_of_their_roles(tmp_path: Path):
    env = gateway_env(tmp_path, DATABASE_URL="postgresql://me@db/x")

    assert env["DATABASE_URL"] == "postgresql://me@db/x?options=-c%20role%3Dparley_app"
    assert env["JOBS_DATABASE_URL"] == "postgresql://me@db/x?options=-c%20role%3Dparley_jobs"
    assert env["AUTH_DATABASE_URL"] == "postgresql://me@db/x?options=-c%20role%3Dparley_auth"
    assert env["REVIEW_DATABASE_URL"] == "postgresql://me@db/x?options=-c%20role%3Dparley_review"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h/d?sslmode=require", "postgresql://u@h/d?sslmode=require&options=-c%20role%3Dr"),
        ("postgresql://u@h/d?options=-c%20x%3D1", "postgresql://u@h/d?options=-c%20x%3D1%20-c%20role%3Dr"),
        ("host=h dbname=d", "dbname=d host=h options='-c role=r'"),
    ],
)
def test_a_role_is_added_to_what_a_database_url_already_says(url: str, expected: str):
    assert url_as(url, "r") == expected


@pytest.mark.parametrize(
    ("environ", "titles"),
    [
        ({}, "first_line"),
        ({"MODEL_PATH": "/models/better.gguf"}, "engine"),
        ({"ENGINE_URL": "http://gpu/v1"}, None),  # the functions' own default
        ({"TITLES": "engine"}, "engine"),
        ({"TITLES": "first_line", "MODEL_PATH": "/models/better.gguf"}, "first_line"),
        ({"TITLES": "first_line", "ENGINE_URL": "http://gpu/v1"}, "first_line"),
    ],
)
def test_the_small_model_is_not_asked_for_titles(tmp_path: Path, environ: dict[str, str], titles: str | None):
    assert gateway_env(tmp_path, **environ).get("TITLES") == titles


def test_an_issuer_of_the_users_own_needs_the_client_id_of_the_page(tmp_path: Path):
    with pytest.raises(ConfigError, match="OIDC_AUDIENCE"):
        gateway_env(tmp_path, OIDC_ISSUER="https://id.example.com")


def test_an_issuer_of_the_users_own_is_passed_on(tmp_path: Path):
    env = gateway_env(tmp_path, OIDC_ISSUER="https://id.example.com", OIDC_AUDIENCE="web")

    assert env["OIDC_ISSUER"] == "https://id.example.com"
    assert env["OIDC_AUDIENCE"] == "web"
    assert env["OIDC_ISSUER_NAME"] == "oidc"
    assert "OIDC_DISCOVERY_URL" not in env


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "\uff18\uff10", "8080 "])
def test_a_port_that_is_none_is_named(tmp_path: Path, port: str):
    with pytest.raises(ConfigError, match="PORT="):
        StackConfig.from_environ({"PARLEY_HOME": str(tmp_path), "PORT": port})


def test_an_empty_variable_counts_as_unset(tmp_path: Path):
    assert StackConfig.from_environ({"PARLEY_HOME": str(tmp_path), "PORT": ""}).port == 8080


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path):
    (tmp_path / "home").write_text("")

    with pytest.raises(ConfigError, match="home cannot be used"):
        StackConfig.from_environ({"PARLEY_HOME": str(tmp_path / "home")})


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_the_data_folder_of_another_user_is_refused(tmp_path: Path):
    os.chown(tmp_path, 65534, 65534)

    with pytest.raises(ConfigError, match="belongs to"):
        StackConfig.from_environ({"PARLEY_HOME": str(tmp_path)})
