"""The writing of one flush: what the turns of this process have said since the last one, and that they are alive."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any, cast

from parley.ids import ResponseId, UserId
from parley.kit.valkey import RedisCluster, ResponseError
from parley.turns.entries import entry_fields, retraction_fields
from parley.turns.model import Outcome, StopReason
from parley.turns.turn import Run

FLUSH_EVERY_S = 0.1
# In flushes: a stop is seen within 300 ms, a heartbeat is written every 2 s and outlives two that were lost.
STOP_CHECK_EVERY = 3
HEARTBEAT_EVERY = 20
ALIVE_FOR_S = 6
# The log of a turn that never ends well goes at last, too.
UNSETTLED_KEPT_FOR_S = 24 * 3600


def log_key(user_id: UserId, response_id: ResponseId, name: str) -> str:
    return f"{{{user_id.hex}}}:resp:{response_id.hex}:{name}"


@dataclass(slots=True, eq=False)
class LiveLog:
    """The log of one turn that this process works on. `written` deltas are known to be in Valkey, `saved` in Postgres."""

    run: Run
    written: int = 0
    saved: int = 0
    saved_s: float = field(default_factory=monotonic)
    entries: int = 0
    # The entries that Valkey is known to hold.
    acknowledged: int = 0
    heartbeat_s: float = float("-inf")
    flushes: int = 0
    outcome: Outcome | None = None
    closed_s: float | None = None
    is_ended: bool = False
    # The log is known to hold nothing any more of what is taken back.
    is_trimmed: bool = False

    def key(self, name: str) -> str:
        response = self.run.turn.response
        return log_key(response.user_id, response.response_id, name)

    @property
    def has_news(self) -> bool:
        return (
            self.written < len(self.run.turn.deltas)
            or (self.outcome is not None and not self.is_ended)
            or (self.is_retracted and not self.is_trimmed)
        )

    def next_entry(self) -> tuple[str, list[str | bytes]]:
        """The id and the fields to write now. Each try has an id of its own: one that is refused is another lease's time."""
        self.entries += 1
        if self.is_retracted:
            fields = retraction_fields(self.outcome)
        else:
            fields = entry_fields(self.written, self.run.turn.deltas[self.written :], self.outcome)
        return f"{self.run.lease_epoch}-{self.entries}", fields

    @property
    def is_retracted(self) -> bool:
        return self.run.withheld is not None


class LogBatch:
    """One pipeline, and what to do with its answers."""

    def __init__(self, valkey: RedisCluster, kept_for_s: int) -> None:
        self._valkey = valkey
        self._kept_for_s = kept_for_s
        self._pipeline = cast("Any", valkey.pipeline(transaction=False))
        self._on_answer: list[Callable[[Any], None]] = []

    def write(self, log: LiveLog) -> None:
        if log.has_news:
            self._write_entry(log)
        if log.closed_s is None:
            self._keep_alive(log)
            log.flushes += 1

    def _write_entry(self, log: LiveLog) -> None:
        entry_id, fields = log.next_entry()
        count, is_end = len(log.run.turn.deltas), log.outcome is not None
        # All but the first entry want the stream to be there: a Valkey that has lost it gets everything again.
        options = ("NOMKSTREAM",) if log.written else ()

        def on_answer(answer: Any) -> None:
            if isinstance(answer, ResponseError):
                log.run.stop(StopReason.LEASE_LOST)
                log.written, log.is_ended, log.is_trimmed = len(log.run.turn.deltas), True, True
            elif answer is None:
                log.written = 0
            else:
                log.written, log.is_ended = count, is_end
                log.acknowledged += 1

        self._add(log, on_answer, "XADD", log.key("log"), *options, entry_id, *fields)
        if log.is_retracted:  # the entries that tell what was said
            self._add(log, partial(_note_trim, log), "XTRIM", log.key("log"), "MINID", entry_id)
        if log.written == 0:  # a new stream, which would stay for ever
            self._add(log, _ignore, "EXPIRE", log.key("log"), UNSETTLED_KEPT_FOR_S)
        if is_end:
            self._add(log, _ignore, "EXPIRE", log.key("log"), self._kept_for_s)
            self._add(log, _ignore, "DEL", log.key("alive"), log.key("stop"))

    def _keep_alive(self, log: LiveLog) -> None:
        """From time to time a heartbeat, a look whether somebody asked for a stop, and whether the log is still whole."""
        # By the clock: with a slow Valkey a flush takes long.
        if monotonic() - log.heartbeat_s >= HEARTBEAT_EVERY * FLUSH_EVERY_S:
            self._beat(log, monotonic())
            if log.acknowledged:
                self._check_length(log)
                self._add(log, _ignore, "EXPIRE", log.key("log"), UNSETTLED_KEPT_FOR_S)
        if log.flushes % STOP_CHECK_EVERY == 0:
            self._add(log, partial(_stop_if_asked, log), "EXISTS", log.key("stop"))

    def _beat(self, log: LiveLog, now_s: float) -> None:
        def on_answer(_: Any) -> None:
            log.heartbeat_s = now_s

        self._add(log, on_answer, "SET", log.key("alive"), b"1", "EX", ALIVE_FOR_S)

    def _check_length(self, log: LiveLog) -> None:
        """A replica that takes over may lack entries, and newer ones may hide that: then everything is written again."""

        def on_answer(length: int) -> None:
            if length < log.acknowledged:
                log.written = 0
            log.acknowledged = length

        self._add(log, on_answer, "XLEN", log.key("log"))

    def _add(self, log: LiveLog, on_answer: Callable[[Any], None], *command: str | bytes | int) -> None:
        """Add a command for the node of the turn's keys. Left to look for it, redis-py takes half as long again for each."""
        self._pipeline.execute_command(*command, target_nodes=self._valkey.get_node_from_key(log.key("log")))
        self._on_answer.append(on_answer)

    async def execute(self) -> None:
        """Raises: RedisError, OSError when any command did not reach its node; what was answered counts."""
        if not self._on_answer:
            return
        answers = await self._pipeline.execute(raise_on_error=False)
        failure: Exception | None = None
        for handle, answer in zip(self._on_answer, answers, strict=True):
            if isinstance(answer, Exception) and not is_refused_id(answer):
                failure = answer
            else:
                handle(answer)
        if failure is not None:
            raise failure


def is_refused_id(error: Exception) -> bool:
    """Valkey's words for an id that is not after the last: "… is equal or smaller than the target stream top item"."""
    return isinstance(error, ResponseError) and "equal or smaller" in str(error)


def _ignore(_: Any) -> None: ...


def _note_trim(log: LiveLog, _: int) -> None:
    log.is_trimmed = True


def _stop_if_asked(log: LiveLog, is_asked: int) -> None:
    if is_asked:
        log.run.stop(StopReason.CANCELLED)
