"""What a deployed function's environment must say together, and what is never shown of it."""

import pytest

from parley.settings import (
    AuthorizerSettings,
    AwsSettings,
    EngineSettings,
    MigrateSettings,
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


def test_the_role_s_keys_are_in_no_repr_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    _set(monkeypatch, VALKEY_URL="redis://c", VALKEY_IAM_USER="user")

    with pytest.raises(SettingsError) as caught:
        ValkeySettings.from_env()

    said = f"{AwsSettings.from_env()!r} {caught.value} {caught.value.__cause__}"
    assert "secret-key" not in said
    assert "session-token" not in said
