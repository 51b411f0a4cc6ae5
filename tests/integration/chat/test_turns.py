"""Stored turns: what is kept, what the engine sees, and what every way of ending leaves behind."""

import asyncio
from itertools import pairwise

import aiohttp
import psycopg
import pytest

from parley.models.client import open_engine
from parley.settings import EngineSettings
from tests.doubles.engine import StandInEngine
from tests.integration.chat.conftest import Caller, events, plain, text_of


async def test_a_turn_is_stored_and_the_next_one_sees_it(alice: Caller, stand_in: StandInEngine) -> None:
    first = await alice.say("words 2")
    await alice.say("words 1")

    assert alice.items() == [
        ("user", "completed", "words 2"),
        ("assistant", "completed", "w0 w1 "),
        ("user", "completed", "words 1"),
        ("assistant", "completed", "w0 "),
    ]
    assert [message["content"] for message in stand_in.requests[-1]["messages"]] == ["words 2", "w0 w1 ", "words 1"]
    assert first[0]["conversation_id"] == alice.conversation
    assert first[0]["response_id"].startswith("resp_")


async def test_messages_with_a_conversation_hold_only_what_is_new(alice: Caller, stand_in: StandInEngine) -> None:
    body = {
        **plain("words 1"),
        "conversation_id": alice.conversation,
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "words 1"}],
    }

    await alice.stream(body)
    await alice.say("words 2")

    assert [message["role"] for message in stand_in.requests[-1]["messages"]] == ["system", "user", "assistant", "user"]


async def test_the_title_is_the_first_message(alice: Caller) -> None:
    await alice.say("words 1 and a title")

    assert alice.chat.rows("SELECT title FROM conversations WHERE user_id = %s", alice.user_id) == [
        ("words 1 and a title",)
    ]


