"""A circuit breaker: while something is down, only one call at a time waits for it; the others are refused at once."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from math import ceil
from time import monotonic


class Breaker:
    """Opens after `limit` outages in a row, and lets one call try again every `rest_s`. Any call that gets an answer closes it.

    Our own: of the libraries none lets one call alone through after a rest, but all that wait at once. It belongs to one event
    loop: nothing here awaits, so nothing needs a lock.
    """

    def __init__(
        self,
        refusal: Callable[[int], Exception],
        is_outage: Callable[[BaseException], bool],
        *,
        limit: int = 5,
        rest_s: float = 1,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`refusal` makes the error of a refused call from the seconds after which it may come again."""
        self._refusal = refusal
        self._is_outage = is_outage
        self._limit = limit
        self._rest_s = rest_s
        self._clock = clock
        self._outages = 0
        self._rests_until = 0.0
        self._is_tried = False

    @contextmanager
    def attempt(self) -> Generator[None]:
        """Call within it. An error that is no outage is an answer; a cancelled call says nothing. Raises: the refusal."""
        is_trial = self._outages >= self._limit
        if is_trial:
            rest_s = self._rests_until - self._clock()
            if rest_s > 0 or self._is_tried:
                raise self._refusal(max(1, ceil(rest_s)))
            self._is_tried = True
        try:
            yield
        except BaseException as error:
            if self._is_outage(error):
                self._note_outage(is_trial)
            elif isinstance(error, Exception):
                self._outages = 0
            raise
        else:
            self._outages = 0
        finally:
            self._is_tried = self._is_tried and not is_trial

    def _note_outage(self, is_trial: bool) -> None:
        """A call that began before the breaker opened, and fails after, must not put off the next trial."""
        if is_trial or self._outages < self._limit:
            self._outages += 1
            self._rests_until = self._clock() + self._rest_s
