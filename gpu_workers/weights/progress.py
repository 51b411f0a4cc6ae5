"""How far a push is, as lines of JSON."""

import json
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Literal, Protocol

Half = Literal["download", "upload"]


class Say(Protocol):
    """Tells one thing that happened."""

    def __call__(self, event: str, **fields: object) -> None: ...


def print_event(event: str, **fields: object) -> None:
    """One line, at once: whoever reads follows it live. In one write, for several threads speak."""
    sys.stdout.write(json.dumps({"event": event, **fields}, ensure_ascii=False) + "\n")
    sys.stdout.flush()


class Progress:
    """Counts a file's bytes half when they are downloaded and half when they are uploaded; never goes back.

    At most a line a second, and one at the end.
    """

    def __init__(self, sizes: Mapping[str, int], say: Say, clock: Callable[[], float] = time.monotonic) -> None:
        self._sizes = dict(sizes)
        self._say = say
        self._clock = clock
        self._halves: dict[tuple[str, Half], float] = {}
        self._lock = threading.Lock()
        self._begun_s = self._said_s = clock()
        self._begun_bytes = 0.0

    def skip(self, name: str) -> None:
        """The file is there already, so that it says nothing about how fast the rest comes."""
        self._halves |= {(name, "download"): 1.0, (name, "upload"): 1.0}
        self._begun_bytes = self._moved_bytes()

    def move(self, name: str, half: Half, fraction: float) -> None:
        """`fraction` of the file, 0 to 1, has gone so far; less than before is a retry and not shown."""
        with self._lock:
            before = self._halves.get((name, half), 0.0)
            self._halves[name, half] = max(before, min(fraction, 1.0))
            now_s, moved = self._clock(), self._moved_bytes()
            ended = moved >= self.total_bytes > 0 and before < 1.0
            if now_s - self._said_s < 1.0 and not ended:
                return
            self._said_s = now_s
            self._say("progress", **self._figures(moved, now_s))

    @property
    def total_bytes(self) -> int:
        return sum(self._sizes.values())

    def _moved_bytes(self) -> float:
        return sum(self._sizes.get(name, 0) * fraction / 2 for (name, _), fraction in self._halves.items())

    def _figures(self, moved: float, now_s: float) -> dict[str, object]:
        rate = (moved - self._begun_bytes) / max(now_s - self._begun_s, 1e-9)
        left = self.total_bytes - moved
        return {
            "percent": round(100 * moved / self.total_bytes, 1),
            "bytes": int(moved),
            "total_bytes": self.total_bytes,
            "eta_s": round(left / rate) if rate >= 1 else None,
        }
