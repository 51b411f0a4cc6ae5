"""Queues before an engine: who waits, how fast streams run, who is refused."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arrivals import Arrival, draw_arrivals, read_bursts
from capacity.facts import given as given_figure
from capacity.facts import load_facts
from capacity.gpu import Replica, Work, build_replica
from capacity.simulate import percentile, simulate_arrivals, simulate_clients

FACTS = load_facts()
WORK = Work(tokens_in=1000, tokens_out=300, cached_share=0.6, length_spread=0.6)
REPLICA = build_replica(FACTS, "Qwen/Qwen3-8B-AWQ", "A100 40 GB", given_figure("gpus", 1, "GPUs", "a test", "input"))

rates = st.floats(0.5, 6)
seeds = st.integers(0, 1000)


def mean_wait_s(turns_per_s: float, seed: int) -> float:
    outcome = simulate_arrivals(REPLICA, draw_arrivals(WORK, turns_per_s, 60, seed), warm_s=0)
    return sum(turn.wait_s for turn in outcome.turns) / len(outcome.turns)


def small(**changes: int) -> Replica:
    return replace(REPLICA, **changes)


def test_a_turn_alone_waits_for_its_prompt_and_then_gets_a_token_a_step() -> None:
    outcome = simulate_arrivals(REPLICA, [Arrival(1.0, 1000, 400, 101)], warm_s=0)

    (turn,) = outcome.turns
    assert turn.wait_s == pytest.approx(REPLICA.step_s(0, 400, 0))
    assert turn.tokens_per_s == pytest.approx(1 / REPLICA.step_s(1, 0, 1050), rel=0.01)


def test_a_long_prompt_is_computed_in_pieces() -> None:
    outcome = simulate_arrivals(REPLICA, [Arrival(0, 5000, 5000, 2)], warm_s=0)

    whole, rest = REPLICA.step_s(0, 2048, 0), REPLICA.step_s(0, 5000 - 2 * 2048, 0)
    assert outcome.turns[0].wait_s == pytest.approx(2 * whole + rest)


def test_no_more_streams_run_than_the_profile_allows() -> None:
    together = [Arrival(0, 100, 100, 50) for _ in range(3)]

    outcome = simulate_arrivals(small(max_num_seqs=2), together, warm_s=0)

    first, second, third = outcome.turns
    assert third.first_token_s
    assert third.first_token_s > min(first.ended_s or 0, second.ended_s or 0)


def test_a_turn_waits_until_the_cache_has_room_for_it() -> None:
    together = [Arrival(0, 600, 600, 100), Arrival(0, 600, 600, 100)]

    outcome = simulate_arrivals(small(kv_tokens=1000), together, warm_s=0)

    first, second = outcome.turns
    assert second.first_token_s
    assert first.ended_s
    assert second.first_token_s > first.ended_s


def test_a_turn_too_big_for_the_cache_is_served_alone_and_does_not_block_for_ever() -> None:
    outcome = simulate_arrivals(small(kv_tokens=10), [Arrival(0, 600, 600, 100), Arrival(1, 9, 9, 9)], warm_s=0)

    assert all(turn.ended_s for turn in outcome.turns)


def test_turns_are_refused_where_too_many_wait_and_the_others_are_served() -> None:
    together = [Arrival(0, 100, 100, 50) for _ in range(10)]

    outcome = simulate_arrivals(small(max_num_seqs=1), together, warm_s=0, refuse_at=4)

    assert outcome.refused_share == pytest.approx(0.5)
    assert sum(turn.ended_s is not None for turn in outcome.turns) == 5, "one that runs and four that wait"


@given(rate=rates, seed=seeds)
@settings(max_examples=10, deadline=None)
def test_every_turn_is_served_and_every_token_written(rate: float, seed: int) -> None:
    arrivals = draw_arrivals(WORK, rate, 30, seed)

    outcome = simulate_arrivals(REPLICA, arrivals, warm_s=0)

    assert len(outcome.turns) == len(arrivals)
    assert all(turn.first_token_s and turn.ended_s and turn.ended_s > turn.first_token_s for turn in outcome.turns)


@given(rate=rates, seed=seeds)
@settings(max_examples=10, deadline=None)
def test_the_same_seed_gives_the_same_outcome(rate: float, seed: int) -> None:
    first, second = (simulate_arrivals(REPLICA, draw_arrivals(WORK, rate, 30, seed), warm_s=5) for _ in range(2))

    assert first == second


@given(rate=st.floats(1, 5), more=st.floats(1.3, 2))
@settings(max_examples=8, deadline=None)
def test_more_load_is_never_better_on_the_mean_of_seeds(rate: float, more: float) -> None:
    less_s = sum(mean_wait_s(rate, seed) for seed in range(4))
    more_s = sum(mean_wait_s(rate * more, seed) for seed in range(4))

    assert more_s > less_s * 0.98


def test_bursts_keep_the_mean_rate_and_make_first_tokens_later() -> None:
    bursts = read_bursts(FACTS)
    calm, bursty = (draw_arrivals(WORK, 5, 4000, 1, bursts=each) for each in (None, bursts))

    assert len(calm) == pytest.approx(20_000, rel=0.03)
    assert len(bursty) == pytest.approx(20_000, rel=0.1)
    waits = [simulate_arrivals(REPLICA, each[:2000], warm_s=0).first_token_s(95) for each in (calm, bursty)]
    assert waits[1] > waits[0]


def test_lengths_have_the_mean_that_was_asked_for() -> None:
    arrivals = draw_arrivals(WORK, 50, 400, 3)

    assert sum(each.tokens_out for each in arrivals) / len(arrivals) == pytest.approx(300, rel=0.03)
    assert sum(each.tokens_in for each in arrivals) / len(arrivals) == pytest.approx(1000, rel=0.03)
    assert all(each.new_tokens == pytest.approx(0.4 * each.tokens_in) for each in arrivals)


def test_more_clients_write_more_tokens_a_second_in_all_and_fewer_each() -> None:
    few, many = (simulate_clients(REPLICA, Work(1000, 300), clients) for clients in (4, 32))

    assert many.tokens_per_s > few.tokens_per_s
    assert many.stream_tokens_per_s() < few.stream_tokens_per_s()


def test_no_load_is_no_turns() -> None:
    assert draw_arrivals(WORK, 0, 60, 1) == []
    assert simulate_arrivals(REPLICA, [], warm_s=1).refused_share == 0


def test_a_percentile_is_one_of_the_values() -> None:
    assert percentile([3, 1, 2], 50) == 2
    assert percentile([3, 1, 2], 99) == 3
    assert percentile([], 95) == float("inf")
