"""Which workers may serve, what the router is told of them, and what they come to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_workers.router.registrar.discovery import worker_url
from gpu_workers.router.registrar.model import (
    Changes,
    Load,
    Probe,
    Standing,
    Worker,
    is_known,
    judge_worker,
    plan_changes,
    sum_up,
)

LOAD = Load(running=3, waiting=1, kv_use=0.5)
READY = Worker(Standing.READY, 0, LOAD)
OUT = Worker(Standing.OUT)
UNPROVEN = Worker()
ANSWER, SILENCE, REFUSAL = Probe(True, LOAD), Probe(None), Probe(False)


@pytest.mark.parametrize("before", [READY, OUT, UNPROVEN])
def test_a_worker_that_answers_is_ready_and_one_that_says_no_is_out_at_once(before: Worker) -> None:
    assert judge_worker(before, ANSWER) == READY
    assert judge_worker(before, REFUSAL).standing is Standing.OUT


def test_a_ready_worker_may_lose_one_probe_but_not_two_in_a_row() -> None:
    once = judge_worker(READY, SILENCE)
    twice = judge_worker(once, SILENCE)

    assert (once.standing, once.load) == (Standing.READY, LOAD)
    assert (twice.standing, twice.load) == (Standing.OUT, None)
    assert judge_worker(judge_worker(once, ANSWER), SILENCE).standing is Standing.READY


def test_ready_without_metrics_is_no_answer() -> None:
    assert judge_worker(READY, Probe(True)).failures == 1


def test_the_router_is_told_of_the_dead_the_unlisted_and_the_new() -> None:
    workers = {"a": READY, "b": OUT, "c": READY}

    assert plan_changes({"a", "b", "unlisted"}, workers) == Changes(remove=("b", "unlisted"), add=("c",))


def test_a_registrar_that_has_just_started_leaves_a_worker_alone_that_did_not_answer_yet() -> None:
    assert plan_changes({"a"}, {"a": UNPROVEN, "b": UNPROVEN}) == Changes()
    assert not is_known([UNPROVEN, OUT])
    assert is_known([])
    assert is_known([OUT])
    assert is_known([READY, UNPROVEN])


urls = st.sampled_from("abcdef")
pools = st.dictionaries(urls, st.sampled_from([READY, OUT, UNPROVEN]))


@given(st.sets(urls), pools)
def test_what_the_router_is_told_once_needs_no_telling_again(in_router: set[str], workers: dict[str, Worker]) -> None:
    changes = plan_changes(in_router, workers)
    after = in_router.difference(changes.remove).union(changes.add)

    assert plan_changes(after, workers) == Changes()
    assert {url for url, worker in workers.items() if worker == READY} <= after <= set(workers)


def test_a_pool_is_the_sum_of_its_ready_workers() -> None:
    other = Worker(Standing.READY, 0, Load(running=1, waiting=0, kv_use=0.1))

    scrape = sum_up([READY, other, OUT], ttft_p95_ms=12.5)

    assert (scrape.workers, scrape.ready, scrape.running, scrape.waiting) == (3, 2, 4, 1)
    assert scrape.kv_use == pytest.approx(0.3)
    assert scrape.ttft_p95_ms == 12.5


@pytest.mark.parametrize(
    ("attributes", "url"),
    [
        ({"AWS_INSTANCE_IPV4": "10.0.0.7", "AWS_INSTANCE_PORT": "9000"}, "http://10.0.0.7:9000"),
        ({"AWS_INSTANCE_IPV4": "10.0.0.7"}, "http://10.0.0.7:8000"),
        ({"AWS_INSTANCE_CNAME": "elsewhere"}, None),
    ],
)
def test_a_worker_s_url_comes_from_its_instance(attributes: dict[str, str], url: str | None) -> None:
    assert worker_url(attributes) == url
