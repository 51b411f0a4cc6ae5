"""A queue in Valkey, for where there is no SQS: a stream with a consumer group. This is its sending half, and its names.

Its messages stay in the stream until they are done, so its length is what waits and what is being done.
"""

from typing import Any, cast

from parley.errors import StorageUnavailable
from parley.kit.valkey import RedisCluster, RedisError

# On one slot, so that a message moves to the dead letters in one transaction.
STREAM = "{jobs}:stream"
DEAD_LETTERS = "{jobs}:dead"
GROUP = "jobs"
FIELD = b"body"
# Nobody takes messages any more when so many wait: better to refuse one more than to fill the memory.
LENGTH_LIMIT = 10_000


class ValkeyQueue:
    """Sends messages; whoever reads the group gets each at least once."""

    def __init__(self, valkey: RedisCluster) -> None:
        self._valkey = cast("Any", valkey)

    async def send(self, body: bytes) -> None:
        """Returns once Valkey has the message. Raises: StorageUnavailable, also when the queue is full."""
        try:
            length = await self._valkey.xlen(STREAM)
            if length < LENGTH_LIMIT:
                await self._valkey.xadd(STREAM, {FIELD: body})
                return
        except (RedisError, OSError) as error:
            raise StorageUnavailable(
                "The queue of jobs does not answer. Try again in a moment.", retry_after_s=2
            ) from error
        raise StorageUnavailable("Too many jobs wait already. Try again in a moment.", retry_after_s=30)
