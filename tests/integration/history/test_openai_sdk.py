"""The official SDK's `client.conversations`, against the function's application."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.responses import ResponseIncludable

from lambdas.history.app import create_app
from local.parts.postgres import EmbeddedPostgres
from parley.ids import UserId, new_uuid
from parley.settings import HistorySettings
from tests.http.history.rest import request_context


@pytest.fixture
async def client(postgres: EmbeddedPostgres) -> AsyncIterator[AsyncOpenAI]:
    """Signed in as a user of its own; a refused request is not tried again."""
    app = create_app(HistorySettings(database_url=postgres.url_for("parley_app")))
    user_id = UserId(new_uuid())

    async def behind_api_gateway(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "aws.event": {"requestContext": request_context(user_id)}}, receive, send)

    transport = httpx2.ASGITransport(app=behind_api_gateway)
    async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as http_client:
        yield AsyncOpenAI(base_url="http://parley/v1", api_key="any", http_client=http_client, max_retries=0)


async def test_a_conversation_through_the_official_sdk(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create(
        metadata={"topic": "travel"}, items=[{"type": "message", "role": "user", "content": "Where is Rome?"}]
    )
    assert (await client.conversations.retrieve(conversation.id)).metadata == {"topic": "travel"}
    changed = await client.conversations.update(conversation.id, metadata={"topic": "geography"})
    assert changed.metadata == {"topic": "geography"}

    deleted = await client.conversations.delete(conversation.id)

    assert (deleted.id, deleted.deleted) == (conversation.id, True)
    with pytest.raises(openai.NotFoundError):
        await client.conversations.retrieve(conversation.id)


async def test_items_through_the_official_sdk(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create()
    texts = [f"message {number}" for number in range(7)]

    added = await client.conversations.items.create(
        conversation.id, items=[{"role": "user", "content": text} for text in texts]
    )
    paged = [item async for item in client.conversations.items.list(conversation.id, limit=3, order="asc")]

    assert [item.id for item in paged] == [item.id for item in added.data]
    first = await client.conversations.items.retrieve(added.data[0].id or "", conversation_id=conversation.id)
    assert first.type == "message"
    assert first.content[0].type == "input_text"
    assert first.content[0].text == "message 0"
    left = await client.conversations.items.delete(added.data[0].id or "", conversation_id=conversation.id)
    assert left.id == conversation.id


async def test_every_kind_of_item_through_the_official_sdk(client: AsyncOpenAI) -> None:
    sent: list[Any] = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": [{"type": "input_text", "text": "Is it warm in Rome?"}]},
        {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Look."}]},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": [{"type": "input_text", "text": "warm"}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "Yes.", "annotations": []}],
        },
    ]

    conversation = await client.conversations.create(items=sent)
    listed = await client.conversations.items.list(conversation.id, order="asc")

    developer, user, reasoning, call, output, assistant = listed.data
    for message, role, kind in (
        (developer, "developer", "input_text"),
        (user, "user", "input_text"),
        (assistant, "assistant", "output_text"),
    ):
        assert message.type == "message"
        assert (message.role, message.content[0].type) == (role, kind)
    assert reasoning.type == "reasoning"
    assert reasoning.summary == []
    assert [part.text for part in reasoning.content or ()] == ["Look."]
    assert call.type == "function_call"
    assert (call.call_id, call.name, call.arguments) == ("call_1", "weather", "{}")
    assert output.type == "function_call_output"
    assert (output.call_id, output.output) == ("call_1", "warm")
    for item in listed.data:
        assert await client.conversations.items.retrieve(item.id or "", conversation_id=conversation.id) == item


async def test_what_the_sdk_was_given_it_may_send_back(client: AsyncOpenAI) -> None:
    sent: list[Any] = [
        {"role": "user", "content": "Hi"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "A greeting."}]},
        {"role": "assistant", "content": "Hello!", "status": "incomplete"},
    ]
    first = await client.conversations.create(items=sent)
    listed = await client.conversations.items.list(first.id, order="asc")

    copies: list[Any] = [item.to_dict() for item in listed.data]
    second = await client.conversations.create(items=copies)

    again = await client.conversations.items.list(second.id, order="asc")
    user, reasoning, assistant = again.data
    assert reasoning.type == "reasoning"
    assert [part.text for part in reasoning.content or ()] == ["A greeting."]
    for message, text, status in ((user, "Hi", "completed"), (assistant, "Hello!", "incomplete")):
        assert message.type == "message"
        part = message.content[0]
        assert part.type in {"input_text", "output_text"}
        assert (part.to_dict()["text"], message.status) == (text, status)


async def test_pages_run_both_ways_with_everything_included(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create(
        items=[{"role": "user", "content": f"message {number}"} for number in range(5)]
    )
    include: list[ResponseIncludable] = [
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    ]

    newest = await client.conversations.items.list(conversation.id, limit=2, include=include)
    down = [item.id async for item in newest]
    up = [item.id async for item in client.conversations.items.list(conversation.id, limit=2, order="asc")]
    behind = await client.conversations.items.list(conversation.id, order="asc", after=up[3] or "", include=include)
    one = await client.conversations.items.retrieve(up[0] or "", conversation_id=conversation.id, include=include)
    added = await client.conversations.items.create(
        conversation.id, items=[{"role": "user", "content": "message 5"}], include=include
    )

    assert (newest.has_more, newest.last_id) == (True, down[1])
    assert down == up[::-1]
    assert ([item.id for item in behind.data], behind.has_more) == ([up[4]], False)
    assert one.id == up[0]
    assert (added.object, added.has_more, added.first_id, added.last_id) == ("list", False, *[added.data[0].id] * 2)


async def test_a_deleted_item_leaves_its_conversation(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create(metadata={"a": "b"}, items=[{"role": "user", "content": "Hi"}])
    item = (await client.conversations.items.list(conversation.id)).data[0]

    left = await client.conversations.items.delete(item.id or "", conversation_id=conversation.id)

    assert (left.id, left.object, left.metadata, left.created_at) == (
        conversation.id,
        "conversation",
        {"a": "b"},
        conversation.created_at,
    )
    with pytest.raises(openai.NotFoundError):
        await client.conversations.items.retrieve(item.id or "", conversation_id=conversation.id)
    with pytest.raises(openai.NotFoundError):
        await client.conversations.items.delete(item.id or "", conversation_id=conversation.id)


@pytest.mark.parametrize("asked", ["message.output_text.logprobs", "reasoning.encrypted_content"])
async def test_what_we_do_not_keep_reaches_the_sdk_as_an_error_that_names_it(
    client: AsyncOpenAI, asked: ResponseIncludable
) -> None:
    conversation = await client.conversations.create()

    with pytest.raises(openai.BadRequestError) as refusal:
        await client.conversations.items.list(conversation.id, include=[asked])

    assert (refusal.value.code, refusal.value.param) == ("unsupported_parameter", "include")
    assert asked in refusal.value.message
