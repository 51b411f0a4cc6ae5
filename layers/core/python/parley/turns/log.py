"""The response log in Valkey: what stored turns have said so far, at most 100 ms behind. It is their checkpoint.

One task a process writes for all its turns, one pipeline at a time: a connection or a command for each chunk would cost more
than the chunk. Per turn there are three keys, on one slot because they share the owner's hash tag:
`{user}:resp:ID:log` a stream of batches, `…:alive` while a process works on the turn, `…:stop` when somebody asked it to stop.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import orjson
from aws_lambda_powertools import Logger

from parley.errors import StorageUnavailable
from parley.ids import ResponseId, UserId
from parley.kit.telemetry import describe_error
from parley.kit.valkey import RedisCluster, RedisError, ResponseError
from parley.models.model import Delta

FLUSH_EVERY_S = 0.1
# In flushes: a stop is seen within 400 ms, a heartbeat is written every 2 s and outlives two that were lost.
STOP_CHECK_EVERY = 4
HEARTBEAT_EVERY = 20
ALIVE_FOR_S = 6
KEPT_FOR_S = 3600
STOP_KEPT_FOR_S = 60


def _key(user_id: UserId, response_id: ResponseId, name: str) -> str:
    return f"{{{user_id.hex}}}:resp:{response_id.hex}:{name}"


@dataclass(slots=True, eq=False)
class LiveLog:
    """The log of one turn that this process works on. `on_stop` is called once a stop asked for elsewhere is seen."""

    user_id: UserId
    response_id: ResponseId
    on_stop: Callable[[], None]
    pending: list[Delta] = field(default_factory=list[Delta])
    # The batch on its way. It is sent again, under the same stream id, until it is known to have arrived: once.
    in_flight: list[Delta] = field(default_factory=list[Delta])
    written: int = 0
    flushes: int = 0
    is_settled: bool = False

    def append(self, deltas: Sequence[Delta]) -> None:
        self.pending.extend(deltas)

    def next_batch(self) -> tuple[str, list[Delta]]:
        """The stream id and the deltas to write next; empty when there is nothing new."""
        if not self.in_flight:
            self.in_flight, self.pending = self.pending, []
        return f"{self.written + 1}-0", self.in_flight

    def note_answer(self, answer: object) -> None:
        """Valkey's answer to the batch: an id of this batch that exists already means that it had arrived before."""
        if not isinstance(answer, ResponseError) or "equal or smaller" in str(answer):
            self.written += len(self.in_flight)
            self.in_flight = []

    def key(self, name: str) -> str:
        return _key(self.user_id, self.response_id, name)


class ResponseLog:
    """Writes the logs of this process's turns and reads those of any. A write that fails is tried again, never waited for."""

    def __init__(self, valkey: RedisCluster, logger: Logger) -> None:
        self._valkey = valkey
        self._logger = logger
        self._live: set[LiveLog] = set()
        self._closed: list[LiveLog] = []
        self._has_work = asyncio.Event()
        self._is_failing = False

    def open(self, user_id: UserId, response_id: ResponseId, on_stop: Callable[[], None]) -> LiveLog:
        log = LiveLog(user_id, response_id, on_stop)
        self._live.add(log)
        self._has_work.set()
        return log

    def close(self, log: LiveLog, *, is_settled: bool) -> None:
        """End the writing. Of a settled turn Postgres holds the answer, so its keys go; else the sweeper will need them."""
        log.is_settled = is_settled
        self._live.discard(log)
        self._closed.append(log)
        self._has_work.set()

    async def request_stop(self, user_id: UserId, response_id: ResponseId) -> None:
        """Ask whichever process works on the turn to stop it. Raises: StorageUnavailable when nobody could be told."""
        try:
            await self._valkey.set(_key(user_id, response_id, "stop"), b"1", ex=STOP_KEPT_FOR_S)
        except (RedisError, OSError) as error:
            raise StorageUnavailable("The answer could not be stopped just now. Try again.", retry_after_s=1) from error

    async def is_alive(self, user_id: UserId, response_id: ResponseId) -> bool:
        """Whether some process works on the turn. Raises: StorageUnavailable when that cannot be known."""
        try:
            return bool(await self._valkey.exists(_key(user_id, response_id, "alive")))
        except (RedisError, OSError) as error:
            raise StorageUnavailable("Valkey does not answer.") from error

    async def read(self, user_id: UserId, response_id: ResponseId) -> list[Delta]:
        """What the log holds of a turn, from its beginning. Raises: StorageUnavailable."""
        try:
            entries = cast("Any", await self._valkey.xrange(_key(user_id, response_id, "log")))
        except (RedisError, OSError) as error:
            raise StorageUnavailable("Valkey does not answer.") from error
        return [_decode(each) for _, fields in entries for each in orjson.loads(fields[b"d"])]

    async def write_forever(self) -> None:
        while True:
            await self._has_work.wait()
            await asyncio.sleep(FLUSH_EVERY_S)
            try:
                await self._flush()
            except (RedisError, OSError) as error:
                self._note_failure(error)

    async def _flush(self) -> None:
        if not self._live and not self._closed:
            self._has_work.clear()
            return
        await self._valkey.initialize()  # asks for the cluster's slots where they are not known
        batch = _Batch(self._valkey)
        for log in self._live:
            batch.write(log)
            batch.keep_alive(log)
        closed = list(self._closed)
        for log in closed:
            batch.delete(log) if log.is_settled else batch.write(log)
        await batch.execute()
        del self._closed[: len(closed)]
        self._is_failing = False

    def _note_failure(self, error: Exception) -> None:
        if not self._is_failing:
            self._logger.warning("response_log_unavailable", extra=describe_error(error))
        self._is_failing = True


