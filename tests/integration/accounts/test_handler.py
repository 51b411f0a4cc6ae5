"""The accounts function as Lambda runs it, and its keys before the authorizer as Lambda runs that."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.parts.ports import free_port
from local.parts.postgres import EmbeddedPostgres
from parley.ids import UserId, new_uuid
from tests.http.history.rest import rest_event
from tests.integration.history.runtime import Function, open_function

ISSUER = {"OIDC_ISSUER": "http://127.0.0.1:9", "OIDC_ISSUER_NAME": "test", "OIDC_AUDIENCE": "web"}


@pytest.fixture(scope="module")
def accounts(postgres: EmbeddedPostgres) -> Iterator[Function]:
    with open_function("lambdas.accounts.main", {"DATABASE_URL": postgres.url_for("parley_app")}) as function:
        yield function


@pytest.fixture(scope="module")
def authorizer(postgres: EmbeddedPostgres) -> Iterator[Function]:
    environment = {**ISSUER, "DATABASE_URL": postgres.url_for("parley_auth")}
    with open_function("lambdas.authorizer.main", environment) as function:
        yield function


def invoke(
    function: Function, method: str, path: str, verdict: dict[str, str], body: object = None
) -> tuple[int, dict[str, Any]]:
    event = rest_event(method, path, body=None if body is None else json.dumps(body))
    event["requestContext"]["authorizer"] = {"principalId": verdict["user_id"], **verdict}
    answer = function.invoke(event)
    assert answer["headers"]["content-type"] == "application/json"
    assert answer["headers"]["x-request-id"] == event["requestContext"]["requestId"]
    return answer["statusCode"], json.loads(answer["body"])


def authorize(function: Function, bearer: str) -> dict[str, Any]:
    arn = "arn:aws:execute-api:eu-central-1:1:a/live/GET/v1/models"
    return function.invoke({"type": "REQUEST", "methodArn": arn, "headers": {"Authorization": f"Bearer {bearer}"}})


def signed_in() -> dict[str, str]:
    return {"user_id": str(UserId(new_uuid())), "tier": "enterprise", "roles": "admin", "credential": "token"}


def test_a_key_goes_from_one_function_to_the_other(accounts: Function, authorizer: Function) -> None:
    ada = signed_in()

    _, key = invoke(accounts, "POST", "/v1/api_keys", ada, {"name": "ci"})
    allowed = authorize(authorizer, key["value"])
    me_status, me = invoke(accounts, "GET", "/v1/me", allowed["context"])
    refused = invoke(accounts, "POST", "/v1/api_keys", allowed["context"], {"name": "another"})
    _, deleted = invoke(accounts, "DELETE", f"/v1/api_keys/{key['id']}", ada)

    assert allowed["context"] == {**ada, "roles": "", "credential": "key"}
    assert (me_status, me["tier"], me["roles"]) == (200, "enterprise", [])
    assert refused[0] == 403
    assert deleted["deleted"] is True
    assert authorize(authorizer, key["value"])["errorMessage"] == "Unauthorized"


def test_a_database_that_is_away_is_a_503_and_no_refusal_of_the_key() -> None:
    away = f"postgresql://parley_app@127.0.0.1:{free_port()}/parley"
    with open_function("lambdas.accounts.main", {"DATABASE_URL": away}) as accounts:
        status, answer = invoke(accounts, "GET", "/v1/api_keys", signed_in())
        me_status, _ = invoke(accounts, "GET", "/v1/me", signed_in())
    with open_function("lambdas.authorizer.main", {**ISSUER, "DATABASE_URL": away}) as authorizer:
        verdict = authorize(authorizer, "sk-parley-" + "a" * 43)

    assert (status, answer["error"]["code"], me_status) == (503, "storage_unavailable", 200)
    assert verdict["errorType"] == "StorageUnavailable"
