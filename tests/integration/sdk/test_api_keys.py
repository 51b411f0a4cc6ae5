"""API keys with the official SDK, against the whole running product."""

from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai import OpenAI

from tests.conftest import Stack

KEYS = "/api_keys"


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Iterator[OpenAI]:
    """Signed in, by a token."""
    with client_of(stack, stack.token("ada-of-the-keys", "--tier", "pro", "--role", "admin")) as client:
        yield client


def client_of(stack: Stack, credential: str) -> OpenAI:
    return OpenAI(base_url=f"{stack.url}/v1", api_key=credential, max_retries=0, timeout=60)


def create(client: OpenAI, name: str) -> dict[str, Any]:
    return client.post(KEYS, cast_to=dict[str, Any], body={"name": name})


def test_a_key_made_by_a_token_works_until_it_is_revoked(stack: Stack, ada: OpenAI) -> None:
    key = create(ada, "laptop")

    with client_of(stack, key["value"]) as by_key:
        model = by_key.models.list().data[0].id
        chunks = list(
            by_key.chat.completions.create(
                model=model, messages=[{"role": "user", "content": "Say hello"}], max_tokens=6, stream=True
            )
        )
        conversation = by_key.conversations.create(metadata={"made": "by a key"})
        ada.delete(f"{KEYS}/{key['id']}", cast_to=dict[str, Any])
        with pytest.raises(openai.AuthenticationError) as refused:
            by_key.models.list()

    assert any(chunk.choices[0].delta.content for chunk in chunks)
    assert refused.value.code == "invalid_api_key"
    assert ada.conversations.retrieve(conversation.id).metadata == {"made": "by a key"}


def test_a_key_is_its_owner_with_their_tier_and_no_role(stack: Stack, ada: OpenAI) -> None:
    key = create(ada, "ci")

    with client_of(stack, key["value"]) as by_key:
        by_token, me = (client.get("/me", cast_to=dict[str, Any]) for client in (ada, by_key))

    assert by_token["roles"] == ["admin"]
    assert me == {**by_token, "roles": []}
    listed = ada.get(KEYS, cast_to=dict[str, Any])["data"]
    assert [each["name"] for each in listed if each["id"] == key["id"] and each["last_used_on"]] == ["ci"]


def test_a_key_cannot_make_another(stack: Stack, ada: OpenAI) -> None:
    key = create(ada, "no parent")

    with client_of(stack, key["value"]) as by_key, pytest.raises(openai.PermissionDeniedError):
        create(by_key, "child")


def test_a_key_that_was_never_made_is_refused(stack: Stack) -> None:
    for key in ("sk-parley-" + "a" * 43, "sk-parley-short", "sk-proj-of-somebody-else"):
        with client_of(stack, key) as client, pytest.raises(openai.AuthenticationError):
            client.models.list()
