"""The same request again: it gets the turn it began, and the engine is asked once."""

import asyncio
from hashlib import sha256

import pytest

from parley.errors import ConversationBusy, EngineFailed, EngineUnavailable, IdempotencyKeyReused
from parley.turns.model import ChatTurn, Idempotency
from tests.doubles.engine import StandInEngine
from tests.integration.turns.conftest import Asker, Process, texts


def again(text: str, key: str | None = None, *, is_retry: bool = False) -> Idempotency:
    return Idempotency(sha256(text.encode()).digest(), key, is_retry)


def keyed(asker: Asker, text: str, key: str, **fields: object) -> ChatTurn:
    return asker.says(text, idempotency=again(text, key), **fields)


@pytest.mark.parametrize("stored", [True, False])
async def test_the_same_key_joins_the_turn_wherever_it_runs(
    here: Process, elsewhere: Process, asker: Asker, engine_double: StandInEngine, stored: bool
) -> None:
    place = {"previous_response_id": None, "is_stored": stored}
    asked = len(engine_double.requests)
    turn = await here.turns.begin(keyed(asker, "words 10 every 0.05", "k", **place))

    same = await here.turns.begin(keyed(asker, "words 10 every 0.05", "k", **place))
    there = await elsewhere.turns.begin(keyed(asker, "words 10 every 0.05", "k", **place))
    answers = await asyncio.gather(texts(turn), texts(same), texts(there))
    after = await elsewhere.turns.begin(keyed(asker, "words 10 every 0.05", "k", **place))

    assert answers[0] == answers[1] == answers[2] == [f"w{index} " for index in range(10)]
    assert "".join(await texts(after)) == "".join(answers[0])
    assert {each.response.response_id for each in (turn, same, there, after)} == {turn.response.response_id}
    assert len(engine_double.requests) == asked + 1


@pytest.mark.parametrize("stored", [True, False])
async def test_a_key_belongs_to_one_request(here: Process, asker: Asker, stored: bool) -> None:
    place = {"previous_response_id": None, "is_stored": stored}
    await texts(await here.turns.begin(keyed(asker, "words 1", "k", **place)))

    with pytest.raises(IdempotencyKeyReused):
        await here.turns.begin(keyed(asker, "words 2", "k", **place))


@pytest.mark.parametrize("stored", [True, False])
async def test_a_key_belongs_to_one_user(here: Process, asker: Asker, stored: bool) -> None:
    place = {"previous_response_id": None, "is_stored": stored}
    mine = await here.turns.begin(keyed(asker, "words 1", "k", **place))
    yours = await here.turns.begin(keyed(Asker(asker.owner_url), "words 1", "k", **place))

    assert mine.response.response_id != yours.response.response_id


@pytest.mark.parametrize("stored", [True, False])
async def test_the_key_of_a_turn_that_said_nothing_may_be_used_again(
    here: Process, asker: Asker, engine_double: StandInEngine, stored: bool
) -> None:
    place = {"previous_response_id": None, "is_stored": stored}
    asked = len(engine_double.requests)
    for _ in range(2):
        with pytest.raises((EngineFailed, EngineUnavailable)):
            await here.turns.begin(keyed(asker, "status 500", "k", **place))
        await asyncio.sleep(0.2)

    assert len(engine_double.requests) >= asked + 2


async def test_of_two_that_come_at_once_one_asks_the_engine(
    here: Process, elsewhere: Process, asker: Asker, engine_double: StandInEngine
) -> None:
    asked = len(engine_double.requests)

    turns = await asyncio.gather(
        *(process.turns.begin(keyed(asker, "words 5 every 0.05", "k")) for process in (here, elsewhere) * 3)
    )

    assert len({turn.response.response_id for turn in turns}) == 1
    assert {tuple(await texts(turn)) for turn in turns} == {tuple(f"w{index} " for index in range(5))}
    assert len(engine_double.requests) == asked + 1


async def test_a_client_that_tries_again_without_a_key_is_known_by_what_it_says(
    here: Process, asker: Asker, engine_double: StandInEngine
) -> None:
    first = asker.says("words 3", idempotency=again("words 3"))
    turn = await here.turns.begin(first)
    await texts(turn)
    asked = len(engine_double.requests)

    retried = await here.turns.begin(asker.says("words 3", idempotency=again("words 3", is_retry=True)))
    other = await here.turns.begin(asker.says("words 2", idempotency=again("words 2", is_retry=True)))

    assert retried.response.response_id == turn.response.response_id
    assert await texts(retried) == await texts(turn)
    assert await texts(other) == ["w0 ", "w1 "]
    assert len(engine_double.requests) == asked + 1


async def test_the_same_words_said_twice_are_two_turns(here: Process, asker: Asker) -> None:
    turns = []
    for _ in range(2):
        turns.append(await here.turns.begin(asker.says("words 1", idempotency=again("words 1"))))
        await texts(turns[-1])

    assert turns[0].response.response_id != turns[1].response.response_id


async def test_another_request_in_the_same_conversation_is_refused_meanwhile(here: Process, asker: Asker) -> None:
    turn = await here.turns.begin(keyed(asker, "words 5 every 0.05", "k"))

    with pytest.raises(ConversationBusy):
        await here.turns.begin(keyed(asker, "words 1", "other"))
    assert len(await texts(turn)) == 5
