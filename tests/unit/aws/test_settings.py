"""What a deployed function's environment must say together, and what is never shown of it."""

import pytest

from parley.settings import (
    AuthorizerSettings,
    AwsSettings,
    EngineSettings,
    JobsSettings,
    MigrateSettings,
    QueueSettings,
    Settings,
    SettingsError,
    ValkeySettings,
)

LAMBDA = {
    "AWS_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "ASIAEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret-key",
    "AWS_SESSION_TOKEN": "session-token",
}
OIDC = {
    "DATABASE_URL": "postgresql://db/x",
    "OIDC_ISSUER": "https://issuer",
    "OIDC_ISSUER_NAME": "cognito",
    "OIDC_AUDIENCE": "page",
}


@pytest.fixture(autouse=True)
def _in_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in LAMBDA.items():
        monkeypatch.setenv(name, value)


def _set(monkeypatch: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize(
    ("kind", "variables"),
    [
        (EngineSettings, {"ENGINE_URL": "https://engine/v1", "ENGINE_API_KEY_SECRET_ARN": "arn"}),
        (AuthorizerSettings, {**OIDC, "ORIGIN_SECRET_ARN": "arn"}),
        (MigrateSettings, {"DATABASE_URL": "postgresql://me@db/x?sslmode=verify-full", "DATABASE_IAM_AUTH": "true"}),
        (ValkeySettings, {"VALKEY_URL": "rediss://c:6379", "VALKEY_IAM_USER": "u", "VALKEY_CLUSTER_NAME": "c"}),
        (QueueSettings, {"VALKEY_URL": "redis://c", "TURNS_QUEUE_URL": "https://a", "JOBS_QUEUE_URL": "https://b"}),
    ],
)
def test_whoever_needs_the_role_must_have_it(
    monkeypatch: pytest.MonkeyPatch, kind: type[Settings], variables: dict[str, str]
) -> None:
    _set(monkeypatch, **variables)
    kind.from_env()
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with pytest.raises(SettingsError, match=r"^AWS_SECRET_ACCESS_KEY: "):
        kind.from_env()


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"VALKEY_URL": "rediss://c:6379", "VALKEY_IAM_USER": "u"}, "VALKEY_CLUSTER_NAME"),
        ({"VALKEY_URL": "redis://c:6379", "VALKEY_IAM_USER": "u", "VALKEY_CLUSTER_NAME": "c"}, "VALKEY_URL"),
    ],
)
def test_a_cache_token_needs_user_cluster_and_tls(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    _set(monkeypatch, **variables)

    with pytest.raises(SettingsError, match=named):
        ValkeySettings.from_env()


@pytest.mark.parametrize(
    ("variable", "missing"), [("TURNS_QUEUE_URL", "JOBS_QUEUE_URL"), ("JOBS_QUEUE_URL", "TURNS_QUEUE_URL")]
)
def test_one_queue_alone_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, missing: str) -> None:
    _set(monkeypatch, VALKEY_URL="redis://c", **{variable: "https://queue"})

    with pytest.raises(SettingsError, match=missing):
        QueueSettings.from_env()


def test_both_databases_of_the_jobs_are_verified_before_they_see_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    verified = "postgresql://parley_jobs@db/x?sslmode=verify-full"
    _set(monkeypatch, VALKEY_URL="redis://c", ENGINE_URL="https://engine/v1", DATABASE_IAM_AUTH="true")
    _set(monkeypatch, DATABASE_URL=verified, APP_DATABASE_URL="postgresql://parley_app@db/x?sslmode=require")

    with pytest.raises(SettingsError, match=r"APP_DATABASE_URL: .*verify-full"):
        JobsSettings.from_env()


def test_the_role_s_keys_are_in_no_repr_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, VALKEY_URL="redis://c", VALKEY_IAM_USER="user")

    with pytest.raises(SettingsError) as caught:
        ValkeySettings.from_env()

    said = f"{AwsSettings.from_env()!r} {caught.value} {caught.value.__cause__}"
    assert "secret-key" not in said
    assert "session-token" not in said
