"""Ids that sort by time and cannot be wrong; settings that name every problem."""

from uuid import UUID

import pytest

from parley.errors import NotFound
from parley.ids import ConversationId, conversation_wire_id, new_uuid, parse_conversation_id
from parley.settings import AuthorizerSettings, ChatSettings, SettingsError


def test_ids_are_version_7_and_sort_by_time() -> None:
    ids = [new_uuid() for _ in range(100)]

    assert {each.version for each in ids} == {7}
    assert ids == sorted(ids)


def test_a_wire_id_comes_back() -> None:
    value = ConversationId(new_uuid())

    assert parse_conversation_id(conversation_wire_id(value)) == value
    assert isinstance(parse_conversation_id(conversation_wire_id(value)), UUID)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "conv_",
        "conv_1",
        "resp_" + "0" * 32,
        "conv_" + "0" * 33,
        "conv_" + "G" * 32,
        "conv_" + "A" * 32,
        "conv_" + "٣" * 32,
    ],
)
def test_any_other_text_names_nothing(text: str) -> None:
    with pytest.raises(NotFound):
        parse_conversation_id(text)


def test_every_problem_of_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TURN_DEADLINE_S", "soon")
    for name in ("DATABASE_URL", "VALKEY_URL", "ENGINE_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(SettingsError) as caught:
        ChatSettings.from_env()

    for name in ("DATABASE_URL", "VALKEY_URL", "ENGINE_URL", "TURN_DEADLINE_S"):
        assert f"{name}:" in str(caught.value)


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OIDC_ISSUER", "https://issuer.example/")
    monkeypatch.setenv("OIDC_ISSUER_NAME", "example")
    monkeypatch.setenv("OIDC_AUDIENCE", "client")
    monkeypatch.setenv("DATABASE_URL", "postgresql://parley_auth@db/parley")
    monkeypatch.setenv("OIDC_TIER_CLAIM", "")

    settings = AuthorizerSettings.from_env()

    assert settings.oidc_tier_claim == "cognito:groups"
