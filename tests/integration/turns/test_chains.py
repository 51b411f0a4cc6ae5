"""Responses that follow each other without a conversation."""

from dataclasses import replace

import pytest

from parley.conversations.model import ItemQuery, Message, Reasoning
from parley.errors import ContextLengthExceeded, ConversationBusy, InvalidRequest, NotFound
from parley.turns.model import TurnInput
from parley.turns.turn import Turn
from tests.doubles.engine import StandInEngine
from tests.integration.turns.conftest import Asker, Process, texts


async def said(process: Process, asker: Asker, text: str, previous: Turn | None = None) -> Turn:
    turn = await process.turns.begin(asker.says(text, previous_response_id=previous and previous.response.response_id))
    await texts(turn)
    return turn


def listed_items(asker: Asker) -> list[tuple[int]]:
    return asker.rows(
        "SELECT count(*) FROM items JOIN conversations USING (user_id, conversation_id) WHERE is_listed AND user_id = %s"
    )


def prompt(engine: StandInEngine) -> list[str]:
    """The texts of the last prompt."""
    return [str(message["content"]) for message in engine.requests[-1]["messages"]]


async def test_a_chain_goes_on_where_it_ended(here: Process, asker: Asker, engine_double: StandInEngine) -> None:
    first = await said(here, asker, "words 1")
    second = await said(here, asker, "words 2", first)

    assert prompt(engine_double) == ["words 1", "w0 ", "words 2"]
    assert second.response.conversation_id == first.response.conversation_id
    assert not second.response.is_listed


async def test_a_response_can_be_continued_more_than_once(
    here: Process, asker: Asker, engine_double: StandInEngine
) -> None:
    first = await said(here, asker, "words 1")
    await said(here, asker, "words 2", first)
    fork = await said(here, asker, "words 3", first)

    assert prompt(engine_double) == ["words 1", "w0 ", "words 3"]
    assert fork.response.conversation_id != first.response.conversation_id
    await said(here, asker, "words 4", fork)
    assert prompt(engine_double) == ["words 1", "w0 ", "words 3", "w0 w1 w2 ", "words 4"]


async def test_what_continues_a_response_of_a_conversation_is_no_part_of_it(
    here: Process, asker: Asker, engine_double: StandInEngine
) -> None:
    first = await here.turns.begin(asker.says("words 1"))
    await texts(first)
    before = asker.rows(
        "SELECT count(*) FROM items JOIN conversations USING (conversation_id) WHERE is_listed AND items.user_id = %s"
    )
    await said(here, asker, "words 2", first)

    assert prompt(engine_double) == ["words 1", "w0 ", "words 2"]
    after = asker.rows(
        "SELECT count(*) FROM items JOIN conversations USING (conversation_id) WHERE is_listed AND items.user_id = %s"
    )
    assert after == before


async def test_nothing_of_a_turn_that_is_not_stored_is_kept(
    here: Process, asker: Asker, engine_double: StandInEngine
) -> None:
    first = await said(here, asker, "words 1")
    before = asker.rows("SELECT count(*) FROM items WHERE user_id = %s")
    turn = await here.turns.begin(
        asker.says("words 2", previous_response_id=first.response.response_id, is_stored=False)
    )

    assert await texts(turn) == ["w0 ", "w1 "]
    assert prompt(engine_double) == ["words 1", "w0 ", "words 2"]
    assert asker.rows("SELECT count(*) FROM items WHERE user_id = %s") == before
    with pytest.raises(NotFound):
        await here.turns.get(asker.user_id, turn.response.response_id)


async def test_a_deleted_response_cannot_be_continued_and_what_it_said_is_gone(here: Process, asker: Asker) -> None:
    first = await said(here, asker, "words 1")
    await here.turns.delete(asker.user_id, first.response.response_id)

    with pytest.raises(NotFound) as caught:
        await said(here, asker, "words 2", first)
    assert caught.value.param == "previous_response_id"
    assert asker.rows("SELECT count(*) FROM items WHERE user_id = %s") == [(0,)]
    assert asker.rows("SELECT count(*) FROM conversations WHERE NOT is_listed AND user_id = %s") == [(0,)]


async def test_a_response_that_is_being_written_cannot_be_continued(here: Process, asker: Asker) -> None:
    turn = await here.turns.begin(asker.says("words 5 every 0.1", previous_response_id=None))

    with pytest.raises(ConversationBusy):
        await said(here, asker, "words 2", turn)
    with pytest.raises(ConversationBusy):
        await here.turns.delete(asker.user_id, turn.response.response_id)
    assert len(await texts(turn)) == 5


async def test_another_users_response_cannot_be_continued(here: Process, asker: Asker) -> None:
    first = await said(here, asker, "words 1")
    stranger = Asker(asker.owner_url)

    with pytest.raises(NotFound):
        await said(here, stranger, "words 2", first)


async def test_instructions_are_the_requests_own(here: Process, asker: Asker, engine_double: StandInEngine) -> None:
    first = await here.turns.begin(asker.says("words 1", previous_response_id=None, instructions="Be brief."))
    await texts(first)
    assert prompt(engine_double) == ["Be brief.", "words 1"]

    await said(here, asker, "words 2", first)
    assert prompt(engine_double) == ["words 1", "w0 ", "words 2"]


async def test_a_history_that_may_not_be_cut_is_refused_when_it_is_too_long(here: Process, asker: Asker) -> None:
    first = await said(here, asker, "words 1")
    long = await said(here, asker, "words 400 " + "x " * 500, first)

    with pytest.raises(ContextLengthExceeded):
        await here.turns.begin(
            asker.says("words 1 " + "y " * 100, previous_response_id=long.response.response_id, may_truncate=False)
        )
    assert await said(here, asker, "words 1 " + "y " * 100, long)


async def test_the_input_of_a_response_is_what_its_request_added(here: Process, asker: Asker) -> None:
    first = await said(here, asker, "words 1")
    second = await said(here, asker, "words 2", first)

    page = await here.turns.list_input_items(asker.user_id, second.response.response_id, ItemQuery())

    assert [(listed.item.item_id, listed.item.content) for listed in page.data] == list(second.response.input_items)
    assert isinstance(page.data[0].item.content, Message)
    assert not page.has_more


async def test_the_tokens_of_a_prompt_are_counted_and_nothing_is_stored(here: Process, asker: Asker) -> None:
    first = await said(here, asker, "words 1")
    rows = asker.rows("SELECT count(*) FROM items WHERE user_id = %s")

    tokens = await here.turns.count_input_tokens(
        asker.says("one two three", previous_response_id=first.response.response_id)
    )

    assert tokens == 6  # words 1, w0, one two three
    assert asker.rows("SELECT count(*) FROM items WHERE user_id = %s") == rows


@pytest.mark.parametrize("is_stored", [True, False])
async def test_an_input_that_says_nothing_is_refused_and_not_stored(
    here: Process, asker: Asker, is_stored: bool
) -> None:
    thought = TurnInput((Reasoning("hm"),), is_stored=is_stored)

    with pytest.raises(InvalidRequest):
        await here.turns.begin(replace(asker.says("x"), input=thought))
    assert asker.rows("SELECT count(*) FROM responses WHERE user_id = %s") == [(0,)]
