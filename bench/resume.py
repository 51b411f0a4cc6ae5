"""How long a client that comes back to a response waits: one at a time, on a chat function that is idle otherwise."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from bench.client import Connection, http_request
from bench.events import EventCheck
from bench.live import LiveTurn
from bench.load import quantiles

_WITHIN_S = 30
# Until the process is done with the reader before, which may have left in the middle.
_PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Return:
    """To which response, at which process, and what was seen of it. `events`: how many are a whole replay; None: to its end."""

    label: str
    port: int
    turn: LiveTurn
    starting_after: int | None = None
    events: int | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """What one who came back got: ms from the request to the first event and to the last."""

    first_ms: float
    whole_ms: float
    events: int


@dataclass(frozen=True, slots=True)
class Resumed:
    """Several of them. `events` is what each got."""

    label: str
    first_p50_ms: float
    first_p95_ms: float
    whole_p50_ms: float
    events: int


async def come_back(wanted: Return, times: int) -> Resumed:
    """Raises: RuntimeError when what comes is not, event by event, what is asked for."""
    replays: list[Replay] = []
    for _ in range(times):
        replays.append(await _replay(wanted))
        await asyncio.sleep(_PAUSE_S)
    return put_together(wanted.label, replays)


def put_together(label: str, replays: Sequence[Replay]) -> Resumed:
    first = quantiles([each.first_ms for each in replays])
    whole_p50_ms = median(each.whole_ms for each in replays)
    return Resumed(label, first["p50"], first["p95"], whole_p50_ms, min(each.events for each in replays))


async def _replay(wanted: Return) -> Replay:
    connection = await Connection.open(wanted.port)
    check, arrived_s = EventCheck(wanted.starting_after), list[float]()

    def receive(body: bytes) -> None:
        if check.feed(body):
            arrived_s.append(time.monotonic())
        if wanted.events is not None and check.events >= wanted.events:
            connection.leave()

    after = "" if wanted.starting_after is None else f"&starting_after={wanted.starting_after}"
    request = http_request("GET", f"{wanted.turn.path}?stream=true{after}", wanted.turn.headers)
    asked_s = time.monotonic()
    status = await connection.ask(request, receive, _WITHIN_S)
    connection.leave()
    problem = check.problem(wanted.turn.answer)
    is_whole = check.status == "completed" if wanted.events is None else check.events >= wanted.events
    if problem or not is_whole:
        raise RuntimeError(f"{wanted.label}: status {status}, {check.events} events, {check.status}; {problem}")
    return Replay((arrived_s[0] - asked_s) * 1000, (arrived_s[-1] - asked_s) * 1000, check.events)
