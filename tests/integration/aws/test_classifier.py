"""The classifier behind Lambda's Invoke: what is asked, and what becomes of every answer that is none."""

import asyncio
import json
from collections.abc import Callable

import pytest
from aiohttp import web

from local.parts.ports import free_port
from parley.errors import ModerationUnavailable
from parley.kit.aws import Aws
from parley.moderation.client import KEPT_FOR_S, PAYLOAD_LIMIT_BYTES, open_remote_classifier
from parley.moderation.keywords import load_keywords
from parley.moderation.model import Category, Layer
from parley.moderation.policy import Policy
from parley.moderation.service import CLASSIFY_WITHIN_S, Moderation
from tests.integration.aws.conftest import REGION, ROLE
from tests.integration.aws.lambda_stand_in import FUNCTION, Invoke, playing_lambda, refusal

SCORES = {category.value: 0.25 for category in Category}


async def score_all(payload: bytes) -> web.Response:
    texts = json.loads(payload)["texts"]
    return web.json_response({"version": "v-1", "scores": [SCORES for _ in texts]})


def always(response: Callable[[], web.Response]) -> Invoke:
    async def invoke(_: bytes) -> web.Response:
        return response()

    return invoke


async def test_texts_are_asked_for_signed_as_botocore_signs_and_scored_in_their_order() -> None:
    """The stand-in refuses what botocore would have signed otherwise."""

    async def by_length(payload: bytes) -> web.Response:
        texts = json.loads(payload)["texts"]
        return web.json_response({"version": "v-1", "scores": [SCORES | {"hate": len(text) / 10} for text in texts]})

    async with playing_lambda(by_length) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        found = await classifier.classify(["a", "", "é \0 👩‍👩‍👧"])

    assert json.loads(aws.payloads[0]) == {"texts": ["a", "", "é \0 👩‍👩‍👧"]}
    assert [scores[Category.HATE] for scores in found] == [0.1, 0.0, 0.9]
    assert all(scores.keys() == set(Category) for scores in found)
    assert classifier.version == "v-1"


async def test_half_a_surrogate_pair_is_sent_as_the_classifier_would_read_it() -> None:
    async with playing_lambda(score_all) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        await classifier.classify(["a\ud83d b"])

    assert json.loads(aws.payloads[0]) == {"texts": ["a? b"]}


async def test_a_wrong_signature_is_an_outage() -> None:
    async with playing_lambda(score_all) as aws:
        wrong = Aws(REGION, ROLE, aws.url)  # of another time than the stand-in's
        async with open_remote_classifier(wrong, FUNCTION) as classifier:
            with pytest.raises(ModerationUnavailable) as caught:
                await classifier.classify(["a"])

    assert str(caught.value.__cause__) == "InvalidSignatureException"


@pytest.mark.parametrize(
    "response",
    [
        lambda: refusal(429, "TooManyRequestsException"),
        lambda: refusal(404, "ResourceNotFoundException"),
        lambda: refusal(500, "ServiceException"),
        lambda: refusal(502, "EC2ThrottledException"),
        lambda: web.Response(status=503, text="<html>"),
        lambda: web.Response(status=307, headers={"Location": "http://169.254.169.254/"}),
        # A function that raised: https://docs.aws.amazon.com/lambda/latest/dg/python-exceptions.html
        lambda: web.json_response({"errorMessage": "x"}, headers={"X-Amz-Function-Error": "Unhandled"}),
        lambda: web.Response(text=""),
        lambda: web.Response(text="no JSON"),
        lambda: web.json_response(None),
        lambda: web.json_response([]),
        lambda: web.json_response({}),
        lambda: web.json_response({"version": "v", "scores": []}),
        lambda: web.json_response({"version": "v", "scores": [SCORES, SCORES]}),
        lambda: web.json_response({"version": "v", "scores": [None]}),
        lambda: web.json_response({"version": "v", "scores": [{}]}),
        lambda: web.json_response({"version": "v", "scores": [SCORES | {"hate": "much"}]}),
        lambda: web.json_response({"version": "v", "scores": [SCORES | {"hate": None}]}),
        lambda: web.json_response({"version": "v", "scores": [SCORES | {"hate": 1.5}]}),
        lambda: web.Response(text=json.dumps({"version": "v", "scores": [SCORES | {"hate": float("nan")}]})),
        lambda: web.json_response({"version": 1, "scores": [SCORES]}),
    ],
)
async def test_an_answer_that_is_none_is_an_outage_and_asked_for_once(response: Callable[[], web.Response]) -> None:
    async with playing_lambda(always(response)) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        with pytest.raises(ModerationUnavailable) as caught:
            await classifier.classify(["what nobody may read in a log"])

    assert len(aws.payloads) == 1
    assert "nobody" not in f"{caught.value} {caught.value.__cause__!r}"


