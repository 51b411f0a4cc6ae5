"""How many instances a pool needs, and that more of them are never worse."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from capacity.arrivals import Pattern
from capacity.facts import load_facts
from capacity.load import Asked, plan_load
from capacity.ring import ring_shares
from capacity.sizing import PoolSize, simulate_replicas, size_pool
from capacity.stage import read_stage

FACTS = load_facts()
PROD = read_stage(FACTS, "prod")
FAST = PROD.pools[0]


def size(peak: float, seed: int = 1, pattern: Pattern = "poisson") -> PoolSize:
    mix = {"fast": 1.0}
    load = plan_load(FACTS, Asked(users=1000, peak=peak, mix=mix, seed=seed, pattern=pattern), PROD.config.pools)
    return size_pool(FACTS, PROD, FAST, load, lambda _: None)


@pytest.fixture(scope="module")
def hundred() -> PoolSize:
    return size(100)


def test_the_instances_meet_the_aims_and_one_fewer_would_be_too_few(hundred: PoolSize) -> None:
    seen, replicas = hundred.at_peak, FAST.config.replicas_per_instance

    assert seen.first_token_p95_s.value < 2.01
    assert seen.stream_tokens_per_s.value >= 50
    assert (hundred.instances.value - 1) * replicas * hundred.replica_carries.value < 100
    assert 0.5 < hundred.use.value <= 1


def test_what_the_maximum_does_not_carry_is_refused_and_the_rest_is_served_in_time() -> None:
    over = size(1000)

    share = over.max_carries.value / 1000
    assert 1 - over.at_most.refused_share.value == pytest.approx(share, rel=0.4)
    assert over.at_most.first_token_p95_s.value < 2


def test_a_peak_beyond_all_measure_is_planned_as_well() -> None:
    over = size(1_000_000)

    assert over.instances.value > 10_000
    assert 0.999 < over.at_most.refused_share.value < 1


def test_a_pool_that_nobody_asks_needs_nothing() -> None:
    load = plan_load(FACTS, Asked(users=10, peak=1, mix={"fast": 1.0}), PROD.config.pools)

    idle = size_pool(FACTS, PROD, PROD.pools[3], load, lambda _: None)

    assert (idle.instances.value, idle.at_most.refused_share.value) == (0, 0)
    assert idle.possible


@pytest.mark.parametrize("pattern", ["poisson", "bursty"])
@pytest.mark.parametrize("peak", [1e-10, 2e-5, 0.01])
def test_a_pool_that_next_to_nobody_asks_needs_one_instance(peak: float, pattern: Pattern) -> None:
    sized = size(peak, pattern=pattern)

    assert sized.possible
    assert sized.instances.value == 1
    assert peak < 1e-6 or sized.at_peak.first_token_p95_s.value < 2


def test_turns_that_no_number_of_replicas_serves_in_time_are_told_apart() -> None:
    load = plan_load(FACTS, Asked(users=10, peak=1, tokens_in=15000, cached=0, mix={"quality": 1.0}), PROD.config.pools)

    hopeless = size_pool(FACTS, PROD, PROD.pools[2], load, lambda _: None)

    assert not hopeless.possible
    assert hopeless.instances.value == PROD.config.pools["quality"].max_instances


def test_a_gpu_that_is_too_slow_has_its_aim_lowered() -> None:
    dev = read_stage(FACTS, "dev")
    load = plan_load(FACTS, Asked(users=1, peak=0.5), dev.config.pools)

    sized = size_pool(FACTS, dev, dev.pools[0], load, lambda _: None)

    assert sized.aims.lowered
    assert sized.aims.stream_tokens_per_s.value < 50
    assert sized.instances.value == 1


def test_bursts_need_more(hundred: PoolSize) -> None:
    assert size(100, pattern="bursty").replica_carries.value < hundred.replica_carries.value


def test_the_same_seed_sizes_the_same_and_another_about_the_same(hundred: PoolSize) -> None:
    assert size(100) == hundred
    assert size(100, seed=7).replica_carries.value == pytest.approx(hundred.replica_carries.value, rel=0.25)


@given(rate=st.floats(10, 200), replicas=st.integers(4, 24))
@settings(max_examples=6, deadline=None)
def test_more_replicas_are_never_worse_on_the_mean_of_seeds(rate: float, replicas: int) -> None:
    load = plan_load(FACTS, Asked(users=1, peak=1), PROD.config.pools)

    def mean_wait_s(count: int) -> float:
        rate_each = [min(rate, 6 * replicas) / count]
        outcomes = [simulate_replicas(FAST.replica, load.work, rate_each, seed) for seed in range(3)]
        waits = [turn.wait_s for outcome in outcomes for turn in outcome.turns]
        return sum(waits) / len(waits)

    assert mean_wait_s(2 * replicas) < 1.05 * mean_wait_s(replicas)


def test_a_ring_gives_all_away_and_none_far_from_its_share() -> None:
    shares = ring_shares(24, 160)

    assert sum(shares) == pytest.approx(1)
    assert list(shares) == sorted(shares)
    assert 0.6 / 24 < shares[0] < 1 / 24 < shares[-1] < 1.5 / 24
    assert sum(ring_shares(5000, 160)) / 256 == pytest.approx(1 / 5000)
