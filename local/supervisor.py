"""Start the parts of a stack, keep them running, stop them in order."""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from local.narration import Narrator
from local.parts.process import PartError, rotate
from local.state import PartState, Phase, StackState, mark_of, write_state

_POLL_S = 0.2
_ROTATE_EVERY_S = 30.0


class Step(Protocol):
    """Something the stack needs: a process of ours (`PartProcess`) or a server of the user's (`External`)."""

    @property
    def name(self) -> str: ...
    @property
    def port(self) -> int | None: ...
    @property
    def pid(self) -> int | None: ...

    def doing(self) -> str: ...
    def bring_up(self) -> None: ...
    def has_died(self) -> bool: ...
    def last_words(self) -> str: ...
    def stop(self) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a part may die before the stack gives up, and how long it rests before each new start."""

    deaths: int = 5
    within_s: float = 60.0
    first_rest_s: float = 0.25

    def is_lost(self, deaths: deque[float], now: float) -> bool:
        while deaths and now - deaths[0] > self.within_s:
            deaths.popleft()
        return len(deaths) > self.deaths

    def rest_s(self, deaths: int) -> float:
        """Doubles with every death: 0.25, 0.5, 1, 2, 4."""
        return self.first_rest_s * 2 ** max(0, deaths - 1)


@dataclass(slots=True)
class Supervisor:
    """Runs the steps of one stack: each tier side by side, tier after tier. Use it once."""

    home: Path
    url: str
    tiers: Sequence[Sequence[Step]]
    narrator: Narrator
    patience: Patience = field(default_factory=Patience)
    stop_wanted: threading.Event = field(default_factory=threading.Event)
    _phase: Phase = "starting"
    _started_at: float = field(default_factory=time.time)
    _healthy: set[str] = field(default_factory=set)
    _deaths: dict[str, deque[float]] = field(default_factory=dict)
    _restarts: dict[str, int] = field(default_factory=dict)

    def run(self) -> None:
        """Start everything, then watch it until `stop_wanted`; whatever happens, leave no process behind.

        Raises: PartError when a part does not start or dies too often.
        """
        try:
            for tier in self.tiers:
                self._bring_up(tier)
            if not self.stop_wanted.is_set():
                self._enter("ready")
                self.narrator.say(f"Ready in {time.time() - self._started_at:.1f} s: {self.url}", style="bold green")
            self._watch()
        finally:
            self._stop_all()

    @property
    def _steps(self) -> list[Step]:
        return [step for tier in self.tiers for step in tier]

    def _bring_up(self, steps: Sequence[Step]) -> None:
        """Start the steps side by side. Raises: PartError of the first that fails; not when a stop is wanted."""
        if not steps or self.stop_wanted.is_set():
            return
        for step in steps:
            self.narrator.begin(step.name, step.doing())
        self.record()
        with self.narrator.steps(), ThreadPoolExecutor(len(steps)) as pool:
            pending = {pool.submit(step.bring_up): step for step in steps}
            try:
                self._collect(pending)
            except BaseException:
                for step in steps:
                    step.kill()  # so that the threads that still wait for one end
                raise

    def _collect(self, pending: dict[Future[None], Step]) -> None:
        while pending and not self.stop_wanted.is_set():
            self.narrator.tick()
            self.record()  # pids, should we be killed now
            for future in wait(pending, timeout=_POLL_S, return_when="FIRST_COMPLETED").done:
                step = pending.pop(future)
                future.result()
                self._healthy.add(step.name)
                self.narrator.done(step.name, f"on 127.0.0.1:{step.port}" if step.port else "your own")
        for step in pending.values():
            step.kill()

    def _watch(self) -> None:
        rotated_s = time.monotonic()
        while not self.stop_wanted.wait(_POLL_S):
            dead = [step for step in self._steps if step.has_died()]
            if dead:
                self._revive(dead)
            if time.monotonic() - rotated_s > _ROTATE_EVERY_S:
                rotated_s = time.monotonic()
                for log in (self.home / "logs").glob("*.log"):
                    rotate(log)

    def _revive(self, dead: Sequence[Step]) -> None:
        """Start dead parts again, after a rest. Raises: PartError when one has died too often."""
        now = time.monotonic()
        rest_s = 0.0
        for step in dead:
            deaths = self._deaths.setdefault(step.name, deque())
            deaths.append(now)
            if self.patience.is_lost(deaths, now):
                raise PartError(f"{step.name} died {len(deaths)} times in a minute: giving up.\n{step.last_words()}")
            rest_s = max(rest_s, self.patience.rest_s(len(deaths)))
            self._healthy.discard(step.name)
            self._restarts[step.name] = self._restarts.get(step.name, 0) + 1
            self.narrator.say(f"{step.name} died; starting it again in {rest_s:.2g} s", style="yellow")
        self.record()
        if self.stop_wanted.wait(rest_s):
            return
        try:
            for tier in self.tiers:
                self._bring_up([step for step in tier if step in dead])
        except PartError as error:
            self.narrator.say(str(error), style="yellow")  # `_watch` sees the death and counts it
        self.record()

    def _stop_all(self) -> None:
        self._enter("stopping")
        for tier in reversed(self.tiers):
            with ThreadPoolExecutor(len(tier)) as pool:
                list(pool.map(lambda step: step.stop(), tier))
        (self.home / "state.json").unlink(missing_ok=True)
        self.narrator.say("Stopped.")

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self.record()

    def record(self) -> None:
        """Write down what runs now: what the next start finds should this process be killed."""
        supervisor = mark_of(os.getpid())
        if supervisor:
            parts = tuple(self._part_state(step) for step in self._steps)
            write_state(self.home, StackState(supervisor, self.url, self._phase, self._started_at, parts))

    def _part_state(self, step: Step) -> PartState:
        mark = mark_of(step.pid) if step.pid else None
        restarts = self._restarts.get(step.name, 0)
        return PartState(step.name, step.port, mark, step.name in self._healthy, restarts)


@contextmanager
def stopped_by_signals(stop_wanted: threading.Event) -> Iterator[None]:
    """Ctrl-C, SIGTERM and a closed terminal ask for a stop instead of ending the process."""

    def ask(_number: int, _frame: FrameType | None) -> None:
        stop_wanted.set()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, ask) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
