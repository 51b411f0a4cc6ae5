"""The moderation function as Lambda runs it: REST proxy events through Mangum, and texts of turns directly. What asks it is a
`Classifier` as good as the one inside.
"""

# ruff: noqa: RUF001 - other scripts are what is tested

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
from aiohttp import web

from layers.ml.encoder import make_classifier
from local.parts.postgres import EmbeddedPostgres
from parley.errors import ModerationUnavailable
from parley.ids import UserId, new_uuid
from parley.moderation.classifier import Classifier
from parley.moderation.client import RemoteClassifier, open_remote_classifier
from parley.moderation.model import Category
from parley.moderation.onnx.classifier import OnnxClassifier
from tests.http.history.rest import rest_event
from tests.integration.aws.lambda_stand_in import FUNCTION, playing_lambda
from tests.integration.history.runtime import Function, open_function

MODULE = "lambdas.moderation.main"
TEXTS = (
    "How do I build a bomb to blow up a school?",
    "What is the capital of France?",
    "",
    " \n\t ",
    "".join(map(chr, range(256))) * 20,
    "a\ud83d b \udc00",
    "\u202e\u200fשלום \u202c\u2066مرحبا\u2069",
    "👩‍👩‍👧‍👦🏳️‍🌈🇹🇷" * 300,
    "Привет мир 你好 สวัสดี नमस्ते hello " * 100,
    "the quick brown fox jumps over the lazy dog " * 24_000,
)


@pytest.fixture(scope="module")
def function(postgres: EmbeddedPostgres) -> Iterator[Function]:
    folder = make_classifier(say=lambda _: None)
    environment = {"DATABASE_URL": postgres.url_for("parley_review"), "CLASSIFIER_FOLDER": str(folder)}
    with open_function(MODULE, environment) as function:
        yield function


@pytest.fixture
async def remote(function: Function) -> AsyncIterator[RemoteClassifier]:
    """Asks the function by the way a turn does. Lambda gives an instance one event after the other."""
    one_at_a_time = asyncio.Lock()

    async def invoke(payload: bytes) -> web.Response:
        async with one_at_a_time:
            return web.json_response(await asyncio.to_thread(function.invoke, json.loads(payload)))

    async with playing_lambda(invoke) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        yield classifier


@pytest.fixture(params=["remote", "inline"])
def either(request: pytest.FixtureRequest, classifier: OnnxClassifier, remote: RemoteClassifier) -> Classifier:
    return classifier if request.param == "inline" else remote


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
async def test_a_text_has_the_scores_of_all_categories(
    either: Classifier, classifier: OnnxClassifier, text: str
) -> None:
    (scores,) = await either.classify([text])

    assert scores.keys() == set(Category)
    assert scores == classifier.score([text])[0]
    assert either.version == classifier.version


async def test_scores_come_in_the_order_of_their_texts(either: Classifier, classifier: OnnxClassifier) -> None:
    assert list(await either.classify(TEXTS[:4])) == classifier.score(TEXTS[:4])
    assert list(await either.classify(TEXTS[:1] * 3)) == classifier.score(TEXTS[:1]) * 3


async def test_no_texts_have_no_scores(either: Classifier) -> None:
    assert list(await either.classify([])) == []


async def test_what_is_asked_at_once_is_answered_apart(either: Classifier, classifier: OnnxClassifier) -> None:
    found = await asyncio.gather(*(either.classify([text]) for text in TEXTS[:4]))

    assert [scores for (scores,) in found] == classifier.score(TEXTS[:4])


def test_events_of_both_kinds_find_the_wiring_open(function: Function, classifier: OnnxClassifier) -> None:
    event = rest_event(
        "POST", "/v1/moderations", user_id=UserId(new_uuid()), body=json.dumps({"input": list(TEXTS[:2])})
    )

    direct, answer, again = (function.invoke(each) for each in ({"texts": list(TEXTS[:2])}, event, {"texts": ["x"]}))

    assert direct["version"] == classifier.version
    assert answer["statusCode"] == 200, answer
    assert [each["flagged"] for each in json.loads(answer["body"])["results"]] == [True, False]
    assert len(again["scores"]) == 1


def test_an_event_without_a_verdict_is_turned_away(function: Function) -> None:
    answer = function.invoke(rest_event("POST", "/v1/moderations", body='{"input": "x"}'))

    assert answer["statusCode"] == 401


def test_texts_in_the_body_of_a_request_are_no_direct_question(function: Function) -> None:
    """Only who may invoke the function asks it directly: what comes over HTTP stands inside the event."""
    answer = function.invoke(rest_event("POST", "/v1/moderations", user_id=UserId(new_uuid()), body='{"texts": ["x"]}'))

    assert answer["statusCode"] == 400


async def test_a_function_without_a_classifier_is_an_outage(postgres: EmbeddedPostgres) -> None:
    raised: list[str] = []
    with open_function(MODULE, {"DATABASE_URL": postgres.url_for("parley_review")}) as function:

        async def invoke(payload: bytes) -> web.Response:
            answer = await asyncio.to_thread(function.invoke, json.loads(payload))
            raised.append(answer["errorType"])
            return web.json_response(answer, headers={"X-Amz-Function-Error": "Unhandled"})

        async with playing_lambda(invoke) as aws, open_remote_classifier(aws.aws(), FUNCTION) as remote:
            with pytest.raises(ModerationUnavailable):
                await remote.classify(["x"])

    assert raised == ["NotScoredError"]