async def test_a_tool_call_and_its_output_are_items_and_come_back_as_messages(
    alice: Caller, stand_in: StandInEngine
) -> None:
    await alice.say("tool")
    output = {"role": "tool", "tool_call_id": "call_1", "content": "words 1"}
    await alice.stream({"model": "stand-in", "conversation_id": alice.conversation, "messages": [output]})

    assert [row[0] for row in alice.items()] == ["user", "function_call", "function_call_output", "assistant"]
    calls = stand_in.requests[-1]["messages"][1]["tool_calls"]
    assert calls[0]["function"] == {"name": "weather", "arguments": '{"city":"Oslo"}'}
    assert stand_in.requests[-1]["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "words 1"}


async def test_a_conversation_never_fails_for_its_length(alice: Caller, stand_in: StandInEngine) -> None:
    long_text = "words 1 " + "more " * 150
    body = {"model": "stand-in", "conversation_id": alice.conversation}
    await alice.stream(
        {**body, "messages": [{"role": "system", "content": "stay"}, {"role": "user", "content": "words 1"}]}
    )

    prompts = []
    for _ in range(12):
        await alice.say(long_text)
        prompts.append([message["content"] for message in stand_in.requests[-1]["messages"]])

    assert all(prompt[0] == "stay" for prompt in prompts)
    lengths = [sum(len(text.split()) for text in prompt) for prompt in prompts]
    assert max(lengths) < 1024 * 3 // 4
    # The prompt of a turn extends the one before it, but where the window dropped its older half.
    extensions = [new[: len(old)] == old for old, new in pairwise(prompts)]
    assert extensions.count(False) <= 5
    assert extensions.count(True) >= 6


async def test_a_message_that_does_not_fit_at_all_is_refused_and_not_stored(alice: Caller) -> None:
    status, document = await alice.whole({"conversation_id": alice.conversation, "message": "words 1 " + "more " * 900})

    assert (status, document["error"]["code"]) == (400, "context_length_exceeded")
    assert alice.items() == []
    assert alice.responses() == []


async def test_a_client_that_leaves_stops_nothing_that_is_stored(alice: Caller) -> None:
    async with alice.post(
        "/v1/chat/completions",
        {"conversation_id": alice.conversation, "message": "words 20 every 0.02", "stream": True},
    ) as response:
        await response.content.readline()

    assert (await alice.settled())[0] == "completed"
    assert alice.items()[-1] == ("assistant", "completed", "".join(f"w{n} " for n in range(20)))


async def test_a_client_that_leaves_ends_what_is_not_stored(alice: Caller, stand_in: StandInEngine) -> None:
    before = stand_in.aborted
    stand_in.aborted_changed.clear()
    async with alice.post("/v1/chat/completions", plain("words 1000 every 0.02", stream=True)) as response:
        await response.content.readline()

    await asyncio.wait_for(stand_in.aborted_changed.wait(), 5)
    assert stand_in.aborted == before + 1


async def test_a_client_that_leaves_a_whole_answer_ends_it_too(alice: Caller, stand_in: StandInEngine) -> None:
    stand_in.aborted_changed.clear()
    with pytest.raises(TimeoutError):
        async with alice.post(
            "/v1/chat/completions", plain("words 1000 every 0.02"), timeout=aiohttp.ClientTimeout(total=0.3)
        ):
            pass

    await asyncio.wait_for(stand_in.aborted_changed.wait(), 5)


async def test_a_stopped_turn_keeps_the_text_so_far_and_is_billed_for_it(
    alice: Caller, stand_in: StandInEngine
) -> None:
    stand_in.aborted_changed.clear()
    body = {"conversation_id": alice.conversation, "message": "words 1000 every 0.05", "stream": True}
    async with alice.post("/v1/chat/completions", body) as response:
        stream = events(response)
        first = await anext(stream)
        await anext(stream)
        status, document = await alice.cancel(first["response_id"])
        rest = [event async for event in stream]

    assert (status, document["status"]) == (200, "cancelled")
    assert rest[-1] == "[DONE]"
    assert rest[-2]["choices"][0]["finish_reason"] == "stop"
    assert rest[-2]["status"] == "cancelled"
    await asyncio.wait_for(stand_in.aborted_changed.wait(), 1)
    kept = alice.items()[-1][2]
    assert kept.startswith("w0 ")
    assert alice.items()[-1][1] == "incomplete"
    _, _, _, prompt_tokens, completion_tokens = alice.responses()[-1]
    assert completion_tokens == len(kept.split())
    assert prompt_tokens == 4


async def test_stopping_twice_or_too_late_changes_nothing(alice: Caller) -> None:
    stream = await alice.say("words 1")

    assert [(await alice.cancel(stream[0]["response_id"]))[1]["status"] for _ in range(2)] == ["completed"] * 2


async def test_another_users_turn_cannot_be_stopped_or_seen(alice: Caller, bob: Caller) -> None:
    stream = await alice.say("words 1")

    status, document = await bob.cancel(stream[0]["response_id"])

    assert (status, document["error"]["code"]) == (404, "not_found")


async def test_a_conversation_has_one_turn_at_a_time(alice: Caller) -> None:
    body = {"conversation_id": alice.conversation, "message": "words 1000 every 0.02", "stream": True}
    async with alice.post("/v1/chat/completions", body) as response:
        first = await anext(events(response))
        async with alice.post("/v1/chat/completions", body) as second:
            refused = await second.json()
        await alice.cancel(first["response_id"])

    assert (second.status, refused["error"]["code"]) == (409, "conversation_busy")
    assert [row[0] for row in alice.items()] == ["user", "assistant"]


@pytest.mark.parametrize("fault", ["cut", "end", "garbage", "error", "stall"])
async def test_an_engine_that_breaks_off_gives_an_error_event_and_keeps_the_text(alice: Caller, fault: str) -> None:
    stream = await alice.say(f"{fault} 3")

    assert text_of(stream[:-1]) == "w0 w1 w2 "
    assert stream[-1]["error"]["code"] == "engine_failed"
    assert alice.items()[-1] == ("assistant", "incomplete", "w0 w1 w2 ")
    assert alice.responses()[-1][:3] == ("incomplete", None, "engine_failed")


async def test_a_whole_answer_that_breaks_off_is_an_error_and_not_half_an_answer(alice: Caller) -> None:
    status, document = await alice.whole(plain("cut 3"))

    assert (status, document["error"]["code"]) == (502, "engine_failed")


@pytest.mark.parametrize(
    ("engine_status", "status", "code"),
    [(500, 502, "engine_failed"), (429, 503, "engine_unavailable"), (503, 503, "engine_unavailable")],
)
async def test_an_engine_that_refuses_is_an_http_error_and_the_message_is_kept(
    alice: Caller, engine_status: int, status: int, code: str
) -> None:
    body = {"conversation_id": alice.conversation, "message": f"status {engine_status}", "stream": True}
    async with alice.post("/v1/chat/completions", body) as response:
        document = await response.json()

    assert (response.status, document["error"]["code"]) == (status, code)
    assert alice.items() == [("user", "completed", f"status {engine_status}")]
    assert alice.responses()[-1][:3] == ("failed", None, code)


async def test_a_message_that_is_sent_again_after_a_failure_stands_once(alice: Caller, stand_in: StandInEngine) -> None:
    body = {"conversation_id": alice.conversation, "message": "status 503"}
    for _ in range(3):
        await alice.whole(body)
    assert [row[2] for row in alice.items()] == ["status 503"]

    await alice.say("words 1")
    await alice.say("words 1")

    # What was answered, or was another message, stands as often as it was said.
    assert [row[2] for row in alice.items()] == ["status 503", "words 1", "w0 ", "words 1", "w0 "]


async def test_the_models_own_refusal_of_a_request_is_the_clients_error(alice: Caller) -> None:
    status, document = await alice.whole(plain("status 400"))

    assert (status, document["error"]["type"]) == (400, "invalid_request_error")
    assert "as you wish" in document["error"]["message"]


async def test_a_replaced_message_takes_the_rest_of_the_conversation_with_it(
    alice: Caller, stand_in: StandInEngine
) -> None:
    await alice.say("words 1")
    second = await alice.say("words 2")
    await alice.say("words 3")

    await alice.say("words 4", replaces_item_id=second[0]["item_ids"][0])

    assert [row[2] for row in alice.items()] == ["words 1", "w0 ", "words 4", "w0 w1 w2 w3 "]
    assert [message["content"] for message in stand_in.requests[-1]["messages"]] == ["words 1", "w0 ", "words 4"]


async def test_only_a_message_of_the_user_can_be_replaced(alice: Caller, bob: Caller) -> None:
    mine = await alice.say("words 1")
    foreign = await bob.say("words 1")

    for item_id in (mine[0]["output_item_id"], foreign[0]["item_ids"][0], "msg_x", f"msg_{'0' * 32}"):
        status, _ = await alice.whole(
            {"conversation_id": alice.conversation, "message": "words 1", "replaces_item_id": item_id}
        )
        assert status == 404
    assert len(alice.items()) == 2


def add_item(alice: Caller, text: str) -> None:
    """An item as the history function stores it: nobody has counted its tokens."""
    with psycopg.connect(alice.chat.owner_url) as connection:
        connection.execute(
            "INSERT INTO items (user_id, item_id, conversation_id, sequence, type, role, status, content) "
            "VALUES (%s, gen_random_uuid(), %s, 1, 'message', 'user', 'completed', "
            "jsonb_build_object('texts', jsonb_build_array(%s::text)))",
            (alice.user_id, alice.conversation_id, text),
        )
        connection.execute("UPDATE conversations SET next_sequence = 2 WHERE user_id = %s", (alice.user_id,))


async def test_what_fits_whatever_its_tokens_is_not_counted(alice: Caller, stand_in: StandInEngine) -> None:
    add_item(alice, "three small words")
    before = len(stand_in.tokenized)

    await alice.say("words 1")

    assert len(stand_in.tokenized) == before
    assert len(stand_in.requests[-1]["messages"]) == 2


async def test_what_might_not_fit_is_counted_once_and_kept(alice: Caller, stand_in: StandInEngine) -> None:
    long_text = "word" * 250  # 1,000 bytes, which might be over the limit, and one token
    add_item(alice, long_text)

    await alice.say("words 1")
    await alice.say("words 2")

    assert stand_in.tokenized.count(long_text) == 1
    assert stand_in.requests[-1]["messages"][0]["content"] == long_text
    counts = alice.chat.rows("SELECT token_count FROM items WHERE user_id = %s ORDER BY sequence", alice.user_id)
    assert counts == [(1,), (2,), (1,), (None,), (2,)]


async def test_an_answer_longer_than_the_bytes_leave_room_for_gets_all_the_tokens_there_are(
    alice: Caller, stand_in: StandInEngine
) -> None:
    add_item(alice, "word" * 100)

    await alice.say("words 1", model="stand-in", max_tokens=800)

    assert stand_in.requests[-1]["max_tokens"] == 800


async def test_a_deleted_conversation_ends_its_turn_into_nothing(alice: Caller) -> None:
    body = {"conversation_id": alice.conversation, "message": "words 5 every 0.05", "stream": True}
    async with alice.post("/v1/chat/completions", body) as response:
        stream = events(response)
        await anext(stream)
        with psycopg.connect(alice.chat.owner_url) as connection:
            connection.execute("DELETE FROM conversations WHERE user_id = %s", (alice.user_id,))
        rest = [event async for event in stream]

    assert rest[-1] == "[DONE]"
    assert alice.items() == []


async def test_a_server_without_a_tokenizer_gets_the_bytes_counted(stand_in: StandInEngine) -> None:
    settings = EngineSettings(engine_url=stand_in.url.replace("/v1", "/elsewhere/v1"))
    async with open_engine(settings) as engine:
        assert await engine.count_tokens("any", "grüße") == 7


async def test_of_two_turns_that_begin_at_once_one_is_told_to_wait(alice: Caller) -> None:
    body = {"conversation_id": alice.conversation, "message": "words 3 every 0.05"}

    statuses = [status for status, _ in await asyncio.gather(*(alice.whole(body) for _ in range(8)))]

    assert sorted(set(statuses)) == [200, 409]
    assert [row[0] for row in alice.items()] == ["user", "assistant"] * statuses.count(200)
