"""The jobs, by the name that their messages say."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from parley.turns.sweep import SWEEP_EVERY_S
from parley.wiring.jobs import Jobs


class UnknownJobError(Exception):
    """A message names no job of ours: it goes to the dead letters, for somebody to look at."""


async def sweep(jobs: Jobs) -> None:
    """Settle abandoned turns. Two looks in one invocation: the next one may run in another process, which suspects nobody."""
    sweeper = jobs.new_sweeper()
    await sweeper.sweep()
    await asyncio.sleep(SWEEP_EVERY_S)
    await sweeper.sweep()


JOBS: Mapping[str, Callable[[Jobs], Awaitable[None]]] = {"sweep": sweep}


async def run_job(jobs: Jobs, message: object) -> None:
    """Run the job of `{"job": NAME}`. Raises: UnknownJobError, and what the job raises."""
    match message:
        case {"job": str(name)} if name in JOBS:
            await JOBS[name](jobs)
        case _:
            raise UnknownJobError
