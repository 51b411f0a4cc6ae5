"""The arithmetic between what was measured and what is reported."""

import pytest

from bench.load import quantiles
from bench.measure import Sample, Shape, split_cost
from bench.plan import Load


def sample(tokens: int, turns: int, *, chunk_us: float, turn_us: float) -> Sample:
    chunks = tokens * turns
    return Sample(Shape(tokens=tokens), Load(tokens=chunks), (chunks * chunk_us + turns * turn_us) / 1e6, 0)


def test_two_lengths_of_turns_tell_the_cost_of_a_chunk_from_that_of_a_turn() -> None:
    short = [sample(100, 25, chunk_us=50, turn_us=4000)]
    long = [sample(300, 8, chunk_us=50, turn_us=4000)]

    assert short[0].cpu_us_per_token == pytest.approx(90)
    assert split_cost(short, long) == pytest.approx((50, 4000))


def test_quantiles_are_values_that_were_seen() -> None:
    assert quantiles([float(each) for each in range(101)]) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert quantiles([]) == {}


def test_added_time_is_what_exceeds_the_median_of_the_engines_own_streams() -> None:
    load = Load(first_ms=[25.0, 31.0], direct_first_ms=[20.0, 21.0, 90.0])

    assert Sample(Shape(), load, 0, 0).added_first_ms == [4.0, 10.0]


def test_what_a_client_got_a_second_is_of_one_client() -> None:
    load = Load(tokens=4000)

    assert Sample(Shape(streams=10, window_s=8), load, 0, 0).tokens_per_s == 50