async def test_a_category_of_a_newer_function_is_let_be() -> None:
    newer = always(lambda: web.json_response({"version": "v-2", "scores": [SCORES | {"new": 0.9}]}))
    async with playing_lambda(newer) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        (scores,) = await classifier.classify(["a"])

    assert scores.keys() == set(Category)


async def test_a_function_that_nobody_answers_for_is_unavailable() -> None:
    nowhere = Aws(REGION, ROLE, f"http://127.0.0.1:{free_port()}")
    async with open_remote_classifier(nowhere, FUNCTION) as classifier:
        with pytest.raises(ModerationUnavailable):
            await classifier.classify(["a"])


async def test_more_than_lambda_takes_is_not_sent() -> None:
    async with playing_lambda(score_all) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        fits = await classifier.classify(["x" * (PAYLOAD_LIMIT_BYTES - 100)])
        with pytest.raises(ModerationUnavailable):
            await classifier.classify(["é" * (PAYLOAD_LIMIT_BYTES // 2)])

    assert len(fits) == 1
    assert len(aws.payloads) == 1


async def test_a_connection_is_kept() -> None:
    async with playing_lambda(score_all) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        for _ in range(5):
            await classifier.classify(["a"])

        assert aws.connections == 1


async def test_a_kept_connection_that_was_closed_is_replaced() -> None:
    async with playing_lambda(score_all) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        await classifier.classify(["a"])
        aws.cut_connections()
        found = await classifier.classify(["b"])

    assert len(found) == 1
    assert [json.loads(each)["texts"] for each in aws.payloads] == [["a"], ["b"]]


async def test_a_connection_that_dies_under_a_request_is_tried_again_once() -> None:
    """The other end is gone, and the first to know is who writes."""

    async def hang_up(_: bytes) -> web.Response:
        aws.cut_connections()
        await asyncio.Event().wait()
        raise AssertionError

    async with playing_lambda(hang_up) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        with pytest.raises(ModerationUnavailable):
            await classifier.classify(["a"])

    assert len(aws.payloads) == 2


async def test_a_connection_that_lay_idle_is_not_trusted() -> None:
    """While a function is frozen its monotonic clock stands still, so the wall clock tells."""
    now_s = 1000.0
    async with (
        playing_lambda(score_all) as aws,
        open_remote_classifier(aws.aws(), FUNCTION, clock=lambda: now_s) as classifier,
    ):
        await classifier.classify(["a"])
        now_s += KEPT_FOR_S
        await classifier.classify(["a"])
        assert aws.connections == 1
        now_s += KEPT_FOR_S + 1
        await classifier.classify(["a"])
        assert aws.connections == 2
        await classifier.classify(["a"])

        assert aws.connections == 2


async def test_a_turn_waits_no_longer_than_its_deadline() -> None:
    """And the answer of a slow function is no longer waited for: the policy says what is done without."""
    has_left = asyncio.Event()

    async def slow(_: bytes) -> web.Response:
        try:
            await asyncio.Event().wait()
        finally:
            has_left.set()
        raise AssertionError

    async with playing_lambda(slow) as aws, open_remote_classifier(aws.aws(), FUNCTION) as classifier:
        moderation = Moderation(Policy(), load_keywords(), classifier)
        began = asyncio.get_running_loop().time()
        (verdict,) = await moderation.judge(["What is the capital of France?"], "free")
        took_s = asyncio.get_running_loop().time() - began
        aws.cut_connections()
        aws.invoke = score_all
        (later,) = await moderation.judge(["What is the capital of Spain?"], "free")

    (by_classifier,) = (each for each in verdict.layers if each.layer is Layer.CLASSIFIER)
    assert by_classifier.version == "away"
    assert CLASSIFY_WITHIN_S <= took_s < CLASSIFY_WITHIN_S + 1
    assert [each.version for each in later.layers if each.layer is Layer.CLASSIFIER] == ["v-1"]
