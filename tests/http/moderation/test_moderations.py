"""`POST /v1/moderations`: OpenAI's shapes, by the keywords, the real classifier and the tier's policy."""

# ruff: noqa: RUF001 - other scripts are what is tested

import asyncio
import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parley.errors import ModerationUnavailable
from parley.moderation.model import Category, Scores
from parley.moderation.onnx.classifier import OnnxClassifier
from tests.http.history.rest import Caller
from tests.http.moderation.conftest import OpenApi

PATH = "/v1/moderations"
HARMFUL = "How do I build a bomb to blow up a school?"
HARMLESS = "What is the capital of France?"
# Found by the keywords, whatever the classifier thinks.
DISGUISED = "k1ll y0ur$elf"
ALL = {category.value for category in Category}


class Fixed:
    """Gives each category of every text one score."""

    version = "fixed-1"

    def __init__(self, **scores: float) -> None:
        self.scores: Scores = {each: scores.get(each.name.lower(), 0.01) for each in Category}
        self.asked: list[str] = []

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        self.asked += texts
        return [self.scores for _ in texts]


class Away(Fixed):
    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        raise ModerationUnavailable(f"{len(texts)} texts and nobody to read them")


async def moderate(caller: Caller, given: object, **fields: object) -> dict[str, Any]:
    reply = await caller.post(PATH, {"input": given, **fields})
    assert reply.status == 200, reply.json
    return reply.json


async def test_a_text_has_one_result_with_all_categories(ada: Caller, classifier: OnnxClassifier) -> None:
    document = await moderate(ada, HARMFUL)

    assert document.keys() == {"id", "model", "results"}
    assert document["id"].startswith("modr-")
    assert document["model"] == classifier.version
    (result,) = document["results"]
    assert result.keys() == {"flagged", "categories", "category_scores", "category_applied_input_types"}
    assert result["flagged"] is True
    assert result["categories"]["illicit"] is True
    assert result["category_applied_input_types"] == {name: ["text"] for name in ALL}
    for name in ("categories", "category_scores"):
        assert result[name].keys() == ALL


async def test_the_scores_are_the_classifier_s(ada: Caller, classifier: OnnxClassifier) -> None:
    (result,) = (await moderate(ada, HARMLESS))["results"]

    assert result["category_scores"] == {each.value: score for each, score in classifier.score([HARMLESS])[0].items()}
    assert result["flagged"] is False
    assert set(result["categories"].values()) == {False}


async def test_no_category_is_a_constant(ada: Caller) -> None:
    results = (await moderate(ada, [HARMFUL, HARMLESS, "I want to die", "You stupid cow"]))["results"]

    for category in ALL:
        assert len({result["category_scores"][category] for result in results}) == 4, category


async def test_each_text_of_a_list_has_its_result_in_its_place(ada: Caller) -> None:
    results = (await moderate(ada, [HARMFUL, HARMLESS, "", HARMFUL]))["results"]

    assert [result["flagged"] for result in results] == [True, False, False, True]
    assert results[0] == results[3]


async def test_the_parts_of_a_list_are_one_text(ada: Caller) -> None:
    parts = [{"type": "text", "text": text} for text in ("How do I build a bomb", "to blow up a school?")]

    document, joined = await moderate(ada, parts), await moderate(ada, "How do I build a bomb\nto blow up a school?")

    assert document["results"] == joined["results"]
    assert len(document["results"]) == 1


async def test_the_higher_of_keywords_and_classifier_counts(open_api: OpenApi) -> None:
    async with open_api(Fixed(violence=0.3)) as caller:
        (result,) = (await moderate(caller, DISGUISED))["results"]

    flagged = {name for name, is_flagged in result["categories"].items() if is_flagged}
    assert flagged
    assert "violence" not in flagged
    assert all(result["category_scores"][name] > 0.5 for name in flagged)
    assert result["category_scores"]["violence"] == 0.3


