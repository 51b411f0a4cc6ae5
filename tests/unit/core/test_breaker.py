"""The circuit breaker: refuses while its dependency is down, lets one call at a time find out whether it is back."""

import asyncio

import pytest

from parley.kit.breaker import Breaker


class Outage(Exception):
    pass


class Refused(Exception):
    pass


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def make_breaker(clock: Clock) -> Breaker:
    return Breaker(Refused, lambda error: isinstance(error, Outage), limit=3, rest_s=2, clock=clock)


def call(breaker: Breaker, error: BaseException | None = None) -> None:
    with breaker.attempt():
        if error is not None:
            raise error


def fail(breaker: Breaker, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Outage):
            call(breaker, Outage())


def seconds_to_wait(breaker: Breaker) -> int:
    with pytest.raises(Refused) as caught:
        call(breaker)
    return caught.value.args[0]


async def wait_for(event: asyncio.Event, breaker: Breaker, error: Exception | None = None) -> str:
    """A call that is under way until the event."""
    try:
        with breaker.attempt():
            await event.wait()
            if error is not None:
                raise error
    except Refused:
        return "refused"
    except Outage:
        return "failed"
    return "answered"


def test_it_opens_after_failures_in_a_row() -> None:
    breaker = make_breaker(Clock())

    fail(breaker, times=3)

    assert seconds_to_wait(breaker) == 2


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = make_breaker(Clock())

    fail(breaker, times=2)
    call(breaker)
    fail(breaker, times=2)

    call(breaker)


def test_an_error_that_is_no_outage_is_an_answer() -> None:
    breaker = make_breaker(Clock())

    fail(breaker, times=2)
    with pytest.raises(KeyError):
        call(breaker, KeyError())
    fail(breaker, times=2)

    call(breaker)


def test_a_cancelled_call_says_nothing() -> None:
    breaker = make_breaker(Clock())

    fail(breaker, times=2)
    with pytest.raises(asyncio.CancelledError):
        call(breaker, asyncio.CancelledError())
    fail(breaker)

    assert seconds_to_wait(breaker)


def test_who_is_refused_is_told_how_long_the_rest_still_is() -> None:
    clock = Clock()
    breaker = make_breaker(clock)
    fail(breaker, times=3)

    clock.now += 1.5

    assert seconds_to_wait(breaker) == 1


def test_an_answer_after_the_rest_closes_it() -> None:
    clock = Clock()
    breaker = make_breaker(clock)
    fail(breaker, times=3)

    clock.now += 2
    call(breaker)

    fail(breaker, times=2)
    call(breaker)


def test_a_failure_after_the_rest_begins_another_rest() -> None:
    clock = Clock()
    breaker = make_breaker(clock)
    fail(breaker, times=3)

    clock.now += 2
    fail(breaker)

    assert seconds_to_wait(breaker) == 2
    clock.now += 2
    call(breaker)


async def test_of_many_calls_after_the_rest_one_tries() -> None:
    clock, answered = Clock(), asyncio.Event()
    breaker = make_breaker(clock)
    fail(breaker, times=3)

    clock.now += 2
    calls = [asyncio.create_task(wait_for(answered, breaker)) for _ in range(10)]
    await asyncio.sleep(0)
    answered.set()

    assert sorted(await asyncio.gather(*calls)) == ["answered", *["refused"] * 9]
    call(breaker)


async def test_a_cancelled_trial_lets_the_next_call_try() -> None:
    clock = Clock()
    breaker = make_breaker(clock)
    fail(breaker, times=3)

    clock.now += 2
    trial = asyncio.create_task(wait_for(asyncio.Event(), breaker))
    await asyncio.sleep(0)
    assert seconds_to_wait(breaker) == 1
    trial.cancel()
    await asyncio.wait([trial])

    call(breaker)


async def test_calls_that_began_before_it_opened_put_no_trial_off() -> None:
    clock, over = Clock(), asyncio.Event()
    breaker = make_breaker(clock)
    late = [asyncio.create_task(wait_for(over, breaker, Outage())) for _ in range(5)]
    await asyncio.sleep(0)
    fail(breaker, times=3)

    clock.now += 1.9
    over.set()
    assert await asyncio.gather(*late) == ["failed"] * 5
    clock.now += 0.1

    call(breaker)


async def test_an_answer_to_a_call_that_began_before_it_opened_closes_it() -> None:
    over = asyncio.Event()
    breaker = make_breaker(Clock())
    late = asyncio.create_task(wait_for(over, breaker))
    await asyncio.sleep(0)
    fail(breaker, times=3)

    over.set()
    await late

    call(breaker)
