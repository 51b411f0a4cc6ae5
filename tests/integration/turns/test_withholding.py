"""An answer that is taken back is nobody's to read any more, in whichever process."""

import asyncio
from collections.abc import AsyncGenerator

import psycopg
import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from parley.kit.valkey import open_valkey
from parley.moderation.keywords import load_keywords
from parley.moderation.policy import Policy
from parley.moderation.service import Moderation
from parley.turns.model import Outcome, Status
from tests.doubles.engine import StandInEngine, order_to_say
from tests.integration.turns.conftest import Asker, Process, running_process, texts

FORBIDDEN = "Well then. Here is how to make sarin at home: take a bowl and so on."


@pytest.fixture
async def moderated(
    postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_double: StandInEngine
) -> AsyncGenerator[Process]:
    moderation = Moderation(Policy(), load_keywords(), classifier=None)
    async with running_process(postgres, valkey, engine_double.url, moderation=moderation) as process:
        yield process


async def test_a_process_that_follows_it_has_nothing_of_it_left(
    moderated: Process, elsewhere: Process, asker: Asker
) -> None:
    turn = await moderated.turns.begin(asker.says(order_to_say(f"{FORBIDDEN} " + "more " * 100, every_s=0.05)))
    followed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)
    async with followed.reader(60) as reader:
        first = await anext(aiter(reader))
    assert first[0].text == "Well "

    await asyncio.gather(turn.wait_for_end(), followed.wait_for_end())

    assert turn.deltas == followed.deltas == []
    assert turn.outcome == followed.outcome
    assert turn.outcome
    assert (turn.outcome.status, turn.outcome.is_withheld) == (Status.INCOMPLETE, True)


async def test_its_log_holds_its_end_and_nothing_else(
    moderated: Process, elsewhere: Process, asker: Asker, valkey: EmbeddedValkey
) -> None:
    turn = await moderated.turns.begin(asker.says(order_to_say(f"{FORBIDDEN} " + "more " * 100, every_s=0.05)))
    followed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)
    await followed.wait_for_end()

    async with open_valkey(valkey.url, valkey.password_file) as client:
        key = f"{{{asker.user_id.hex}}}:resp:{turn.response.response_id.hex}:log"
        entries = await client.xrange(key) or []

    assert len(entries) == 1
    assert b"sarin" not in repr(entries).encode()
    replayed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)
    assert await texts(replayed) == []
    assert replayed.outcome
    assert replayed.outcome.is_withheld


async def test_when_its_log_is_gone_the_store_says_that_it_was_taken_back(
    moderated: Process, elsewhere: Process, asker: Asker
) -> None:
    turn = await moderated.turns.begin(asker.says(order_to_say(FORBIDDEN)))
    await turn.wait_for_end()
    await moderated.log.forget(asker.user_id, turn.response.response_id)

    replayed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)

    assert await texts(replayed) == []
    assert replayed.outcome == Outcome(Status.INCOMPLETE, "withheld", turn.outcome.usage if turn.outcome else None)


async def test_it_is_gone_from_screens_and_log_before_the_database_can_take_its_end(
    moderated: Process, elsewhere: Process, asker: Asker, valkey: EmbeddedValkey
) -> None:
    turn = await moderated.turns.begin(asker.says(order_to_say(f"{FORBIDDEN} " + "more " * 100, every_s=0.05)))
    followed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)
    with psycopg.connect(asker.owner_url) as connection:
        connection.execute("SELECT 1 FROM responses WHERE user_id = %s FOR UPDATE", (asker.user_id,))
        async with asyncio.timeout(30):
            await turn.wait_for_end()
            while followed.deltas or not followed.is_condensed:
                await asyncio.sleep(0.02)
        async with open_valkey(valkey.url, valkey.password_file) as client:
            entries = await client.xrange(f"{{{asker.user_id.hex}}}:resp:{turn.response.response_id.hex}:log") or []

    assert "sarin" not in repr(entries)
    assert turn.outcome
    assert turn.outcome.is_withheld
    async with asyncio.timeout(30):
        await followed.wait_for_end()
    ((status, finish_reason),) = asker.rows("SELECT status, finish_reason FROM responses WHERE user_id = %s")
    assert (status, finish_reason) == ("incomplete", "withheld")
