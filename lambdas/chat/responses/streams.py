"""A turn as a stream of events for one reader, which may have seen the first of them before."""

from collections.abc import AsyncGenerator

from lambdas.chat.responses.events import ResponseEvents, last_number
from parley.errors import EngineFailed, InvalidRequest
from parley.kit.sse import COMMENT
from parley.turns.model import Outcome, Status
from parley.turns.turn import Turn, TurnReader


def check_starting_after(turn: Turn, starting_after: int | None) -> None:
    """Raises: InvalidRequest for a number behind the end of a turn that is over.

    An abandoned turn is an exception: what its process said in its last 100 ms is not in the log, and its reader may have it.
    """
    if starting_after is None or turn.outcome is None or turn.is_condensed or _is_abandoned(turn.outcome):
        return
    last = last_number(turn)
    if starting_after > last:
        raise InvalidRequest(f"The last event of this response has the sequence_number {last}.", param="starting_after")


async def response_events(
    turn: Turn, reader: TurnReader, *, starting_after: int | None = None
) -> AsyncGenerator[bytes]:
    """The events behind `starting_after`, several in one piece of bytes where they came together, and comments while it is
    silent. It ends with the event that tells how the response ended.
    """
    encode = ResponseEvents(turn.response, starting_after=starting_after, is_condensed=turn.is_condensed)
    if first := encode.first():
        yield first
    async for deltas in reader:
        if events := b"".join([encode.delta(delta) for delta in deltas]) if deltas else COMMENT:
            yield events
    assert turn.outcome is not None
    if last := encode.last(turn.outcome):
        yield last


def _is_abandoned(outcome: Outcome) -> bool:
    return outcome.status is Status.INCOMPLETE and isinstance(outcome.error, EngineFailed)
