"""The time to the first token, from vLLM's text to the p95 of the last thirty seconds."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_workers.router.registrar.histogram import Histogram, Window, growth, quantile
from gpu_workers.router.registrar.metrics import read_metrics
from gpu_workers.router.registrar.model import Load
from tests.doubles.vllm_metrics import BOUNDS, metrics_text

INF = math.inf


def observed(*values: float) -> Histogram:
    return Histogram(BOUNDS, tuple(float(sum(value <= bound for value in values)) for bound in BOUNDS))


def test_a_quantile_lies_linearly_within_its_bucket() -> None:
    histogram = Histogram((1.0, 2.0, INF), (0.0, 10.0, 10.0))

    assert quantile(histogram, 0.5) == 1.5
    assert quantile(histogram, 0.95) == 1.95


def test_a_quantile_above_the_last_finite_bound_is_that_bound() -> None:
    assert quantile(Histogram((1.0, 2.0, INF), (0.0, 1.0, 100.0)), 0.95) == 2.0


@pytest.mark.parametrize("histogram", [Histogram((), ()), Histogram((1.0, INF), (0.0, 0.0))])
def test_without_data_there_is_no_quantile(histogram: Histogram) -> None:
    assert quantile(histogram, 0.95) is None


@given(st.lists(st.floats(0.0001, 2_000), min_size=1, max_size=60), st.floats(0.01, 1))
def test_a_quantile_lies_in_the_bucket_of_the_value_it_stands_for(values: list[float], share: float) -> None:
    true = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    upper = next(bound for bound in BOUNDS if true <= bound)
    lower = max((bound for bound in BOUNDS if bound < upper), default=0.0)

    found = quantile(observed(*values), share)

    assert found is not None
    # A share times a count may fall just over or under a whole number.
    assert lower * 0.999 <= found <= upper * 1.001 or found in BOUNDS


@given(st.lists(st.floats(0.001, 100), max_size=20), st.lists(st.floats(0.001, 100), max_size=20))
def test_growth_is_what_came_between_two_readings(before: list[float], more: list[float]) -> None:
    assert growth(observed(*before), observed(*before, *more)) == observed(*more)


def test_a_restarted_worker_s_counters_count_from_zero() -> None:
    assert growth(observed(1, 1, 1), observed(5)) == observed(5)


def test_the_window_holds_what_all_workers_counted_in_the_last_thirty_seconds() -> None:
    window = Window()
    window.record("a", observed(9, 9, 9), at_s=0)  # of last week, for all one knows
    window.record("b", observed(), at_s=0)

    window.record("a", observed(9, 9, 9, 0.1), at_s=10)
    window.record("b", observed(0.2), at_s=20)

    assert window.total(at_s=20) == observed(0.1, 0.2)
    assert window.total(at_s=40) == observed(0.2)
    assert quantile(window.total(at_s=50), 0.95) is None


def test_a_worker_that_left_is_forgotten_but_not_what_it_counted() -> None:
    window = Window()
    for at_s, values in enumerate([(), (0.1,)]):
        window.record("a", observed(*values), at_s=at_s)

    window.forget_all_but(set())
    window.record("a", observed(0.1, 0.1, 0.1), at_s=2)

    assert window.total(at_s=2) == observed(0.1)


def test_vllm_s_text_is_read_over_all_its_engines() -> None:
    text = metrics_text(running=2, waiting=6, kv_use=0.25, ttft_s=[0.05, 3.0], engines=2)

    load, ttft = read_metrics(text)

    assert load == Load(running=4, waiting=12, kv_use=0.25)
    assert ttft == observed(0.05, 3.0, 0.05, 3.0)


@pytest.mark.parametrize("text", ["", "<html></html>", 'vllm:num_requests_running{engine="0"} 1.0\n'])
def test_another_server_s_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no metrics of vLLM"):
        read_metrics(text)
