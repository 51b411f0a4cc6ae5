"""The laptop's SQS and Lambda: takes jobs from the stream in Valkey and runs them, several at once.

A job is taken out when it is done. One that failed, or whose process died, is taken up again once nobody has held it for
`visibility_s`; after three times it is put aside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

from aws_lambda_powertools import Logger

from parley.kit.telemetry import describe_error
from parley.kit.valkey import RedisCluster, RedisError, ResponseError
from parley.kit.valkey_queue import DEAD_LETTERS, FIELD, GROUP, STREAM

DELIVERIES = 3
# Under the client's timeout for an answer, 2 s.
_WAIT_MS = 1000
_REST_S = 1
# The oldest of them go: there is somebody to look at them, but nobody who must.
_DEAD_LETTERS_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class Message:
    """`deliveries` counts how often it was taken, this time included."""

    id: bytes
    body: bytes = field(repr=False)
    deliveries: int


class Consumer:
    """Runs the jobs of the stream, `at_once` at a time. Any number of consumers share the work."""

    def __init__(
        self,
        valkey: RedisCluster,
        run: Callable[[bytes], Awaitable[None]],
        logger: Logger,
        *,
        name: str = "gateway",
        at_once: int = 4,
        visibility_s: float = 30,
    ) -> None:
        self._valkey = cast("Any", valkey)
        self._run = run
        self._logger = logger
        self._name = name
        self._at_once = at_once
        self._visibility_s = visibility_s
        self._is_ending = False

    async def consume_forever(self) -> None:
        """Until it is cancelled. What it was doing then is taken up again later, by whoever comes."""
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._at_once):
                tasks.create_task(self._work())
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                # Before Python 3.12 `asyncio.wait_for`, and so redis-py, may swallow a cancellation.
                self.take_no_more()

    def take_no_more(self) -> None:
        """What is being done is finished, and nothing else is begun."""
        self._is_ending = True

    async def _work(self) -> None:
        while not self._is_ending:
            try:
                await self._join()
                while not self._is_ending:
                    await self._do_next()
            except (RedisError, OSError) as error:
                self._logger.warning("job_queue_unavailable", extra=describe_error(error))
                await asyncio.sleep(_REST_S)

    async def _join(self) -> None:
        """The group is there afterwards. It begins with the first message, whoever came first."""
        try:
            await self._valkey.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _do_next(self) -> None:
        """Do one job, or wait a second for one."""
        message = await self._take_up_again() or await self._take_new()
        if message is None or self._is_ending:
            return
        if message.deliveries > DELIVERIES:
            self._logger.error("job_put_aside", extra={"message_id": message.id.decode()})
            await self._valkey.xadd(DEAD_LETTERS, {FIELD: message.body}, maxlen=_DEAD_LETTERS_LIMIT)
        elif not await self._is_done(message):
            return
        # In this order: what is deleted but not acknowledged is forgotten by the group, the other way round it would stay.
        await self._valkey.xdel(STREAM, message.id)
        await self._valkey.xack(STREAM, GROUP, message.id)

    async def _take_up_again(self) -> Message | None:
        """A job that nobody has held for too long."""
        idle_ms = int(self._visibility_s * 1000)
        _, messages, *_ = await self._valkey.xautoclaim(STREAM, GROUP, self._name, idle_ms, count=1)
        for message_id, fields in messages:
            (pending,) = await self._valkey.xpending_range(STREAM, GROUP, message_id, message_id, 1)
            return Message(message_id, fields.get(FIELD, b""), pending["times_delivered"])
        return None

    async def _take_new(self) -> Message | None:
        streams = await self._valkey.xreadgroup(GROUP, self._name, {STREAM: ">"}, count=1, block=_WAIT_MS)
        for _, messages in streams:
            for message_id, fields in messages:
                return Message(message_id, fields.get(FIELD, b""), 1)
        return None

    async def _is_done(self, message: Message) -> bool:
        async with asyncio.TaskGroup() as tasks:
            holding = tasks.create_task(self._hold(message))
            try:
                await self._run(message.body)
            except Exception as error:  # noqa: BLE001 - the edge of the process: a job that fails must not end the others
                self._logger.error("job_failed", extra={"message_id": message.id.decode(), **describe_error(error)})
                return False
            finally:
                holding.cancel()
        return True

    async def _hold(self, message: Message) -> None:
        """Nobody else takes the message up while this process works on it, however long that takes."""
        while True:
            await asyncio.sleep(self._visibility_s / 3)
            try:
                # Of a claim without the message the stream does not count the delivery.
                await self._valkey.xclaim(STREAM, GROUP, self._name, 0, [message.id], justid=True)
            except (RedisError, OSError):
                continue  # `_work` says so, and tries again
