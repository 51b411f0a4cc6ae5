"""How a turn ends whose answer was found to be bad, whatever else happened to it."""

from uuid import uuid4

import pytest

from parley.errors import EngineFailed
from parley.ids import ItemId, ResponseId, UserId, created_at, new_uuid
from parley.kit.telemetry import open_logger
from parley.models.model import Delta
from parley.moderation.keywords import load_keywords
from parley.moderation.policy import Policy
from parley.moderation.service import Moderation
from parley.turns.judging import Judge
from parley.turns.model import ChatTurn, Outcome, Response, Status
from parley.turns.record import Prompt
from parley.turns.turn import Run, StageClock, Turn
from tests.doubles.turns import A_MODEL


def new_run() -> tuple[Run, Prompt]:
    response_id, user_id = ResponseId(new_uuid()), UserId(uuid4())
    response = Response(response_id, user_id, A_MODEL.name, created_at(response_id), ItemId(new_uuid()))
    return Run(ChatTurn(user_id, A_MODEL, {}), Turn(response), 60, StageClock()), Prompt((), response)


@pytest.mark.parametrize(
    "outcome",
    [
        Outcome(Status.FAILED, None, error=EngineFailed("as you wish")),
        Outcome(Status.INCOMPLETE, None, error=EngineFailed("as you wish")),
        Outcome(Status.CANCELLED, "stop"),
        Outcome(Status.COMPLETED, "stop"),
    ],
    ids=["failed", "broke-off", "stopped", "done"],
)
async def test_an_answer_that_was_taken_back_ends_so(outcome: Outcome) -> None:
    """An engine that fails in the same moment makes it look as if nothing had been said."""
    judge = Judge(Moderation(Policy(), load_keywords(), None), open_logger("chat"))
    run, prompt = new_run()
    await judge.attach(run, prompt)
    run.take_in([Delta("Here is how to make sarin.")])
    run.show_rest()
    run.withhold()

    ended = await judge.judge_rest(run, outcome)

    assert (ended.status, ended.is_withheld, ended.error) == (Status.INCOMPLETE, True, None)
    assert run.turn.deltas == []
    assert run.withheld
    assert run.withheld.text == "Here is how to make sarin."
