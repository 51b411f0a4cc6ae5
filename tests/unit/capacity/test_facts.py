"""Figures and their sources."""

from datetime import date

import pytest

from capacity.facts import FACTS_FILE, FactError, Facts, computed, given, load_facts, total

FACTS = load_facts()

SOURCE = {"source": "a page", "date": "2026-11-24", "kind": "list price"}


def facts_with(**figure: object) -> Facts:
    return Facts({"sources": {"page": SOURCE}, "price": {"thing": figure}})


@pytest.mark.parametrize("figure", FACTS.every_figure(), ids=lambda each: each.origins[0].name)
def test_every_figure_has_a_source_a_date_and_a_kind(figure) -> None:
    origin = figure.origins[0]

    assert len(figure.origins) == 1
    assert origin.source.text
    assert origin.source.kind
    assert date.fromisoformat(origin.source.date if origin.source.date.count("-") == 2 else f"{origin.source.date}-01")


def test_an_estimate_says_how_it_was_got() -> None:
    estimates = [each.origins[0] for each in FACTS.every_figure() if each.origins[0].source.kind == "estimate"]

    silent = [each.name for each in estimates if not each.note and each.source.text.startswith("no price page")]
    assert estimates
    assert silent == ["price.alarm", "price.s3_gb"], "a few cents a month each"


def test_no_source_is_listed_that_nothing_is_from() -> None:
    used = {each.origins[0].source for each in FACTS.every_figure()}

    assert len(used) == FACTS_FILE.read_text().count("\n[sources.")


def test_arithmetic_keeps_where_numbers_come_from_once_each_in_their_order() -> None:
    hours, price = FACTS.figure("time", "hours_a_month"), FACTS.figure("instance", "p4d.24xlarge", "price")

    month = (price * hours * 2 + price * hours / 1).of("USD/month")

    assert month.value == pytest.approx(3 * 730 * 21.96)
    assert [each.name for each in month.origins] == ["instance.p4d.24xlarge.price", "time.hours_a_month"]


def test_what_follows_from_figures_has_all_their_origins() -> None:
    peak, price = given("--peak", 500, "turns/s", "the command line", "input"), FACTS.figure("price", "metric")

    figure = computed(7, "replicas", peak, price)

    assert [each.name for each in figure.origins] == ["--peak", "price.metric"]
    assert figure.replaced(8).origins == figure.origins
    assert total([], "USD").value == 0
    assert total([peak, peak - 1], "turns/s").value == 999


def test_a_figure_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(FactError, match=r"has no \[instance\.p9\.huge\]; it knows p4d\.24xlarge"):
        FACTS.figure("instance", "p9.huge", "price")


def test_a_figure_without_a_source_is_refused() -> None:
    with pytest.raises(FactError, match=r"price\.thing is from 'hearsay'"):
        facts_with(value=1, unit="USD", **{"from": "hearsay"}).figure("price", "thing")
    with pytest.raises(FactError, match=r"price\.thing needs value, unit and from"):
        facts_with(value=1).figure("price", "thing")


def test_a_source_without_a_date_is_refused() -> None:
    with pytest.raises(FactError, match=r"sources\.page needs a source, a date"):
        Facts({"sources": {"page": {**SOURCE, "date": ""}}})
