"""Turns as no request made them."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from parley.ids import ItemId, ResponseId, UserId, created_at, new_uuid
from parley.models.model import Delta, Model
from parley.turns.model import ChatTurn, Response
from parley.turns.turn import Run, StageClock, Turn

A_MODEL = Model("stand-in", 1024, 1, "tests")


class ForgetfulQueue:
    """Takes jobs and remembers them; nobody does them."""

    def __init__(self) -> None:
        self.jobs: list[Mapping[str, str]] = []

    async def send(self, job: Mapping[str, str]) -> None:
        self.jobs.append(job)


def make_response(user_id: UserId | None = None, response_id: ResponseId | None = None) -> Response:
    response_id = response_id or ResponseId(new_uuid())
    return Response(response_id, user_id or UserId(uuid4()), A_MODEL.name, created_at(response_id), ItemId(new_uuid()))


def make_run(response: Response, deltas: Sequence[Delta] = (), lease_epoch: int = 1) -> Run:
    """A run of which `deltas` have come so far; it needs a running loop."""
    run = Run(ChatTurn(response.user_id, A_MODEL, {}), Turn(response), 60, StageClock(), lease_epoch)
    run.turn.publish(deltas)
    return run
