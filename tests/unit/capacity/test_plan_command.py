"""`parley plan`, as it is typed."""

import json
import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cdk.config import STAGES_FOLDER
from local.plan import plan

PEAK = ("--users", "100000", "--peak", "500")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(plan, arguments)


@pytest.fixture(scope="module")
def printed() -> str:
    result = run(*PEAK)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def document() -> dict:
    return json.loads(run(*PEAK, "--json").stdout)


def figures_of(value: object) -> list[dict]:
    if isinstance(value, dict):
        found = [value] if {"value", "unit", "sources"} <= value.keys() else []
        return found + [each for inner in value.values() for each in figures_of(inner)]
    return [each for inner in value for each in figures_of(inner)] if isinstance(value, list) else []


def test_the_plan_says_instances_cost_quotas_and_what_is_full_first(printed: str) -> None:
    for heading in (
        "Instances for the peak",
        "What the stage's file allows, at the peak",
        "USD a month, with GPUs that follow the load",
        "What is full first",
        "To be requested from AWS",
        "What $15,000 a month buys in GPUs",
        "$15,000 a month does not pay for this load",
        "Sources",
    ):
        assert heading in printed


def test_each_number_in_brackets_leads_to_a_source_with_its_date(printed: str) -> None:
    tables, _, sources = printed.partition("\nSources\n")
    listed = {
        int(number) for number in re.findall(r"^\[(\d+)\] [a-z ]+, (?:\d{4}-\d\d|as it is now)", sources, re.MULTILINE)
    }
    used: set[int] = set()
    for mark in re.findall(r"\[([\d,-]+)\]", tables):
        for run_of in mark.split(","):
            first, _, last = run_of.partition("-")
            used |= set(range(int(first), int(last or first) + 1))

    assert listed == used == set(range(1, max(used) + 1))


def test_every_figure_has_sources_and_every_source_a_date_and_a_kind(document: dict) -> None:
    figures, numbers = figures_of(document), {each["number"] for each in document["sources"]}

    assert len(figures) > 150
    assert all(each["sources"] and set(each["sources"]) <= numbers for each in figures)
    assert all(each["source"] and each["date"] and each["kind"] and each["figures"] for each in document["sources"])


def test_limits_come_in_the_order_in_which_they_are_full(document: dict) -> None:
    full_at = [each["full_at"]["value"] for each in document["limits"]]

    assert full_at == sorted(full_at)
    assert document["limits"][0]["part"].startswith("Lambda, concurrent executions")


def test_the_parts_add_up_and_a_turn_is_their_share(document: dict) -> None:
    cost = document["cost"]

    assert sum(each["monthly"]["value"] for each in cost["lines"]) == pytest.approx(cost["monthly"]["value"])
    assert cost["turn"]["value"] == pytest.approx(cost["monthly"]["value"] / cost["turns"]["value"])
    assert cost["monthly_at_peak"]["value"] > cost["monthly"]["value"]
    assert cost["turn"]["value"] < 0.01, "the mission's bound for a turn"


def test_fifteen_thousand_dollars_buy_no_p4d_on_demand_and_one_for_a_year(document: dict) -> None:
    offers = {each["kind"]: each["count"]["value"] for each in document["budget"]["offers"]}

    assert (offers["p4d.24xlarge"], offers["p4d.24xlarge, for a year"]) == (0, 1)


def test_the_same_seed_prints_the_same(printed: str) -> None:
    assert run(*PEAK).output == printed


def test_sources_prints_every_figure_under_its_source() -> None:
    said = run("--users", "10", "--peak", "1", "--stage", "dev", "--sources").output

    assert re.search(r"^      instance\.g6\.xlarge\.price = 0\.8048 USD/h \(list price as", said, re.MULTILINE)
    assert "      --peak = 1 turns/s" in said


def test_a_small_load_is_paid_for_by_a_large_budget() -> None:
    said = run("--users", "10", "--peak", "0.5", "--stage", "dev").output

    assert "$15,000 a month pays for this load" in said
    assert "this GPU is too slow for the usual aim" in " ".join(said.split())


def test_another_folder_of_stages_is_planned_for(tmp_path: Path) -> None:
    for file in STAGES_FOLDER.glob("dev*.toml"):
        shutil.copy(file, tmp_path)
    changed = tmp_path / "dev.toml"
    changed.write_text(changed.read_text().replace('instance_type = "g6.xlarge"', 'instance_type = "g6e.xlarge"'))

    said = run("--users", "10", "--peak", "1", "--stage", "dev", "--stages-folder", str(tmp_path)).output

    assert "1 g6e.xlarge" in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--peak", "5"), "Missing option '--users'"),
        (("--users", "10", "--peak", "0"), "--peak must be over 0"),
        (("--users", "-1", "--peak", "5"), "--users must be over 0"),
        (("--users", "many", "--peak", "5"), "'many' is not a valid float"),
        (("--users", "10", "--peak", "5", "--average", "6"), "--average must be over 0 and not over --peak"),
        (("--users", "10", "--peak", "5", "--mix", "fast=0.5"), "the shares add up to 0.5, not to 1"),
        (("--users", "10", "--peak", "5", "--mix", "slow=1"), "the stage has no pool slow"),
        (("--users", "10", "--peak", "5", "--mix", "fast"), "'fast' is not a pool and its share, such as fast=0.5"),
        (("--users", "10", "--peak", "5", "--mix", "fast=1", "--mix", "fast=0"), "a pool is named twice"),
        (("--users", "10", "--peak", "5", "--tokens-in", "17000"), "Qwen/Qwen3-8B-AWQ of pool fast takes 16,384"),
        (("--users", "10", "--peak", "5", "--stage", "test"), "'test' is not one of 'dev', 'prod'"),
        (("--users", "10", "--peak", "5", "--budget", "0"), "0 is not in the range"),
        (("--users", "10", "--peak", "5", "--pattern", "steady"), "'steady' is not one of 'poisson', 'bursty'"),
        (("--users", "10", "--peak", "5", "--stages-folder", "/nowhere"), "does not exist"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_what_is_wrong(arguments: tuple[str, ...], said: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


def test_a_model_that_nothing_is_known_of_is_named(tmp_path: Path) -> None:
    for file in STAGES_FOLDER.glob("dev*.toml"):
        shutil.copy(file, tmp_path)
    models = tmp_path / "dev.models.toml"
    models.write_text(models.read_text().replace("Qwen/Qwen3-8B-AWQ", "Some/Other"))

    result = run("--users", "10", "--peak", "1", "--stage", "dev", "--stages-folder", str(tmp_path))

    assert result.exit_code == 1
    assert "capacity/facts.toml has no [model.Some/Other]; it knows Qwen/Qwen3-8B-AWQ" in " ".join(
        result.output.split()
    )