class _Batch:
    """One pipeline, and what to do with its answers."""

    def __init__(self, valkey: RedisCluster) -> None:
        self._valkey = valkey
        self._pipeline = cast("Any", valkey.pipeline(transaction=False))
        self._on_answer: list[Callable[[Any], None]] = []

    def write(self, log: LiveLog) -> None:
        stream_id, deltas = log.next_batch()
        if deltas:
            payload = orjson.dumps([_encode(delta) for delta in deltas if delta.is_shown])
            self._add(log, log.note_answer, "XADD", log.key("log"), stream_id, "d", payload)

    def keep_alive(self, log: LiveLog) -> None:
        """From time to time a heartbeat, and a look whether somebody asked for a stop."""
        if log.flushes % HEARTBEAT_EVERY == 0:
            self._add(log, _ignore, "SET", log.key("alive"), b"1", "EX", ALIVE_FOR_S)
            self._add(log, _ignore, "EXPIRE", log.key("log"), KEPT_FOR_S)
        if log.flushes % STOP_CHECK_EVERY == 0:
            self._add(log, lambda is_asked: log.on_stop() if is_asked == 1 else None, "EXISTS", log.key("stop"))
        log.flushes += 1

    def delete(self, log: LiveLog) -> None:
        self._add(log, _ignore, "DEL", log.key("log"), log.key("alive"), log.key("stop"))

    def _add(self, log: LiveLog, on_answer: Callable[[Any], None], *command: str | bytes | int) -> None:
        """Add a command for the node of the turn's keys. Left to look for it, redis-py takes half as long again for each."""
        self._pipeline.execute_command(*command, target_nodes=self._valkey.get_node_from_key(log.key("log")))
        self._on_answer.append(on_answer)

    async def execute(self) -> None:
        if self._on_answer:
            answers = await self._pipeline.execute(raise_on_error=False)
            for handle, answer in zip(self._on_answer, answers, strict=True):
                handle(answer)


def _ignore(_: Any) -> None: ...


@asynccontextmanager
async def open_response_log(valkey: RedisCluster, logger: Logger) -> AsyncGenerator[ResponseLog]:
    log = ResponseLog(valkey, logger)
    writer = asyncio.create_task(log.write_forever(), name="response-log-writer")
    try:
        yield log
    finally:
        writer.cancel()
        await asyncio.wait([writer])


def _encode(delta: Delta) -> str | dict[str, Any]:
    """Text alone, which nearly every delta is, stands as it is."""
    if not (delta.reasoning or delta.tool_calls or delta.logprobs):
        return delta.text
    fields = {
        "text": delta.text,
        "reasoning": delta.reasoning,
        "tool_calls": delta.tool_calls,
        "logprobs": delta.logprobs,
    }
    return {name: value for name, value in fields.items() if value}


def _decode(entry: str | Mapping[str, Any]) -> Delta:
    return Delta(text=entry) if isinstance(entry, str) else Delta(**entry)
