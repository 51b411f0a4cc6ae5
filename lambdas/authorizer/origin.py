"""Whether a request came through CloudFront: it alone knows what to say in `x-parley-origin`."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Collection, Sequence

HEADER = "x-parley-origin"

# A value that was rotated away twice is refused this much later at the latest.
_FRESH_S = 300.0
# Between two looks that unknown values asked for: whoever invents them costs Secrets Manager six requests a minute.
_UNKNOWN_PAUSE_S = 10.0


def is_accepted(presented: Sequence[str], accepted: Collection[str]) -> bool:
    """Whether exactly one value was presented, and it is one of `accepted`; in a time that tells nothing of them."""
    if len(presented) != 1:
        return False
    value = presented[0].encode("utf-8", "replace")
    matches = [hmac.compare_digest(value, each.encode()) for each in accepted if each]
    return any(matches)


class OriginCheck:
    """Checks against the values of now, which `read` tells: the current one, and the previous one while CloudFront changes
    over. Shared by threads. `clock` counts seconds and never goes back.
    """

    def __init__(self, read: Callable[[], Collection[str]], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = read
        self._clock = clock
        self._lock = threading.Lock()
        self._accepted: Collection[str] = ()
        self._read_at = float("-inf")

    def accepts(self, presented: Sequence[str]) -> bool:
        """Raises: what `read` raises, when the values cannot be told."""
        if len(presented) != 1:
            return False
        with self._lock:
            self._renew_after(_FRESH_S)
            if is_accepted(presented, self._accepted):
                return True
            self._renew_after(_UNKNOWN_PAUSE_S)
            return is_accepted(presented, self._accepted)

    def _renew_after(self, age_s: float) -> None:
        if self._clock() - self._read_at >= age_s:
            self._accepted = self._read()
            self._read_at = self._clock()