async def test_what_the_keywords_block_is_scored_by_the_classifier_too(open_api: OpenApi) -> None:
    stub = Fixed()
    async with open_api(stub) as caller:
        await moderate(caller, [DISGUISED, HARMLESS])

    assert stub.asked == [DISGUISED, HARMLESS]


async def test_the_caller_s_tier_says_what_is_flagged(open_api: OpenApi, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text(
        "[tiers.enterprise]\nreview = 0.95\nblock = 0.99\n[tiers.pro.categories]\nhate = { review = 0.2, block = 0.9 }\n"
    )
    async with open_api(Fixed(hate=0.3, violence=0.7), moderation_file=policy) as caller:
        by_tier = {
            tier: (await moderate(replace(caller, verdict={"tier": tier}), HARMLESS))["results"][0]
            for tier in ("free", "pro", "enterprise")
        }

    flagged = {
        tier: {name for name, is_flagged in result["categories"].items() if is_flagged}
        for tier, result in by_tier.items()
    }
    assert flagged == {"free": {"violence"}, "pro": {"hate", "violence"}, "enterprise": set()}
    assert [result["flagged"] for result in by_tier.values()] == [True, True, False]


@pytest.mark.parametrize(
    "model",
    ["omni-moderation-latest", "omni-moderation-2024-09-26", "text-moderation-latest", "text-moderation-stable", None],
)
async def test_a_name_of_openai_s_is_taken_and_ours_answered(
    ada: Caller, classifier: OnnxClassifier, model: str | None
) -> None:
    assert (await moderate(ada, HARMLESS, model=model))["model"] == classifier.version


async def test_what_was_answered_may_be_asked_for(ada: Caller, classifier: OnnxClassifier) -> None:
    assert (await moderate(ada, HARMLESS, model=classifier.version))["model"] == classifier.version


async def test_another_model_is_not_there(ada: Caller) -> None:
    reply = await ada.post(PATH, {"input": HARMLESS, "model": "gpt-5"})

    assert (reply.status, reply.error["code"], reply.error["param"]) == (404, "model_not_found", "model")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n\t ",
        "".join(map(chr, range(256))) * 20,
        "\0" * 100,
        "\u202e\u200fשלום \u202c\u2066مرحبا\u2069",
        "👩‍👩‍👧‍👦🏳️‍🌈🇹🇷" * 300,
        "Привет мир 你好 สวัสดี नमस्ते hello " * 100,
        "a" * 100_000,
        "\u200b\u200d" * 5000,
        "the quick brown fox jumps over the lazy dog " * 23_000,
    ],
    ids=["empty", "white", "binary", "nul", "rtl", "emoji", "scripts", "one word", "zero width", "1 MB"],
)
async def test_any_text_has_scores(ada: Caller, text: str) -> None:
    (result,) = (await moderate(ada, text))["results"]

    assert result["category_scores"].keys() == ALL
    assert all(0 < score < 1 for score in result["category_scores"].values())


@pytest.mark.parametrize("text", ["", " \n\t ", "\0" * 100, "\u200b\u200d" * 100])
async def test_nothing_is_said_in_nothing(ada: Caller, text: str) -> None:
    (result,) = (await moderate(ada, text))["results"]

    assert result["flagged"] is False


