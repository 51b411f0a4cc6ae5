"""The bill, against arithmetic by hand."""

import pytest

from capacity.cost import CostLine, load_cost, pool_cost, standing_cost, tiered, total_cost
from capacity.facts import FactError, given, load_facts
from capacity.load import Asked, plan_load
from capacity.stage import stage_figure
from capacity.standing import describe_standing_cost
from cdk.config import load_config

FACTS = load_facts()
PROD, DEV = load_config("prod"), load_config("dev")


def by_part(lines: list[CostLine]) -> dict[str, float]:
    return {each.part: each.monthly.value for each in lines}


def running(peak: float = 500) -> dict[str, float]:
    load = plan_load(FACTS, Asked(users=100_000, peak=peak), PROD.pools)
    turn_s = given("turn", 7.0, "s", "a test", "input")
    return by_part(load_cost(FACTS, PROD, load, turn_s))


def test_one_p4d_on_demand_is_sixteen_thousand_dollars_a_month() -> None:
    line = pool_cost(FACTS, PROD, "fast", stage_figure(PROD, "pools.fast", 1, "instances"))

    assert line.monthly.value == pytest.approx(21.96 * 730)
    assert {each.source.kind for each in line.monthly.origins} == {"configuration", "list price", "model"}


def test_the_chat_function_costs_what_its_decision_says() -> None:
    # docs/decisions/on-demand-lambda.md: 100 turns/s on average, 7 s each, 512 MB.
    assert running()["Chat function"] == pytest.approx(12_300, rel=0.01)


def test_a_warm_execution_of_moderation_costs_what_the_stage_s_file_says() -> None:
    # cdk/stages/prod.toml: $15 a month each.
    prod, dev = (by_part(standing_cost(FACTS, each, lambda pool: pool.min_instances)) for each in (PROD, DEV))

    assert prod["Moderation, kept warm"] == pytest.approx(2 * 1769 / 1024 * 730 * 3600 * 0.0000033334)
    assert round(prod["Moderation, kept warm"]) == 30
    assert "Moderation, kept warm" not in dev


def test_judging_a_thousand_turns_costs_less_than_a_tenth_of_a_cent() -> None:
    # 100 turns/s on average, 20 ms of 1,769 MB for each of 1.2 verdicts.
    turns = 100 * 730 * 3600
    expected = turns * 1.2 * (0.02 * 1769 / 1024 * 0.0000133334 + 0.20e-6)

    assert running()["Moderation function"] == pytest.approx(expected)
    assert 1000 * expected / turns < 0.001


def test_each_price_holds_up_to_where_the_next_begins() -> None:
    first, second = (given(name, usd, "USD", "a test", "input") for name, usd in (("a", 3.0), ("b", 2.0)))
    steps = [(10.0, first), (None, second)]
    amount = given("amount", 4, "", "a test", "input")

    assert tiered(amount, steps).value == 12
    assert [each.name for each in tiered(amount, steps).origins] == ["amount", "a"]
    assert tiered(amount * 3, steps).value == 34


def test_what_stands_costs_the_same_whoever_asks_and_gpus_cost_by_the_instance() -> None:
    least, most = (
        by_part(standing_cost(FACTS, PROD, lambda pool, key=key: getattr(pool, key)))
        for key in ("min_instances", "max_instances")
    )

    assert {part for part in least if least[part] != most[part]} == {f"GPUs, {pool}" for pool in PROD.pools}
    assert most["GPUs, fast"] == pytest.approx(8 * 21.96 * 730)
    assert least["Postgres"] == pytest.approx(3 * (0.99 * 730 + 400 * 0.115))


def test_dev_has_no_endpoints_and_one_small_gpu() -> None:
    lines = by_part(standing_cost(FACTS, DEV, lambda pool: pool.min_instances))

    assert "Interface endpoints" not in lines
    assert lines["GPUs, fast"] == pytest.approx(0.8048 * 730)


def test_twice_the_load_never_costs_less() -> None:
    once, twice = running(), running(peak=1000)

    assert all(twice[part] >= once[part] for part in once)
    assert twice["Cognito, Plus"] == once["Cognito, Plus"], "it is billed by user"


def test_users_of_a_stage_without_threat_protection_are_free_up_to_ten_thousand() -> None:
    turn_s = given("turn", 7.0, "s", "a test", "input")

    def cognito(users: float) -> float:
        load = plan_load(FACTS, Asked(users=users, peak=1), DEV.pools)
        return by_part(load_cost(FACTS, DEV, load, turn_s))["Cognito"]

    assert cognito(9_000) == 0
    assert cognito(11_000) == pytest.approx(15)


def test_every_line_rests_on_sources() -> None:
    lines = standing_cost(FACTS, PROD, lambda pool: pool.min_instances)

    assert all(each.monthly.origins for each in lines)
    assert total_cost(lines).value == pytest.approx(sum(by_part(lines).values()))


def test_an_instance_type_without_a_price_is_named() -> None:
    pool = PROD.pools["fast"].model_copy(update={"instance_type": "p9.huge"})
    config = PROD.model_copy(update={"pools": {"fast": pool}})

    with pytest.raises(FactError, match=r"\[instance\.p9\.huge\]"):
        standing_cost(FACTS, config, lambda each: each.min_instances)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_synth_is_told_the_cost_with_the_least_and_the_most_instances(stage: str) -> None:
    said = describe_standing_cost(stage)

    together = next(line for line in said.splitlines() if "Together" in line)
    least, most = (float(each.replace(",", "")) for each in together.split()[1:])
    assert said.startswith(f"{stage} without a single turn, USD a month")
    assert 0 < least <= most


def test_a_stage_whose_cost_is_not_known_is_no_error() -> None:
    assert describe_standing_cost("nowhere").startswith("The cost of nowhere is not known: stage: must be one of")
