"""A turn as one reader gets it: from where it left off, with signs of life, to an end."""

from collections.abc import Sequence

import pytest

from lambdas.chat.responses.streams import check_starting_after, response_events
from parley.errors import EngineFailed, InvalidRequest
from parley.kit.sse import COMMENT
from parley.models.model import Delta
from parley.turns.model import Outcome, Status
from parley.turns.turn import Turn
from tests.unit.chat.make import CANCELLED, COMPLETED, make_response, names, parsed

# Ten events: the last has number 9.
HELLO = [Delta("Hel"), Delta("lo")]
ABANDONED = Outcome(Status.INCOMPLETE, None, error=EngineFailed("the server stopped"))


async def turn_of(deltas: Sequence[Delta] = HELLO, outcome: Outcome | None = None) -> Turn:
    turn = Turn(make_response())
    turn.publish(deltas)
    if outcome is not None:
        turn.finish(outcome)
    return turn


async def read(turn: Turn, starting_after: int | None = None) -> bytes:
    async with turn.reader(60) as reader:
        return b"".join([piece async for piece in response_events(turn, reader, starting_after=starting_after)])


@pytest.mark.parametrize("outcome", [COMPLETED, CANCELLED])
async def test_a_number_behind_the_end_is_refused(outcome: Outcome) -> None:
    turn = await turn_of(outcome=outcome)

    check_starting_after(turn, None)
    check_starting_after(turn, 9)
    with pytest.raises(InvalidRequest) as refused:
        check_starting_after(turn, 10)
    assert refused.value.param == "starting_after"


async def test_a_number_behind_what_was_kept_of_an_abandoned_turn_leads_to_its_end() -> None:
    turn = await turn_of(outcome=ABANDONED)

    check_starting_after(turn, 40)
    [last] = parsed(await read(turn, 40))
    assert (last["type"], last["sequence_number"]) == ("response.incomplete", 41)


async def test_a_number_that_is_not_reached_yet_is_waited_for() -> None:
    turn = await turn_of()

    check_starting_after(turn, 40)
    turn.finish(COMPLETED)
    assert parsed(await read(turn, 40))[0]["type"] == "response.completed"


async def test_of_a_turn_whose_events_are_forgotten_any_number_leads_to_the_end() -> None:
    turn = await turn_of([Delta("Hello")], COMPLETED)
    turn.is_condensed = True

    check_starting_after(turn, 40)
    [last] = parsed(await read(turn, 40))
    assert (last["sequence_number"], last["response"]["output"][0]["content"][0]["text"]) == (41, "Hello")


async def test_who_has_seen_everything_is_given_an_empty_stream() -> None:
    assert await read(await turn_of(outcome=COMPLETED), 9) == b""


async def test_a_silent_turn_gives_signs_of_life() -> None:
    turn = await turn_of([])
    pieces: list[bytes] = []

    async with turn.reader(0.01) as reader:
        async for piece in response_events(turn, reader):
            pieces.append(piece)
            if len(pieces) == 3:
                turn.publish(HELLO)
                turn.finish(COMPLETED)

    assert names(parsed(pieces[0])) == ["created", "in_progress"]
    assert pieces[1:3] == [COMMENT, COMMENT]
    assert names(parsed(b"".join(pieces[3:])))[-1] == "completed"
