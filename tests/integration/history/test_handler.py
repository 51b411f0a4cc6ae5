"""The history function as Lambda runs it: REST proxy events in, one after the other, through Mangum."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from local.parts.ports import free_port
from local.parts.postgres import EmbeddedPostgres
from parley.ids import UserId, new_uuid
from tests.http.history.rest import rest_event
from tests.integration.history.runtime import Function, open_function

MODULE = "lambdas.history.main"


@pytest.fixture(scope="module")
def function(postgres: EmbeddedPostgres) -> Iterator[Function]:
    with open_function(MODULE, {"STAGE": "local", "DATABASE_URL": postgres.url_for("parley_app")}) as function:
        yield function


def _invoke(function: Function, method: str, path: str, user_id: UserId, body: object = None) -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    answer = function.invoke(rest_event(method, path, user_id=user_id, body=text))
    assert answer["isBase64Encoded"] is False
    assert answer["headers"]["content-type"] == "application/json"
    return answer["statusCode"], json.loads(answer["body"])


def test_one_invocation_after_the_other_finds_the_wiring_open(function: Function) -> None:
    user_id = UserId(new_uuid())

    status, created = _invoke(
        function, "POST", "/v1/conversations", user_id, {"items": [{"role": "user", "content": "Hi é"}]}
    )
    assert status == 200
    path = f"/v1/conversations/{created['id']}"
    _, listed = _invoke(function, "GET", "/v1/conversations?limit=1", user_id)
    _, items = _invoke(function, "GET", f"{path}/items?order=asc&limit=5", user_id)
    _, deleted = _invoke(function, "DELETE", path, user_id)

    assert listed["data"] == [created]
    assert items["data"][0]["content"] == [{"type": "input_text", "text": "Hi é"}]
    assert deleted["deleted"] is True
    assert _invoke(function, "GET", path, user_id)[0] == 404


def test_the_request_id_is_api_gateway_s(function: Function) -> None:
    event = rest_event("GET", "/v1/conversations", user_id=UserId(new_uuid()))

    answer = function.invoke(event)

    assert answer["headers"]["x-request-id"] == event["requestContext"]["requestId"]


def test_an_event_without_a_verdict_is_turned_away(function: Function) -> None:
    answer = function.invoke(rest_event("GET", "/v1/conversations"))

    assert (answer["statusCode"], json.loads(answer["body"])["error"]["code"]) == (401, "invalid_api_key")


def test_a_body_in_base64_is_read(function: Function) -> None:
    event = rest_event("POST", "/v1/conversations", user_id=UserId(new_uuid()), body="eyJ0aXRsZSI6ICJSb21lIn0=")

    answer = function.invoke(event | {"isBase64Encoded": True})

    assert json.loads(answer["body"])["title"] == "Rome"


def test_a_refusal_is_an_answer_and_no_error_of_the_function(function: Function) -> None:
    user_id = UserId(new_uuid())

    assert _invoke(function, "POST", "/v1/conversations", user_id, {"title": 7})[0] == 400
    assert _invoke(function, "GET", "/v1/conversations/conv_%00%FF", user_id)[0] == 404
    assert _invoke(function, "GET", "/v1/conversations?limit=0", user_id)[1]["error"]["param"] == "limit"


def test_a_database_that_is_away_is_a_503_that_says_when_to_come_back() -> None:
    away = f"postgresql://parley_app@127.0.0.1:{free_port()}/parley"
    with open_function(MODULE, {"DATABASE_URL": away}) as function:
        answer = function.invoke(rest_event("GET", "/v1/conversations", user_id=UserId(new_uuid())))

    assert answer["statusCode"] == 503
    assert answer["headers"]["retry-after"]
    assert json.loads(answer["body"])["error"]["code"] == "storage_unavailable"