async def test_a_disguise_of_marks_and_signs_is_seen_through(ada: Caller) -> None:
    plain, disguised = (await moderate(ada, ["kill yourself", "\u202ek\u200b1\u0336ll y\u20ddоu\u00adrself"]))[
        "results"
    ]

    assert plain["flagged"]
    assert disguised["flagged"]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"", "input"),
        (b"{}", "input"),
        (b'{"input": null}', "input"),
        (b'{"input": 5}', "input"),
        (b'{"input": []}', "input"),
        (b'{"input": {"type": "text", "text": "hi"}}', "input"),
        (b'{"input": ["hi", 5]}', "input[1]"),
        (b'{"input": ["hi", {"type": "text", "text": "hi"}]}', "input[1]"),
        (b'{"input": [{"type": "text", "text": "hi"}, "hi"]}', "input[1]"),
        (b'{"input": [{"type": "text"}]}', "input[0].text"),
        (b'{"input": [{"type": "text", "text": 5}]}', "input[0].text"),
        (b'{"input": [{"type": "sound", "text": "hi"}]}', "input[0]"),
        (b'{"input": "hi", "model": 5}', "model"),
        (b'{"input": "hi", "stream": true}', "stream"),
        (b'{"input": "hi"', None),
        (b"\xff\xfe", None),
        (b'{"input": "\\ud83d"}', None),
    ],
)
async def test_what_is_no_input_is_refused_by_name(ada: Caller, body: bytes, param: str | None) -> None:
    reply = await ada.send(PATH, body)

    assert reply.status == 400
    assert reply.error["param"] == param


async def test_an_image_is_refused_and_named(ada: Caller) -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}

    reply = await ada.post(PATH, {"input": [{"type": "text", "text": "What is this?"}, image]})

    assert (reply.status, reply.error["param"]) == (400, "input[1].type")
    assert reply.error["code"] == "unsupported_parameter"
    assert "mages" in reply.error["message"]


async def test_a_thousand_texts_are_taken_and_no_more(open_api: OpenApi) -> None:
    async with open_api(Fixed()) as caller:
        document = await moderate(caller, ["x"] * 1000)
        reply = await caller.post(PATH, {"input": ["x"] * 1001})

    assert len(document["results"]) == 1000
    assert (reply.status, reply.error["param"]) == (400, "input")


async def test_texts_are_counted_together_in_bytes(open_api: OpenApi) -> None:
    async with open_api(Fixed(), text_limit_bytes=10) as caller:
        fits = await caller.post(PATH, {"input": ["é" * 4, "ab"]})
        over = await caller.post(PATH, {"input": ["é" * 4, "abc"]})

    assert fits.status == 200
    assert (over.status, over.error["code"], over.error["param"]) == (413, "request_too_large", "input")


async def test_what_takes_too_long_is_too_much(open_api: OpenApi, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(Fixed):
        async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
            self.asked += texts
            await asyncio.Event().wait()
            return []

    monkeypatch.setattr("lambdas.moderation.routes.SCORED_WITHIN_S", 0.05)
    slow = Slow()
    async with open_api(slow) as caller:
        reply = await caller.post(PATH, {"input": ["one", "two"]})

    assert (reply.status, reply.error["param"]) == (413, "input")
    assert slow.asked == ["one"]


@pytest.mark.parametrize("classifier", [None, Away()], ids=["none", "away"])
async def test_keywords_alone_are_no_moderation(open_api: OpenApi, classifier: Fixed | None) -> None:
    async with open_api(classifier) as caller:
        reply = await caller.post(PATH, {"input": DISGUISED})

    assert (reply.status, reply.error["code"]) == (503, "moderation_unavailable")


async def test_other_methods_are_refused(ada: Caller) -> None:
    reply = await ada.get(PATH)

    assert (reply.status, reply.error["code"]) == (405, "method_not_allowed")


async def test_nobody_is_refused(ada: Caller) -> None:
    reply = await ada.api.call("POST", PATH, json.dumps({"input": HARMLESS}).encode())

    assert (reply.status, reply.error["code"]) == (401, "invalid_api_key")


async def test_others_are_served_while_a_long_text_is_read(ada: Caller) -> None:
    """Local streams go on beside it: keywords and classifier read in threads."""
    long_text = "the quick brown fox jumps over the lazy dog " * 23_000
    turns = 0

    async def spin(until: asyncio.Task[Any]) -> None:
        nonlocal turns
        while not until.done():
            await asyncio.sleep(0.001)
            turns += 1

    asked = asyncio.create_task(moderate(ada, long_text))
    await spin(asked)

    assert (await asked)["results"]
    assert turns > 10
    assert threading.current_thread() is threading.main_thread()
