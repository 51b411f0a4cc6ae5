"""What the load generator is told, and what it tells: JSON on its standard input and output."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

import orjson

from bench.client import http_request

TURNS_PER_CONVERSATION = 5


class Kind(StrEnum):
    """The loads: turns of the usual length, long ones, tokens that come each at a time of its own, twice as many streams."""

    SHORT = "short"
    LONG = "long"
    SCATTERED = "scattered"
    CROWD = "crowd"


@dataclass(frozen=True, slots=True)
class Worker:
    """A client that asks again as soon as it is answered.

    With `conversations` its turns are stateful, `TURNS_PER_CONVERSATION` in each.
    """

    headers: Mapping[str, str]
    conversations: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """A load: where to, who, how much, and when to count. Times are `time.monotonic()`, which is one clock for the machine.

    Starts are spread evenly over `spread_s`. Streams straight from the engine (`direct_workers`) go along for comparison.
    """

    port: int
    engine_port: int
    model: str
    workers: Sequence[Worker]
    direct_workers: int
    tokens: int
    spread_s: float
    measure_from: float
    measure_until: float
    name: str = "t"

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        fields = orjson.loads(text)
        return cls(**{**fields, "workers": [Worker(**worker) for worker in fields["workers"]]})

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))


@dataclass(frozen=True, slots=True)
class Load:
    """What clients saw. `tokens`, `turns` (answered) and the times count within the measured window; `answered` and
    `failures` (a reason and how often) from start to end, so that no broken stream hides in a warm-up.
    """

    tokens: int = 0
    turns: int = 0
    answered: int = 0
    failures: Mapping[str, int] = field(default_factory=dict[str, int])
    first_ms: Sequence[float] = ()
    direct_first_ms: Sequence[float] = ()
    # Between two tokens of a stream.
    gap_ms: Mapping[str, float] = field(default_factory=dict[str, float])

    @classmethod
    def from_json(cls, text: bytes) -> Self:
        return cls(**orjson.loads(text))

    def to_json(self) -> bytes:
        return orjson.dumps(asdict(self))


def as_request(plan: Plan, worker: Worker, asked: str, conversation_id: str | None) -> bytes:
    """An HTTP request for one streamed chat completion."""
    document: dict[str, Any] = {
        "model": plan.model,
        "messages": [{"role": "user", "content": asked}],
        "max_tokens": plan.tokens,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if conversation_id is not None:
        document["conversation_id"] = conversation_id
    body = orjson.dumps(document)
    return http_request("POST", "/v1/chat/completions", worker.headers, body)
