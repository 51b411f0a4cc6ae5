"""When a pool counts as saturated, and when it is open again."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_workers.router.registrar.document import decode_verdict, encode_state
from gpu_workers.router.registrar.model import (
    OVER_FOR_MS,
    UNDER_FOR_MS,
    Limits,
    Scrape,
    Verdict,
    judge_pool,
)

LIMITS = Limits(waiting_per_worker=4, kv_use=0.95)
QUIET = Scrape(workers=2, ready=2, running=10, waiting=0, kv_use=0.3)
QUEUE = replace(QUIET, waiting=8)
MEMORY = replace(QUIET, waiting=1, kv_use=0.96)
EMPTY = Scrape(workers=2, ready=0, running=0, waiting=0, kv_use=0)
# Too busy to be opened again, not busy enough to be closed.
BETWEEN = replace(QUIET, waiting=5)


def judged(*rounds: tuple[int, Scrape]) -> list[Verdict]:
    """The verdicts of rounds at these milliseconds."""
    verdicts: list[Verdict] = []
    for now_ms, scrape in rounds:
        verdicts.append(judge_pool(verdicts[-1] if verdicts else None, scrape, LIMITS, now_ms))
    return verdicts


@pytest.mark.parametrize(("scrape", "reason"), [(QUEUE, "queue"), (MEMORY, "memory")])
def test_a_pool_that_is_over_a_limit_for_two_seconds_is_saturated(scrape: Scrape, reason: str) -> None:
    verdicts = judged((0, scrape), (1_000, scrape), (2_000, scrape))

    assert [verdict.saturated for verdict in verdicts] == [False, False, True]
    assert verdicts[-1].reason == reason
    assert verdicts[-1].since_ms == 2_000


def test_a_moment_below_the_limit_begins_the_two_seconds_anew() -> None:
    verdicts = judged((0, QUEUE), (1_000, QUIET), (2_000, QUEUE), (3_000, QUEUE), (4_000, QUEUE))

    assert [verdict.saturated for verdict in verdicts] == [False, False, False, False, True]


def test_a_full_cache_without_a_queue_is_good_use_of_the_gpu() -> None:
    full = replace(MEMORY, waiting=0)

    assert not judged(*((second * 1_000, full) for second in range(10)))[-1].saturated


def test_a_pool_without_a_ready_worker_is_saturated_at_once() -> None:
    (verdict,) = judged((0, EMPTY))

    assert (verdict.saturated, verdict.reason) == (True, "no_workers")


@pytest.mark.parametrize("before", [QUEUE, MEMORY, EMPTY])
def test_a_saturated_pool_opens_after_five_quiet_seconds(before: Scrape) -> None:
    rounds = [(second * 1_000, before) for second in range(3)]
    rounds += [(3_000 + second * 1_000, QUIET) for second in range(6)]

    verdicts = judged(*rounds)

    assert [verdict.saturated for verdict in verdicts[2:]] == [True] * 6 + [False]
    assert verdicts[-1] == Verdict(saturated=False, reason=None, since_ms=8_000)


@pytest.mark.parametrize(
    "busy", [BETWEEN, replace(QUIET, kv_use=0.86)], ids=["half of the waiting limit", "memory near its limit"]
)
def test_between_its_limits_a_pool_stays_what_it_is(busy: Scrape) -> None:
    opened = judged(*((second * 1_000, busy) for second in range(20)))
    closed = judged((0, EMPTY), *((second * 1_000, busy) for second in range(1, 20)))

    assert not opened[-1].saturated
    assert closed[-1].saturated


def test_a_busy_moment_begins_the_five_seconds_anew() -> None:
    quiet = [(second * 1_000, QUIET) for second in range(1, 5)]
    again = [(second * 1_000, QUIET) for second in range(6, 11)]

    assert judged((0, EMPTY), *quiet, (5_000, BETWEEN), *again)[-1].saturated


def test_a_saturated_pool_keeps_since_when_and_says_why_now() -> None:
    verdicts = judged((0, EMPTY), (1_000, QUEUE), (2_000, MEMORY), (3_000, BETWEEN))

    assert [verdict.reason for verdict in verdicts] == ["no_workers", "queue", "memory", "memory"]
    assert {verdict.since_ms for verdict in verdicts} == {0}


scrapes = st.builds(
    Scrape,
    workers=st.just(3),
    ready=st.integers(0, 3),
    running=st.integers(0, 300),
    waiting=st.integers(0, 20),
    kv_use=st.floats(0, 1),
)
histories = st.lists(st.tuples(st.integers(1, 3_000), scrapes), min_size=1, max_size=40)


def walked(history: list[tuple[int, Scrape]]) -> list[tuple[int, Scrape, Verdict]]:
    """The verdicts of rounds that follow each other after so many milliseconds."""
    now_ms, verdict, steps = 1_000_000, None, []
    for pause_ms, scrape in history:
        now_ms += pause_ms
        verdict = judge_pool(verdict, scrape, LIMITS, now_ms)
        steps.append((now_ms, scrape, verdict))
    return steps


@given(histories)
def test_a_reason_is_given_exactly_while_a_pool_is_saturated(history: list[tuple[int, Scrape]]) -> None:
    for _, scrape, verdict in walked(history):
        assert (verdict.reason is not None) == verdict.saturated
        assert scrape.ready or verdict.reason == "no_workers"


@given(histories)
def test_a_pool_with_workers_changes_no_sooner_than_its_pauses_allow(history: list[tuple[int, Scrape]]) -> None:
    steps = walked(history)
    for (before_ms, _, before), (now_ms, scrape, after) in pairwise(steps):
        if before.saturated != after.saturated and scrape.ready:
            began_ms = before.under_since_ms if before.saturated else before.over_since_ms
            assert began_ms is not None
            assert began_ms <= before_ms
            assert now_ms - began_ms >= (UNDER_FOR_MS if before.saturated else OVER_FOR_MS)


@given(histories)
def test_a_second_registrar_that_saw_the_same_changes_nothing(history: list[tuple[int, Scrape]]) -> None:
    for now_ms, scrape, verdict in walked(history):
        assert judge_pool(verdict, scrape, LIMITS, now_ms) == verdict


@given(histories)
def test_quiet_opens_and_a_queue_closes_every_pool_in_the_end(history: list[tuple[int, Scrape]]) -> None:
    now_ms, _, verdict = walked(history)[-1]
    for scrape, is_saturated in ((QUIET, False), (QUEUE, True)):
        for _ in range(7):
            now_ms += 1_000
            verdict = judge_pool(verdict, scrape, LIMITS, now_ms)
        assert verdict.saturated == is_saturated


@given(histories)
def test_what_valkey_holds_is_all_the_next_registrar_needs(history: list[tuple[int, Scrape]]) -> None:
    for now_ms, scrape, verdict in walked(history):
        assert decode_verdict(encode_state("fast", scrape, verdict, now_ms).encode()) == verdict


@pytest.mark.parametrize("document", [b"", b"{}", b"[]", b"null", b"\xff", b'{"saturated": true}'])
def test_a_document_of_somebody_else_is_no_verdict(document: bytes) -> None:
    assert decode_verdict(document) is None
