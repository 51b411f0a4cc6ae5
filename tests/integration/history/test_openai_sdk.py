"""The official SDK's `client.conversations`, against the function's application."""

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

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


async def test_what_we_do_not_support_reaches_the_sdk_as_an_error_that_names_it(client: AsyncOpenAI) -> None:
    conversation = await client.conversations.create()

    with pytest.raises(openai.BadRequestError) as refusal:
        await client.conversations.items.list(conversation.id, include=["message.output_text.logprobs"])

    assert (refusal.value.code, refusal.value.param) == ("unsupported_parameter", "include[]")
