"""Turns read from another process, from their log, and from storage."""

import asyncio

import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port
from parley.conversations.model import Message, Role
from parley.errors import NotFound
from parley.ids import ResponseId, UserId, new_uuid
from parley.turns.model import Status
from tests.doubles.engine import StandInEngine
from tests.integration.turns.conftest import Asker, Process, running_process, texts


async def test_another_process_follows_a_turn_from_its_beginning_to_its_end(
    here: Process, elsewhere: Process, asker: Asker
) -> None:
    turn = await here.turns.begin(asker.says("words 20 every 0.05"))
    await asyncio.sleep(0.3)

    followed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)
    seen, there = await asyncio.gather(texts(turn), texts(followed))

    assert seen == there == [f"w{index} " for index in range(20)]
    assert followed.outcome == turn.outcome
    assert followed is not turn


async def test_readers_of_one_turn_share_what_is_read(here: Process, elsewhere: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 5 every 0.05"))
    first = await elsewhere.turns.find(asker.user_id, turn.response.response_id)
    second = await elsewhere.turns.find(asker.user_id, turn.response.response_id)

    assert first is second
    assert await texts(first) == await texts(second) == await texts(turn)


async def test_a_settled_turn_is_replayed_delta_by_delta(here: Process, elsewhere: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 4 every 0.02"))
    said = await texts(turn)
    await ended(elsewhere, turn.response.user_id, turn.response.response_id)

    replayed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)

    assert await texts(replayed) == said == ["w0 ", "w1 ", "w2 ", "w3 "]
    assert not replayed.is_condensed
    assert replayed.response.output_item_id == turn.response.output_item_id


async def test_when_the_log_has_expired_the_answer_is_told_at_once(
    here: Process, elsewhere: Process, asker: Asker
) -> None:
    turn = await here.turns.begin(asker.says("words 4"))
    await texts(turn)
    await ended(elsewhere, asker.user_id, turn.response.response_id)
    await here.log.forget(asker.user_id, turn.response.response_id)

    replayed = await elsewhere.turns.find(asker.user_id, turn.response.response_id)

    assert replayed.is_condensed
    assert await texts(replayed) == ["w0 w1 w2 w3 "]
    assert replayed.outcome
    assert replayed.outcome.status is Status.COMPLETED


async def test_a_follower_without_valkey_gets_the_answer_when_it_is_settled(
    here: Process, asker: Asker, postgres: EmbeddedPostgres, valkey: EmbeddedValkey, engine_double: StandInEngine
) -> None:
    nowhere = f"redis://127.0.0.1:{free_port()}"
    async with running_process(postgres, valkey, engine_double.url, valkey_url=nowhere) as cut_off:
        turn = await here.turns.begin(asker.says("words 10 every 0.05"))

        followed = await cut_off.turns.find(asker.user_id, turn.response.response_id)

        assert "".join(await texts(followed)) == "".join(await texts(turn))
        assert followed.outcome == turn.outcome


async def test_what_another_user_owns_is_not_found(here: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 2 every 0.1"))
    response_id, stranger = turn.response.response_id, UserId(new_uuid())

    for attempt in (
        here.turns.find(stranger, response_id),
        here.turns.get(stranger, response_id),
        here.turns.cancel(stranger, response_id),
        here.turns.delete(stranger, response_id),
        here.turns.receipt(stranger, response_id),
        here.turns.find(asker.user_id, ResponseId(new_uuid())),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await texts(turn) == ["w0 ", "w1 "]


async def test_a_deleted_response_of_a_conversation_leaves_what_was_said(here: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 2"))
    await texts(turn)

    await here.turns.delete(asker.user_id, turn.response.response_id)

    with pytest.raises(NotFound):
        await here.turns.find(asker.user_id, turn.response.response_id)
    assert asker.rows("SELECT count(*) FROM items WHERE user_id = %s") == [(2,)]


async def test_the_receipt_tells_how_a_turn_went(here: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 3", request_id="trace-1"))
    await texts(turn)

    receipt = await here.turns.receipt(asker.user_id, turn.response.response_id)

    assert set(receipt["ms"]) == {"admit", "record", "accepted", "cleared", "first_token", "generated"}
    assert receipt["tokens"] == {"input": 2, "cached": 0, "output": 3}
    assert receipt["context"] == {"from_sequence": 1, "to_sequence": 1, "items": 1}
    assert receipt["trace_id"] == "trace-1"


async def test_the_output_has_the_ids_that_were_told(here: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 2"))
    await texts(turn)

    stored = await here.turns.get(asker.user_id, turn.response.response_id)

    assert stored.output == (Message(Role.ASSISTANT, ("w0 w1 ",)),)
    assert asker.rows("SELECT item_id FROM items WHERE user_id = %s AND role = 'assistant'") == [
        (turn.response.output_item_id,)
    ]


async def ended(process: Process, user_id: UserId, response_id: ResponseId) -> None:
    """Wait until the log has the turn's end."""
    async with asyncio.timeout(5):
        while (await process.log.read(user_id, response_id)).outcome is None:
            await asyncio.sleep(0.02)
