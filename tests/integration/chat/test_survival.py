"""Turns whose process stops, dies or loses its parts."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import psycopg
import pytest
from aws_lambda_powertools import Logger

from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port
from parley.ids import ResponseId, UserId, new_uuid
from parley.kit.postgres import Pool, open_pool
from parley.kit.valkey import open_valkey
from parley.models.model import Delta
from parley.turns.log import ResponseLog, open_response_log
from parley.turns.sweep import Sweeper
from tests.doubles.engine import StandInEngine
from tests.doubles.turns import ForgetfulQueue, make_response, make_run
from tests.integration.chat.conftest import Caller, events, running_chat, settings_for, text_of

LOGGER = Logger(service="tests", level="CRITICAL")


async def test_a_shutdown_settles_what_runs(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine, http: aiohttp.ClientSession
) -> None:
    async with running_chat(settings_for(postgres, valkey, stand_in.url), postgres.owner_url) as chat:
        alice = Caller(chat, http)
        body = {"conversation_id": alice.conversation, "message": "words 1000 every 0.05", "stream": True}
        async with alice.post("/v1/chat/completions", body) as response:
            stream = events(response)
            await anext(stream)
            await anext(stream)

    assert alice.responses()[-1][:2] == ("incomplete", "length")
    assert alice.items()[-1][1:] == ("incomplete", alice.items()[-1][2])
    assert alice.items()[-1][2].startswith("w0 ")


async def test_a_turn_ends_at_its_deadline(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine, http: aiohttp.ClientSession
) -> None:
    settings = settings_for(postgres, valkey, stand_in.url, turn_deadline_s=0.5)
    async with running_chat(settings, postgres.owner_url) as chat:
        alice = Caller(chat, http)
        stream = await alice.say("words 1000 every 0.05")

    assert stream[-1] == "[DONE]"
    assert stream[-2]["choices"][0]["finish_reason"] == "length"
    assert alice.responses()[-1][:2] == ("incomplete", "length")
    assert alice.items()[-1][2] == text_of(stream[:-1])


async def test_another_process_can_stop_a_turn(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    stand_in: StandInEngine,
    http: aiohttp.ClientSession,
    alice: Caller,
) -> None:
    body = {"conversation_id": alice.conversation, "message": "words 1000 every 0.05", "stream": True}
    async with running_chat(settings_for(postgres, valkey, stand_in.url), postgres.owner_url) as other:
        there = Caller(other, http)
        there.user_id = alice.user_id
        async with alice.post("/v1/chat/completions", body) as response:
            stream = events(response)
            first = await anext(stream)
            started = asyncio.get_running_loop().time()
            _, document = await there.cancel(first["response_id"])
            took_s = asyncio.get_running_loop().time() - started
            rest = [event async for event in stream]

    assert document["status"] == "cancelled"
    assert took_s < 3
    assert rest[-2]["status"] == "cancelled"


async def test_valkey_away_costs_no_answer(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, stand_in: StandInEngine, http: aiohttp.ClientSession
) -> None:
    settings = settings_for(postgres, valkey, stand_in.url)
    nowhere = settings.model_copy(update={"valkey_url": f"redis://127.0.0.1:{free_port()}"})
    async with running_chat(nowhere, postgres.owner_url) as chat:
        alice = Caller(chat, http)
        stream = await alice.say("words 5 every 0.05")

    assert text_of(stream[:-1]) == "w0 w1 w2 w3 w4 "
    assert alice.items()[-1] == ("assistant", "completed", "w0 w1 w2 w3 w4 ")


async def test_postgres_away_is_a_503_that_says_when_to_come_back(
    postgres: EmbeddedPostgres,
    valkey: EmbeddedValkey,
    stand_in: StandInEngine,
    alice: Caller,
    http: aiohttp.ClientSession,
) -> None:
    settings = settings_for(postgres, valkey, stand_in.url)
    url = f"postgresql://nobody@127.0.0.1:{free_port()}/nothing"
    async with running_chat(settings.model_copy(update={"database_url": url}), postgres.owner_url) as chat:
        there = Caller(chat, http)
        async with there.post(
            "/v1/chat/completions", {"conversation_id": there.conversation, "message": "words 1"}
        ) as response:
            document = await response.json()

    assert (response.status, document["error"]["code"]) == (503, "storage_unavailable")
    assert response.headers["retry-after"] == "2"


@pytest.fixture
async def log(valkey: EmbeddedValkey) -> AsyncIterator[ResponseLog]:
    async with open_valkey(valkey.url, valkey.password_file) as client, open_response_log(client, LOGGER, 60) as log:
        yield log


def sweeper_of(pool: Pool, log: ResponseLog) -> Sweeper:
    return Sweeper(pool, log, ForgetfulQueue(), LOGGER)


def abandoned_turn(alice: Caller) -> tuple[UserId, ResponseId]:
    """A turn as a process leaves it that dies in its middle."""
    response_id = new_uuid()
    with psycopg.connect(alice.chat.owner_url) as connection:
        connection.execute(
            "INSERT INTO responses (user_id, response_id, conversation_id, output_item_id, model, status, created_at) "
            "VALUES (%s, %s, %s, gen_random_uuid(), 'stand-in', 'in_progress', now() - interval '1 minute')",
            (alice.user_id, response_id, alice.conversation_id),
        )
    return UserId(alice.user_id), ResponseId(response_id)


async def write(log: ResponseLog, user_id: UserId, response_id: ResponseId, deltas: list[Delta]) -> None:
    """What the dead process had written."""
    live = log.open(make_run(make_response(user_id, response_id), deltas))
    log.close(live, None)
    while not (await log.read(user_id, response_id)).deltas:
        await asyncio.sleep(0.02)


async def test_an_abandoned_turn_is_settled_once_from_its_log(
    alice: Caller, log: ResponseLog, postgres: EmbeddedPostgres
) -> None:
    user_id, response_id = abandoned_turn(alice)
    await write(log, user_id, response_id, [Delta(text="half an "), Delta(text="answer")])

    async with open_pool(postgres.url_for("parley_jobs"), size=2) as pool:
        first, second = sweeper_of(pool, log), sweeper_of(pool, log)
        for sweeper in (first, second):
            await sweeper.sweep()
            assert alice.responses()[-1][0] == "in_progress"  # one look is not enough to call it dead
        settled = await asyncio.gather(first.sweep(), second.sweep())

    assert sum(settled) >= 1
    assert alice.responses()[-1][:3] == ("incomplete", None, "engine_failed")
    assert alice.items() == [("assistant", "incomplete", "half an answer")]


async def test_a_turn_that_lives_is_left_alone(alice: Caller, log: ResponseLog, postgres: EmbeddedPostgres) -> None:
    user_id, response_id = abandoned_turn(alice)
    live = log.open(make_run(make_response(user_id, response_id)))
    while not await log.is_alive(user_id, response_id):
        await asyncio.sleep(0.02)

    async with open_pool(postgres.url_for("parley_jobs"), size=1) as pool:
        sweeper = sweeper_of(pool, log)
        await sweeper.sweep()
        await sweeper.sweep()

    assert alice.responses()[-1][0] == "in_progress"
    log.close(live, None)


async def test_a_turn_that_cannot_be_read_keeps_no_other_from_being_settled(
    alice: Caller, bob: Caller, log: ResponseLog, postgres: EmbeddedPostgres
) -> None:
    abandoned_turn(alice)
    abandoned_turn(bob)
    with psycopg.connect(alice.chat.owner_url) as connection:
        connection.execute("UPDATE responses SET checkpoint = '[7]' WHERE user_id = %s", (alice.user_id,))

    async with open_pool(postgres.url_for("parley_jobs"), size=1) as pool:
        sweeper = sweeper_of(pool, log)
        await sweeper.sweep()
        await sweeper.sweep()

    assert alice.responses()[-1][0] == "in_progress"
    assert bob.responses()[-1][0] == "incomplete"


async def test_the_conversation_goes_on_after_a_crash(
    alice: Caller, log: ResponseLog, postgres: EmbeddedPostgres
) -> None:
    abandoned_turn(alice)

    async with open_pool(postgres.url_for("parley_jobs"), size=1) as pool:
        sweeper = sweeper_of(pool, log)
        await sweeper.sweep()
        await sweeper.sweep()
    await alice.say("words 1")

    assert alice.items()[-1] == ("assistant", "completed", "w0 ")


async def test_a_settled_turn_leaves_its_log_for_an_hour_and_nothing_else(
    alice: Caller, valkey: EmbeddedValkey
) -> None:
    owned = f"{{{alice.user_id.hex}}}*"
    async with open_valkey(valkey.url, valkey.password_file) as client, asyncio.timeout(10):
        await alice.say("words 10 every 0.1")
        while len(keys := await client.keys(owned)) != 1 or await client.ttl(keys[0]) > 3600:
            await asyncio.sleep(0.02)

        assert str(keys[0]).rstrip("'").endswith(":log")
        assert 3500 < await client.ttl(keys[0]) <= 3600


async def test_the_log_gives_back_every_kind_of_delta(alice: Caller, log: ResponseLog) -> None:
    deltas = [
        Delta(text="a"),
        Delta(reasoning="because"),
        Delta(tool_calls=[{"index": 0, "id": "x"}]),
        Delta(text="b", logprobs={"content": [1]}),
    ]
    user_id, response_id = UserId(uuid4()), ResponseId(new_uuid())

    await write(log, user_id, response_id, deltas)

    assert (await log.read(user_id, response_id)).deltas == deltas
