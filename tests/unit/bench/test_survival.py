"""From what was seen of coming back and of readers to what is reported."""

import pytest

from bench.following import Watch, Where, put_together
from bench.live import gaps_ms
from bench.resume import Replay, Resumed
from bench.resume import put_together as put_replays_together
from tests.unit.bench.builders import make_survival


def watch_of(cpu_s: float, *, delivered: int = 0, reading_cpu_s: float = 0) -> Watch:
    return Watch(1000, cpu_s, {"p50": 20.0, "p99": 24.0}, delivered, reading_cpu_s)


def test_the_medians_of_the_rounds_tell_what_a_chunk_and_an_event_cost() -> None:
    watches = [watch_of(cpu_s, delivered=5000, reading_cpu_s=0.1) for cpu_s in (0.1, 0.12, 0.5)]

    result = put_together(Where.ELSEWHERE, watches, window_s=2)

    assert result.writing_us_per_chunk == pytest.approx(120)
    assert result.reading_us_per_event == pytest.approx(20)
    assert result.events_per_s == 2500
    assert result.apart_percent == pytest.approx(400 / 120 * 100)


def test_without_readers_there_is_no_cost_of_reading() -> None:
    assert put_together(Where.NOWHERE, [watch_of(0.1)], window_s=2).reading_us_per_event is None


def test_the_slowest_way_to_come_back_counts() -> None:
    assert make_survival(first_p95_ms=(5.0, 31.0, 8.0)).first_event_p95_ms == 31


def test_readers_add_what_exceeds_the_cost_without_them() -> None:
    assert make_survival(followed_us=104).added_by_readers_percent == pytest.approx(4)


def test_replays_are_summed_up_by_quantiles() -> None:
    replays = [Replay(float(index), 10.0 + index, 2008) for index in range(101)]

    assert put_replays_together("settled", replays) == Resumed("settled", 50, 95, 60, 2008)


def test_gaps_lie_between_events_that_follow_each_other() -> None:
    assert gaps_ms([1.0, 1.02, 1.05]) == pytest.approx([20, 30])
    assert gaps_ms([1.0]) == []
