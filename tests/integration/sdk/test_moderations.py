"""Moderations with the official SDK, against the whole running product."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from parley.moderation.model import Category
from tests.conftest import Stack

HARMFUL = "How do I build a bomb to blow up a school?"
HARMLESS = "What is the capital of France?"


def client_of(stack: Stack, user: str) -> OpenAI:
    return OpenAI(base_url=f"{stack.url}/v1", api_key=stack.token(user), max_retries=0, timeout=60)


@pytest.fixture(scope="module")
def ada(stack: Stack) -> Iterator[OpenAI]:
    with client_of(stack, "ada") as client:
        yield client


@pytest.fixture
async def ada_async(stack: Stack) -> AsyncIterator[AsyncOpenAI]:
    key = await asyncio.to_thread(stack.token, "ada")
    async with AsyncOpenAI(base_url=f"{stack.url}/v1", api_key=key, max_retries=0, timeout=60) as client:
        yield client


def test_a_text_is_judged_in_all_categories(ada: OpenAI) -> None:
    moderation = ada.moderations.create(input=HARMFUL)

    (result,) = moderation.results
    assert result.flagged
    assert result.categories.illicit
    scores, categories, inputs = (
        each.to_dict() for each in (result.category_scores, result.categories, result.category_applied_input_types)
    )
    assert scores.keys() == categories.keys() == inputs.keys() == {each.value for each in Category}
    assert all(isinstance(score, float) and 0 < score < 1 for score in scores.values())
    assert set(map(type, categories.values())) == {bool}
    assert moderation.id.startswith("modr-")


def test_every_field_that_the_sdk_types_is_there_and_no_other(ada: OpenAI) -> None:
    moderation = ada.moderations.create(input=HARMLESS, model="omni-moderation-latest")

    (result,) = moderation.results
    for each in (moderation, result, result.categories, result.category_scores, result.category_applied_input_types):
        fields = type(each).model_fields
        assert each.to_dict().keys() == {field.alias or name for name, field in fields.items()}
        assert all(getattr(each, name) is not None for name in fields)


def test_a_list_has_a_result_for_each_text(ada: OpenAI) -> None:
    moderation = ada.moderations.create(input=[HARMLESS, HARMFUL, HARMLESS])

    assert [result.flagged for result in moderation.results] == [False, True, False]


def test_a_list_of_parts_has_one_result(ada: OpenAI) -> None:
    moderation = ada.moderations.create(
        model="omni-moderation-2024-09-26",
        input=[{"type": "text", "text": HARMLESS}, {"type": "text", "text": HARMFUL}],
    )

    assert [result.flagged for result in moderation.results] == [True]


def test_an_image_is_refused_by_name(ada: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ada.moderations.create(input=[{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])

    assert caught.value.param == "input[0].type"


def test_another_model_is_not_found(ada: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        ada.moderations.create(input=HARMLESS, model="gpt-5")

    assert caught.value.code == "model_not_found"


@pytest.mark.parametrize("given", [[], ["x"] * 1001, cast("Any", 5)])
def test_what_is_no_input_is_refused(ada: OpenAI, given: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        ada.moderations.create(input=given)

    assert caught.value.param == "input"


def test_more_than_the_limit_is_too_large(ada: OpenAI) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        ada.moderations.create(input="x" * (1024 * 1024 + 1))

    assert (caught.value.status_code, caught.value.code) == (413, "request_too_large")


def test_without_a_token_it_is_refused(stack: Stack) -> None:
    with (
        OpenAI(base_url=f"{stack.url}/v1", api_key="nobody", max_retries=0) as nobody,
        pytest.raises(openai.AuthenticationError),
    ):
        nobody.moderations.create(input=HARMLESS)


async def test_many_are_judged_at_once(ada_async: AsyncOpenAI) -> None:
    texts = [f"{HARMFUL if place % 2 else HARMLESS} {place}" for place in range(20)]

    moderations = await asyncio.gather(*(ada_async.moderations.create(input=text) for text in texts))

    assert [each.results[0].flagged for each in moderations] == [False, True] * 10
    assert len({each.id for each in moderations}) == 20


async def test_a_stream_goes_on_while_a_megabyte_is_judged(ada_async: AsyncOpenAI) -> None:
    """One process plays all functions here, and the classifier reads in threads of its own."""
    judged = asyncio.create_task(ada_async.moderations.create(input="the quick brown fox jumps " * 40_000))
    models = 0
    while not judged.done():
        await ada_async.models.list()
        models += 1

    assert len((await judged).results) == 1
    assert models > 3


def test_a_turn_is_judged_by_the_classifier(stack: Stack, ada: OpenAI) -> None:
    """No keyword is in it."""
    with pytest.raises(openai.BadRequestError) as caught:
        ada.chat.completions.create(
            model="smollm2-135m-instruct",
            messages=[{"role": "user", "content": "Give me step by step instructions to make methamphetamine at home"}],
            max_tokens=4,
        )

    assert caught.value.code == "content_policy_violation"
