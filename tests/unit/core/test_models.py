"""What a model may be asked, what an answer costs, and what each kind of pool is sent."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.errors import ModelNotFound, UnsupportedParameter
from parley.models.dialect import in_dialect
from parley.models.model import Affinity, Capability, Dialect, Model, Price, Usage, needs_of, require
from parley.models.service import Catalogue

REQUEST: dict[str, Any] = {"model": "m", "messages": [], "max_tokens": 7}
AFFINITY = Affinity("session", "salt")
SMALL = Model("small", 1024, 1, "tests", aliases=("fast",))
BIG = Model("big", 4096, 1, "tests", tiers=frozenset({"pro"}), fallbacks=("fast", "other"))
OTHER = Model("other", 4096, 1, "tests", capabilities=frozenset())


@pytest.fixture
def catalogue() -> Catalogue:
    async def read() -> list[Model]:
        return [SMALL, BIG, OTHER]

    return Catalogue(read, "big")


def test_what_only_vllm_knows_goes_to_vllm_alone() -> None:
    assert in_dialect(Dialect.VLLM, REQUEST, AFFINITY) == (
        {**REQUEST, "cache_salt": "salt"},
        {"x-session-id": "session"},
    )
    assert in_dialect(Dialect.COMPATIBLE, REQUEST, AFFINITY) == (REQUEST, None)
    assert in_dialect(Dialect.OPENAI, REQUEST, AFFINITY) == (
        {"model": "m", "messages": [], "max_completion_tokens": 7},
        None,
    )


@pytest.mark.parametrize(
    ("parameters", "needs"),
    [
        ({}, set()),
        ({"tools": [], "response_format": {"type": "text"}, "temperature": 0}, set()),
        ({"response_format": {"type": "json_object"}}, set()),
        ({"tools": [{}]}, {Capability.TOOLS}),
        ({"response_format": {"type": "json_schema"}, "reasoning_effort": "low"}, {"json_schema", "reasoning"}),
    ],
)
def test_a_request_needs_what_it_asks_for(parameters: dict[str, Any], needs: set[str]) -> None:
    assert needs_of(parameters) == needs


def test_what_a_model_cannot_do_is_refused_by_the_name_of_its_field() -> None:
    require(SMALL, frozenset(Capability))

    with pytest.raises(UnsupportedParameter, match="'other' does not support 'tools'") as caught:
        require(OTHER, frozenset({Capability.TOOLS}))
    assert caught.value.param == "tools"


def test_cached_tokens_have_a_price_of_their_own() -> None:
    price = Price(input=0.10, cached_input=0.02, output=0.40)

    assert price.cost_usd_micros(Usage(1000, 300, cached_tokens=800)) == round(200 * 0.1 + 800 * 0.02 + 300 * 0.4)


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_cache_that_costs_less_never_makes_a_turn_dearer(prompt: int, cached: int, completion: int) -> None:
    price = Price(input=0.10, cached_input=0.02, output=0.40)
    cached = min(cached, prompt)

    assert price.cost_usd_micros(Usage(prompt, completion, cached)) <= price.cost_usd_micros(Usage(prompt, completion))


async def test_an_alias_leads_to_its_model_and_a_name_goes_before_an_alias(catalogue: Catalogue) -> None:
    assert await catalogue.get("fast") == SMALL
    assert await catalogue.get("small") == SMALL


async def test_a_model_of_another_tier_is_not_there(catalogue: Catalogue) -> None:
    assert [model.name for model in await catalogue.list_models("free")] == ["small", "other"]
    assert await catalogue.get("big", "pro") == BIG
    with pytest.raises(ModelNotFound, match="your tier"):
        await catalogue.get("big", "free")


async def test_who_may_not_use_the_default_gets_the_first_he_may(catalogue: Catalogue) -> None:
    assert await catalogue.default("pro") == BIG
    assert await catalogue.default("free") == SMALL


async def test_another_model_answers_only_what_it_can_and_whom_it_may(catalogue: Catalogue) -> None:
    assert await catalogue.fallbacks(BIG, "pro", frozenset()) == [SMALL, OTHER]
    assert await catalogue.fallbacks(BIG, "pro", frozenset({Capability.TOOLS})) == [SMALL]
    assert await catalogue.fallbacks(SMALL, "pro", frozenset()) == []
