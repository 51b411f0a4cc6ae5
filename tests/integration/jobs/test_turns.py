"""Background turns and titles: what the chat function queues, the jobs function does as the user who asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import uuid4

import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.conversations.model import Message, Role
from parley.kit.postgres import open_pool
from parley.kit.telemetry import open_logger
from parley.settings import EngineSettings
from parley.turns.model import Status
from parley.turns.titles import Titles
from parley.wiring.models import open_models
from tests.doubles.engine import StandInEngine
from tests.integration.history.runtime import Function, open_function
from tests.integration.jobs.conftest import User, failed, jobs_environment, sqs_event


@pytest.fixture(scope="module")
async def function(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine
) -> AsyncIterator[Function]:
    with open_function("lambdas.jobs.main", jobs_environment(postgres, valkey, stand_in.url)) as function:
        yield function


async def do(function: Function, *jobs: Mapping[str, str]) -> dict[str, Any]:
    """What the function says of the jobs: in a thread, for the engine runs in this one."""
    return await asyncio.to_thread(function.invoke, sqs_event(*map(json.dumps, jobs)))


async def test_a_background_turn_is_run_by_its_job(function: Function, user: User) -> None:
    turn = await user.turns.begin(user.say("words 3", is_background=True))
    response_id = turn.response.response_id
    before = await user.turns.get(user.user_id, response_id)
    (job,) = user.taken_jobs()

    answer = await do(function, job)

    stored = await user.turns.get(user.user_id, response_id)
    assert answer == failed()
    assert job == {"job": "turn", "user_id": user.user_id.hex, "response_id": response_id.hex}
    assert (before.status, stored.status) == (Status.QUEUED, Status.COMPLETED)
    assert stored.output == (Message(Role.ASSISTANT, ("w0 w1 w2 ",)),)


async def test_who_follows_a_background_turn_sees_its_end_when_its_job_is_done(function: Function, user: User) -> None:
    turn = await user.turns.begin(user.say("words 3", is_background=True))
    (job,) = user.taken_jobs()

    await do(function, job)

    async with asyncio.timeout(2), turn.reader(idle_s=15) as reader:
        said = [delta.text async for batch in reader for delta in batch]
    assert "".join(said) == "w0 w1 w2 "
    assert turn.outcome is not None
    assert turn.outcome.status is Status.COMPLETED


async def test_a_job_that_comes_twice_is_done_once(function: Function, user: User, stand_in: StandInEngine) -> None:
    await user.turns.begin(user.say("words 3", is_background=True))
    (job,) = user.taken_jobs()
    before = len(stand_in.requests)

    answers = [await do(function, job, job), await do(function, job)]

    # A turn and the title after it.
    assert answers == [failed(), failed()]
    assert len(stand_in.requests) == before + 1


async def test_a_turn_that_was_cancelled_before_its_job_came_is_not_run(
    function: Function, user: User, stand_in: StandInEngine
) -> None:
    turn = await user.turns.begin(user.say("words 3", is_background=True))
    (job,) = user.taken_jobs()
    await user.turns.cancel(user.user_id, turn.response.response_id)
    before = len(stand_in.requests)

    answer = await do(function, job)

    assert answer == failed()
    assert len(stand_in.requests) == before


async def test_an_engine_that_fails_ends_the_turn_and_the_job(function: Function, user: User) -> None:
    turn = await user.turns.begin(user.say("status 500", is_background=True))
    (job,) = user.taken_jobs()

    answer = await do(function, job)

    stored = await user.turns.get(user.user_id, turn.response.response_id)
    assert answer == failed()
    assert (stored.status, stored.error_code) == (Status.FAILED, "engine_failed")


async def test_a_turn_that_finds_no_room_waits_until_its_last_try(function: Function, user: User) -> None:
    """Nobody hears of the tries before: the sweeper queues the turn again."""
    turn = await user.turns.begin(user.say("status 503", is_background=True))
    (job,) = user.taken_jobs()

    await do(function, job)
    waiting = await user.turns.get(user.user_id, turn.response.response_id)
    user.queue_again(lease_epoch=4)
    await do(function, job)
    stored = await user.turns.get(user.user_id, turn.response.response_id)

    assert (waiting.status, waiting.error_code, waiting.lease_epoch) == (Status.IN_PROGRESS, None, 1)
    assert (stored.status, stored.error_code) == (Status.FAILED, "engine_unavailable")


async def test_a_job_whose_row_is_gone_is_done(function: Function, user: User, stand_in: StandInEngine) -> None:
    await user.turns.begin(user.say("words 3", is_background=True))
    (job,) = user.taken_jobs()
    user.forget_conversation()
    before = len(stand_in.requests)
    title = {"job": "title", "user_id": user.user_id.hex, "conversation_id": user.conversation_id.hex}
    foreign = {"job": "turn", "user_id": uuid4().hex, "response_id": uuid4().hex}

    assert await do(function, job, title, foreign) == failed()
    assert len(stand_in.requests) == before


@pytest.mark.parametrize(
    "job",
    [
        {"job": "turn"},
        {"job": "turn", "user_id": uuid4().hex},
        {"job": "turn", "user_id": "somebody", "response_id": uuid4().hex},
        {"job": "turn", "user_id": 7, "response_id": uuid4().hex},
        {"job": "turn", "user_id": None, "response_id": []},
        {"job": "title", "user_id": uuid4().hex, "conversation_id": {}},
    ],
)
async def test_a_job_without_its_ids_is_left_for_the_dead_letters(function: Function, job: dict[str, Any]) -> None:
    assert await do(function, job) == failed(0)


async def test_the_first_turn_of_a_conversation_leads_to_a_title(function: Function, user: User) -> None:
    turn = await user.turns.begin(user.say("words 4"))
    await turn.wait_for_end()
    title_of_first_line = user.title
    jobs = await queued_by(user)

    answer = await do(function, *jobs)

    assert answer == failed()
    assert jobs == [{"job": "title", "user_id": user.user_id.hex, "conversation_id": user.conversation_id.hex}]
    assert (title_of_first_line, user.title) == ("words 4", "w0 w1 w2 w3")


async def queued_by(user: User) -> list[dict[str, str]]:
    """The jobs that follow a turn, which come a moment after its end."""
    async with asyncio.timeout(5):
        while not (jobs := user.taken_jobs()):
            await asyncio.sleep(0.01)
    return jobs


async def test_a_later_turn_changes_no_title(function: Function, user: User) -> None:
    for text in ("words 2", "words 3"):
        turn = await user.turns.begin(user.say(text))
        await turn.wait_for_end()
    await do(function, *await queued_by(user))

    turn = await user.turns.begin(user.say("words 5"))
    await turn.wait_for_end()

    assert user.title == "w0 w1"
    assert user.taken_jobs() == []


@pytest.mark.parametrize("name", ["Mine", "words 4!", ""])
async def test_a_name_that_somebody_gave_stays(function: Function, user: User, name: str) -> None:
    turn = await user.turns.begin(user.say("words 4"))
    await turn.wait_for_end()
    user.rename(name)

    await do(function, *await queued_by(user))

    assert user.title == name


async def test_a_rename_while_the_engine_thinks_of_a_title_wins(
    postgres: EmbeddedPostgres, user: User, stand_in: StandInEngine
) -> None:
    turn = await user.turns.begin(user.say("words 4 every 0.1"))
    await turn.wait_for_end()
    asked = len(stand_in.requests)

    async with (
        open_pool(postgres.url_for("parley_app"), size=1) as pool,
        open_models(EngineSettings(engine_url=stand_in.url)) as models,
        asyncio.timeout(10),
        asyncio.TaskGroup() as tasks,
    ):
        titles = Titles(pool, models.catalogue, models.engines, open_logger("tests"))
        tasks.create_task(titles.give_title(user.user_id, user.conversation_id))
        while len(stand_in.requests) == asked:
            await asyncio.sleep(0.005)
        user.rename("Mine")

    assert user.title == "Mine"


@pytest.mark.parametrize("text", ["words 40", "long 3", "words 0"])
async def test_what_is_no_title_leaves_the_first_line(function: Function, user: User, text: str) -> None:
    """A speech, a speech that was cut, and nothing."""
    turn = await user.turns.begin(user.say(f"{text} as it were"))
    await turn.wait_for_end()
    job = {"job": "title", "user_id": user.user_id.hex, "conversation_id": user.conversation_id.hex}

    assert await do(function, job) == failed()
    assert user.title == f"{text} as it were"


async def test_an_engine_that_is_away_leaves_the_first_line_and_no_dead_letter(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, user: User
) -> None:
    turn = await user.turns.begin(user.say("words 4"))
    await turn.wait_for_end()
    jobs = await queued_by(user)

    with open_function("lambdas.jobs.main", jobs_environment(postgres, valkey)) as function:
        answer = await do(function, *jobs)

    assert answer == failed()
    assert user.title == "words 4"
