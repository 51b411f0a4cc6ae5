"""The moderation function as Lambda runs it serves reviews without a classifier, by API Gateway's events."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.history.app import create_app
from local.parts.postgres import EmbeddedPostgres
from parley.ids import UserId, new_uuid
from parley.settings import HistorySettings
from tests.http.history.rest import Api, Caller, rest_event
from tests.http.reviews.flagging import Flagged, flag_message
from tests.integration.history.runtime import Function, open_function


@pytest.fixture(scope="module")
def function(postgres: EmbeddedPostgres) -> Iterator[Function]:
    environment = {"STAGE": "local", "DATABASE_URL": postgres.url_for("parley_review")}
    with open_function("lambdas.moderation.main", environment) as function:
        yield function


@pytest.fixture(scope="module")
def flagged(postgres: EmbeddedPostgres) -> Flagged:
    async def flag() -> Flagged:
        app = create_app(HistorySettings(database_url=postgres.url_for("parley_app")))
        async with app.router.lifespan_context(app):
            return await flag_message(Caller(Api(app)), "Bad é")

    return asyncio.run(flag())


def _invoke(function: Function, method: str, path: str, roles: str, body: object = None) -> tuple[int, Any]:
    text = None if body is None else json.dumps(body)
    event = rest_event(method, path, user_id=UserId(new_uuid()), body=text)
    event["requestContext"]["authorizer"] |= {"roles": roles, "credential": "token"}
    answer = function.invoke(event)
    return answer["statusCode"], json.loads(answer["body"])


def test_a_reviewer_finds_opens_and_decides(function: Function, flagged: Flagged) -> None:
    status, listed = _invoke(function, "GET", "/v1/admin/reviews?order=desc&limit=1&category=hate", "reviewer")
    _, opened = _invoke(function, "GET", flagged.review, "reviewer")
    _, decided = _invoke(function, "POST", f"{flagged.review}/decision", "reviewer", {"decision": "approve"})

    assert (status, [each["id"] for each in listed["data"]]) == (200, [flagged.review_id])
    assert opened["text"] == "Bad é"
    assert decided["state"] == "approved"


def test_whoever_has_no_role_does_not(function: Function, flagged: Flagged) -> None:
    assert _invoke(function, "GET", flagged.review, "")[0] == 403
