"""How the pools are, as their registrars write it to Valkey every second (gpu_workers/PROTOCOL.md)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Any

import orjson

from parley.kit.valkey import RedisCluster, RedisError

FRESH_S = 1


@dataclass(frozen=True, slots=True)
class PoolState:
    """`reason` says why a pool is saturated: `queue`, `memory` or `no_workers`."""

    is_saturated: bool
    reason: str | None = None


class PoolStates:
    """The states of pools, read when they are asked for and at most once a second a process."""

    def __init__(
        self, valkey: RedisCluster, answer_within_s: float = 0.2, clock: Callable[[], float] = monotonic
    ) -> None:
        """A state decides nothing that would be worth a longer wait: without an answer a pool counts as open."""
        self._valkey = valkey
        self._answer_within_s = answer_within_s
        self._clock = clock
        self._read: dict[str, tuple[float, PoolState | None]] = {}

    async def get(self, pool: str) -> PoolState | None:
        """None where nobody tells: no registrar has written for ten seconds, or Valkey is away. It raises nothing."""
        read_at_s, state = self._read.get(pool, (float("-inf"), None))
        if self._clock() - read_at_s < FRESH_S:
            return state
        # Those who ask meanwhile get what was known.
        self._read[pool] = (self._clock(), state)
        state = await self._ask(pool)
        self._read[pool] = (self._clock(), state)
        return state

    async def _ask(self, pool: str) -> PoolState | None:
        try:
            async with asyncio.timeout(self._answer_within_s):
                document: Any = await self._valkey.get(f"pool:{pool}")
        except (RedisError, OSError, TimeoutError):
            return None
        return None if document is None else _parse(document)


def _parse(document: bytes) -> PoolState | None:
    try:
        said = orjson.loads(document)
        return PoolState(bool(said["saturated"]), said.get("reason"))
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None
