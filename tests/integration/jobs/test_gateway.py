"""The laptop's gateway does the jobs of the queue in Valkey, and ends them well."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from local.gateway.running import doing_jobs
from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.ids import ResponseId
from parley.kit.telemetry import open_logger
from parley.kit.valkey import RedisCluster
from parley.kit.valkey_queue import STREAM
from parley.settings import JobsSettings
from parley.turns.model import Status, StoredResponse
from parley.wiring.jobs import Jobs, open_jobs
from tests.doubles.engine import StandInEngine
from tests.integration.jobs.conftest import User

LOGGER = open_logger("tests")


@pytest.fixture
async def jobs(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine) -> AsyncIterator[Jobs]:
    settings = JobsSettings(
        database_url=postgres.url_for("parley_jobs"),
        app_database_url=postgres.url_for("parley_app"),
        valkey_url=valkey.url,
        valkey_password_file=valkey.password_file,
        engine_url=stand_in.url,
    )
    async with open_jobs(settings, LOGGER) as jobs:
        yield jobs


async def until(user: User, response_id: ResponseId, is_true: Callable[[StoredResponse], bool]) -> StoredResponse:
    async with asyncio.timeout(10):
        while not is_true(stored := await user.turns.get(user.user_id, response_id)):
            await asyncio.sleep(0.02)
    return stored


async def test_what_chat_queues_is_done(jobs: Jobs, cluster: RedisCluster, user: User) -> None:
    async with doing_jobs(jobs, cluster, LOGGER):
        turn = await user.turns.begin(user.say("words 3", is_background=True))
        stored = await until(user, turn.response.response_id, lambda stored: stored.status.is_settled)
        async with asyncio.timeout(10):
            while user.title != "w0 w1 w2" or user.stream.xlen(STREAM):
                await asyncio.sleep(0.02)

    assert stored.status is Status.COMPLETED


async def test_a_background_turn_settles_with_what_it_has_when_the_gateway_stops(
    jobs: Jobs, cluster: RedisCluster, user: User
) -> None:
    async with doing_jobs(jobs, cluster, LOGGER):
        turn = await user.turns.begin(user.say("words 400 every 0.02", is_background=True))
        async with turn.reader(idle_s=15) as reader:
            async for batch in reader:
                if batch:
                    break

    stored = await user.turns.get(user.user_id, turn.response.response_id)
    assert stored.status is Status.INCOMPLETE
    assert stored.error_code is None
    assert stored.output
