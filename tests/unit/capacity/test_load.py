"""What may be asked for."""

from typing import Any

import pytest

from capacity.facts import load_facts
from capacity.load import Asked, Load, LoadError, plan_load

FACTS = load_facts()
POOLS = ("fast", "balanced")


def plan(pools: tuple[str, ...] = POOLS, **asked: Any) -> Load:
    said: dict[str, Any] = {"users": 100, "peak": 10} | asked
    return plan_load(FACTS, Asked(**said), pools)


def test_what_is_not_said_is_what_users_are_assumed_to_do() -> None:
    load = plan()

    assert load.average.value == 2
    assert (load.tokens_in.value, load.tokens_out.value, load.cached.value) == (1000, 300, 0.6)
    assert {pool: round(share.value, 3) for pool, share in load.mix.items()} == {"fast": 0.556, "balanced": 0.444}
    assert load.bursts is None


def test_what_is_said_goes_before_it_and_is_a_source_of_its_own() -> None:
    load = plan(average=5, tokens_in=200, tokens_out=50, cached=0.1, mix={"fast": 1.0}, pattern="bursty")

    assert load.average.value == 5
    assert load.work.new_tokens == pytest.approx(180)
    assert {pool: share.value for pool, share in load.mix.items()} == {"fast": 1.0, "balanced": 0.0}
    assert load.tokens_in.origins[0].source.kind == "input"
    assert load.bursts is not None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"users": 0}, "--users must be over 0"),
        ({"peak": 0}, "--peak must be over 0"),
        ({"peak": -5}, "--peak must be over 0"),
        ({"peak": float("nan")}, "--peak must be over 0"),
        ({"peak": float("inf")}, "--peak must be over 0 and not over 1,000,000, not inf"),
        ({"average": 11}, r"--average must be over 0 and not over --peak \(10\), not 11"),
        ({"average": 0}, "--average must be over 0"),
        ({"tokens_in": 0}, "--tokens-in must be 1 or more"),
        ({"tokens_out": 1}, "--tokens-out must be 2 or more"),
        ({"cached": 1}, "--cached is a share from 0 to under 1, not 1"),
        ({"cached": -0.1}, "--cached is a share"),
        ({"mix": {"fast": 0.5, "balanced": 0.6}}, r"--mix: the shares add up to 1\.1, not to 1"),
        ({"mix": {"fast": 1.5, "balanced": -0.5}}, "--mix: a share must not be under 0"),
        ({"mix": {"slow": 1.0}}, "--mix: the stage has no pool slow; it has fast, balanced"),
        ({"mix": {"fast": float("nan")}}, "--mix: a share must not be under 0"),
    ],
)
def test_a_load_that_cannot_be_is_refused_by_the_name_of_its_option(asked: dict, said: str) -> None:
    with pytest.raises(LoadError, match=said):
        plan(**asked)


def test_pools_that_nobody_has_assumed_anything_of_need_their_shares_said() -> None:
    with pytest.raises(LoadError, match=r"say the share of each pool: --mix fast=… --mix vision=…"):
        plan(pools=("fast", "vision"))


def test_a_stage_without_pools_has_nothing_to_plan() -> None:
    with pytest.raises(LoadError, match="no pools"):
        plan(pools=())
