"""The jobs, by the name that their messages say."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast
from uuid import UUID

from parley.ids import ConversationId, ResponseId, UserId
from parley.turns.log_batch import FLUSH_EVERY_S
from parley.turns.sweep import SWEEP_EVERY_S
from parley.wiring.jobs import Jobs

Message = Mapping[str, Any]


class UnknownJobError(Exception):
    """A message names no job of ours, or not what to do it with: it goes to the dead letters, for somebody to look at."""


async def sweep(jobs: Jobs, _: Message) -> None:
    """Settle abandoned turns. Two looks in one invocation: the next one may run in another process, which suspects nobody."""
    sweeper = jobs.new_sweeper()
    await sweeper.sweep()
    await asyncio.sleep(SWEEP_EVERY_S)
    await sweeper.sweep()


async def run_turn(jobs: Jobs, message: Message) -> None:
    """Run a background turn to its end; nothing when it is not queued any more, or gone."""
    await jobs.turns.run_queued(UserId(_id(message, "user_id")), ResponseId(_id(message, "response_id")))
    # Its log is a moment behind, and Lambda freezes the process as soon as there is nothing more to do.
    await asyncio.sleep(3 * FLUSH_EVERY_S)


async def give_title(jobs: Jobs, message: Message) -> None:
    """Name a conversation after its first turn; nothing when somebody has named it, or it is gone."""
    await jobs.titles.give_title(UserId(_id(message, "user_id")), ConversationId(_id(message, "conversation_id")))


JOBS: Mapping[str, Callable[[Jobs, Message], Awaitable[None]]] = {
    "sweep": sweep,
    "turn": run_turn,
    "title": give_title,
}


async def run_job(jobs: Jobs, message: object) -> None:
    """Run the job of `{"job": NAME, …}`. Raises: UnknownJobError, and what the job raises."""
    match message:
        case {"job": str(name)} if name in JOBS:
            await JOBS[name](jobs, cast("Message", message))
        case _:
            raise UnknownJobError


def _id(message: Message, name: str) -> UUID:
    """Raises: UnknownJobError."""
    try:
        return UUID(hex=message[name])
    except (KeyError, ValueError, AttributeError):  # the last for what is no text
        raise UnknownJobError from None
