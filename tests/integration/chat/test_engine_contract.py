"""The stand-in engine and the real one keep the same contract towards our client."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from local.parts import EmbeddedEngine
from parley.errors import ChatError
from parley.models.client import Engine, open_engine
from parley.models.model import Delta
from parley.settings import EngineSettings
from tests.doubles.engine import StandInEngine


@pytest.fixture(params=["stand-in", "real"])
async def client(request: pytest.FixtureRequest, stand_in: StandInEngine) -> AsyncIterator[Engine]:
    url = stand_in.url
    if request.param == "real":
        part: EmbeddedEngine = request.getfixturevalue("engine")
        url = part.url
    async with open_engine(EngineSettings(engine_url=url, engine_reuse_connections=False)) as client:
        yield client


async def request_for(client: Engine, **fields: Any) -> dict[str, Any]:
    model = (await client.list_models())[0].name
    return {
        "model": model,
        "messages": [{"role": "user", "content": "words 3"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 8,
        **fields,
    }


async def deltas_of(client: Engine, request: dict[str, Any]) -> list[Delta]:
    async with client.stream_chat(request) as batches:
        return [delta async for batch in batches for delta in batch]


async def test_models_say_how_long_their_context_is(client: Engine) -> None:
    models = await client.list_models()

    assert len(models) == 1
    assert models[0].context_tokens in {1024, 4096}


async def test_a_stream_has_text_a_finish_reason_and_usage(client: Engine) -> None:
    deltas = await deltas_of(client, await request_for(client))

    assert "".join(delta.text for delta in deltas)
    assert [delta.finish_reason for delta in deltas if delta.finish_reason] in (["stop"], ["length"])
    usage = next(delta.usage for delta in deltas if delta.usage)
    assert usage.prompt_tokens > 0
    assert 0 < usage.completion_tokens <= 8


async def test_tokens_are_counted_without_a_template(client: Engine) -> None:
    model = (await client.list_models())[0].name

    assert await client.count_tokens(model, "") == 0
    assert 1 <= await client.count_tokens(model, "two words") <= 4


async def test_a_prompt_is_counted_with_its_template(client: Engine) -> None:
    request = await request_for(client)
    usage = next(delta.usage for delta in await deltas_of(client, request) if delta.usage)

    assert await client.count_prompt_tokens(request) == usage.prompt_tokens


async def test_leaving_early_ends_the_stream(client: Engine) -> None:
    async with client.stream_chat(await request_for(client, max_tokens=500)) as batches:
        async for _ in batches:
            break

    assert await client.list_models()


async def test_a_server_that_is_away_is_unavailable(client: Engine) -> None:
    settings = EngineSettings(engine_url="http://127.0.0.1:9/v1")
    async with open_engine(settings) as nowhere:
        for call in (nowhere.list_models(), nowhere.count_tokens("m", "text"), deltas_of(nowhere, {"model": "m"})):
            with pytest.raises(ChatError) as caught:
                await call
            assert caught.value.code == "engine_unavailable"
