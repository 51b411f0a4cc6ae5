"""Several pools: who may ask which model, what a full or missing pool does to a turn, and what each pool is told of the asker."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from local.parts import EmbeddedPostgres, EmbeddedValkey
from local.parts.ports import free_port
from parley.kit.valkey import RedisCluster, open_valkey
from parley.settings import ChatSettings
from tests.doubles.engine import StandInEngine, running_stand_in
from tests.integration.chat.conftest import Caller, ChatFunction, events, running_chat, text_of

MODELS = """
default = "big"
[pools.quality]
dialect = "vllm"
url = "{quality}"
[pools.fast]
dialect = "vllm"
url = "{fast}"
[pools.partner]
dialect = "openai"
url = "{partner}"
[[models]]
name = "big"
aliases = ["quality"]
pool = "quality"
context_tokens = 4096
tokenizer = "words"
capabilities = ["tools", "json_schema"]
fallbacks = ["small"]
price = {{ input = 1, cached_input = 0.5, output = 10 }}
[[models]]
name = "small"
pool = "fast"
context_tokens = {fast_context}
tokenizer = "words"
capabilities = ["json_schema"]
[[models]]
name = "foreign"
pool = "partner"
context_tokens = 4096
tiers = ["pro"]
"""


@dataclass(slots=True)
class Pools:
    """The stage as a test sets it: what each pool says of itself, and what it was asked."""

    quality: StandInEngine
    fast: StandInEngine
    partner: StandInEngine
    valkey: RedisCluster

    async def say(self, pool: str, *, saturated: bool, reason: str | None = None) -> None:
        state = {"pool": pool, "saturated": saturated, "reason": reason}
        await self.valkey.set(f"pool:{pool}", json.dumps(state), px=10_000)

    async def forget(self) -> None:
        for pool in ("quality", "fast", "partner"):
            await self.valkey.delete(f"pool:{pool}")


@pytest.fixture
async def pools(valkey: EmbeddedValkey) -> AsyncIterator[Pools]:
    async with (
        running_stand_in() as quality,
        running_stand_in() as fast,
        running_stand_in() as partner,
        open_valkey(valkey.url, valkey.password_file) as client,
    ):
        pools = Pools(quality, fast, partner, client)
        await pools.forget()
        yield pools
        await pools.forget()


@pytest.fixture
def start(postgres: EmbeddedPostgres, valkey: EmbeddedValkey, pools: Pools, tmp_path: Path) -> Any:
    """Starts the chat function; it keeps a pool's state for a second, so what pools say is said first."""

    @asynccontextmanager
    async def running(quality_url: str | None = None, fast_context: int = 4096) -> AsyncIterator[ChatFunction]:
        file = tmp_path / "models.toml"
        urls = {"quality": quality_url or pools.quality.url, "fast": pools.fast.url, "partner": pools.partner.url}
        file.write_text(MODELS.format(**urls, fast_context=fast_context))
        settings = ChatSettings(
            database_url=postgres.url_for("parley_app"),
            valkey_url=valkey.url,
            valkey_password_file=valkey.password_file,
            models_file=file,
            engine_connect_timeout_s=0.3,
            # A machine that stands still for a moment must not make a full pool look open.
            pool_state_timeout_s=10,
        )
        async with running_chat(settings, postgres.owner_url) as function:
            yield function

    return running


def asking(model: str, text: str = "words 2", **fields: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": text}], **fields}


async def receipt_of(caller: Caller, stream: list[Any]) -> Mapping[str, Any]:
    await caller.settled()
    status, receipt = await caller.get(f"/v1/responses/{stream[0]['response_id']}/receipt")
    assert status == 200, receipt
    return receipt


async def test_a_model_is_asked_in_its_own_pool_under_its_own_name(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start() as chat:
        caller = Caller(chat, http)
        status, answer = await caller.whole(asking("quality"))
        await caller.whole(asking("small"))

    assert (status, answer["model"], "degraded_from" in answer) == (200, "big", False)
    assert [request["model"] for request in pools.quality.requests] == ["big"]
    assert [request["model"] for request in pools.fast.requests] == ["small"]


async def test_a_conversation_has_one_session_and_its_user_one_cache(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start() as chat:
        alice, bob = Caller(chat, http), Caller(chat, http)
        await alice.say("words 1", model="big")
        await alice.say("words 2", model="big")
        await bob.say("words 1", model="big")
        await alice.whole(asking("big", "words 1"))
        await alice.whole(asking("big", "words 3"))

    sessions = [headers["x-session-id"] for headers in pools.quality.headers]
    salts = [request["cache_salt"] for request in pools.quality.requests]
    assert sessions[0] == sessions[1] == alice.conversation_id.hex
    assert len(set(sessions)) == 4
    assert salts == [salts[0], salts[0], salts[2], salts[0], salts[0]]
    assert salts[0] != salts[2]
    assert alice.user_id.hex not in "".join(salts)


async def test_a_pool_of_another_s_is_sent_nothing_that_only_vllm_knows(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start() as chat:
        status, _ = await Caller(chat, http, tier="pro").whole(asking("foreign", max_tokens=9))

    (request,), headers = pools.partner.requests, pools.partner.headers[-1]
    assert status == 200
    assert (request["max_completion_tokens"], "max_tokens" in request, "cache_salt" in request) == (9, False, False)
    assert "x-session-id" not in headers


async def test_a_model_of_another_tier_is_neither_listed_nor_served(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start() as chat:
        free, pro = Caller(chat, http), Caller(chat, http, tier="pro")
        _, of_free = await free.get("/v1/models")
        _, of_pro = await pro.get("/v1/models")
        status, refusal = await free.whole(asking("foreign"))
        status_of_one, _ = await free.get("/v1/models/foreign")

    assert [model["id"] for model in of_free["data"]] == ["big", "small"]
    assert [model["id"] for model in of_pro["data"]] == ["big", "small", "foreign"]
    assert of_free["data"][0]["aliases"] == ["quality"]
    assert (status, refusal["error"]["code"], status_of_one) == (404, "model_not_found", 404)
    assert not pools.partner.requests


async def test_what_a_model_cannot_do_is_a_400_that_names_the_field(start: Any, http: aiohttp.ClientSession) -> None:
    tool = {"type": "function", "function": {"name": "weather"}}
    async with start() as chat:
        caller = Caller(chat, http)
        status, refusal = await caller.whole(asking("small", tools=[tool]))
        async with caller.post(
            "/v1/responses", {"model": "big", "input": "hi", "reasoning": {"effort": "low"}}
        ) as response:
            other = response.status, (await response.json())["error"]["param"]

    assert (status, refusal["error"]["code"], refusal["error"]["param"]) == (400, "unsupported_parameter", "tools")
    assert other == (400, "reasoning.effort")


async def test_a_full_pool_s_turns_are_answered_by_the_next_and_say_so(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    await pools.say("quality", saturated=True, reason="queue")
    async with start() as chat:
        caller = Caller(chat, http)
        stream = await caller.say("words 2", model="quality")
        receipt = await receipt_of(caller, stream)

    assert (text_of(stream), stream[0]["model"], stream[0]["degraded_from"]) == ("w0 w1 ", "small", "big")
    assert receipt["route"]["reason"] == "pool_saturated"
    assert (receipt["route"]["model"], receipt["route"]["pool"]) == ("small", "fast")
    assert receipt["route"]["degraded_from"] == "big"
    assert caller.chat.rows("SELECT model FROM responses WHERE user_id = %s", caller.user_id) == [("small",)]
    assert not pools.quality.requests


async def test_where_no_pool_has_room_a_turn_is_refused_at_once_and_nothing_is_stored(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    await pools.say("quality", saturated=True, reason="queue")
    await pools.say("fast", saturated=True, reason="no_workers")
    async with start() as chat:
        caller = Caller(chat, http)
        body = {"model": "big", "conversation_id": caller.conversation, "message": "words 2", "stream": True}
        async with caller.post("/v1/chat/completions", body) as busy:
            refusal = await busy.json()
        async with caller.post("/v1/chat/completions", {**body, "model": "small"}) as away:
            assert away.status == 503

    assert (busy.status, busy.headers["retry-after"], away.headers["retry-after"]) == (503, "5", "30")
    assert refusal["error"]["code"] == "engine_unavailable"
    assert caller.items() == []
    assert not pools.quality.requests
    assert not pools.fast.requests


async def test_a_model_that_lacks_what_the_request_needs_does_not_stand_in(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    await pools.say("quality", saturated=True, reason="memory")
    async with start() as chat:
        tool = {"type": "function", "function": {"name": "weather"}}
        status, _ = await Caller(chat, http).whole(asking("big", tools=[tool]))

    assert status == 503


async def test_a_pool_of_which_nobody_tells_is_open(start: Any, pools: Pools, http: aiohttp.ClientSession) -> None:
    await pools.valkey.set("pool:quality", b"{not json")
    async with start() as chat:
        status, answer = await Caller(chat, http).whole(asking("big"))

    assert (status, answer["model"]) == (200, "big")


async def test_a_pool_that_is_full_no_more_answers_within_two_seconds(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    await pools.say("quality", saturated=True, reason="queue")
    async with start() as chat:
        caller = Caller(chat, http)
        assert (await caller.whole(asking("big")))[1]["model"] == "small"

        await pools.say("quality", saturated=False)
        async with asyncio.timeout(10):
            while (await caller.whole(asking("big")))[1]["model"] != "big":
                await asyncio.sleep(0.05)


async def test_a_turn_moves_to_the_next_pool_when_its_own_cannot_be_reached(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start(quality_url=f"http://127.0.0.1:{free_port()}/v1") as chat:
        caller = Caller(chat, http)
        stream = await caller.say("words 2", model="big")
        receipt = await receipt_of(caller, stream)

    assert (text_of(stream), stream[0]["model"], stream[0]["degraded_from"]) == ("w0 w1 ", "small", "big")
    assert receipt["route"]["reason"] == "pool_unavailable"
    assert caller.chat.rows("SELECT model FROM responses WHERE user_id = %s", caller.user_id) == [("small",)]


async def test_a_turn_moves_on_when_its_pool_says_itself_that_it_is_busy(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start() as chat:
        caller = Caller(chat, http)
        async with caller.post("/v1/chat/completions", asking("big", "status 503")) as response:
            refusal = await response.json()

    assert (response.status, refusal["error"]["code"]) == (503, "engine_unavailable")
    assert (len(pools.quality.requests), len(pools.fast.requests)) == (1, 1)


async def test_a_prompt_moves_only_where_it_leaves_room_for_an_answer(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start(quality_url=f"http://127.0.0.1:{free_port()}/v1", fast_context=512) as chat:
        caller = Caller(chat, http)
        long_text = "words 2 " + "x " * 600
        body = {"model": "big", "conversation_id": caller.conversation, "message": long_text}
        status, refusal = await caller.whole(body)

    assert (status, refusal["error"]["code"]) == (503, "engine_unavailable")
    assert not pools.fast.requests


async def test_what_a_turn_cost_is_kept_with_it(start: Any, http: aiohttp.ClientSession) -> None:
    async with start() as chat:
        caller = Caller(chat, http)
        stream = await caller.say("words 3", model="big")
        receipt = await receipt_of(caller, stream)

    assert receipt["cost_usd_micros"] == 2 * 1 + 3 * 10
    assert caller.chat.rows("SELECT cost_usd_micros FROM responses WHERE user_id = %s", caller.user_id) == [(32,)]


async def test_what_one_model_counted_another_of_its_tokenizer_does_not_count_again(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start() as chat:
        caller = Caller(chat, http)
        await caller.say("words 1 " + "x " * 2500, model="big")
        counted = len(pools.quality.tokenized)
        await caller.say("words 2 " + "y " * 2400, model="small")

    assert counted > 0
    assert not any("x x" in text for text in pools.fast.tokenized)


@pytest.mark.parametrize("is_stored", [True, False])
async def test_a_full_pool_s_turn_that_fits_no_other_context_may_come_again(
    start: Any, pools: Pools, http: aiohttp.ClientSession, is_stored: bool
) -> None:
    """Nobody asked for the model that it does not fit: that is no fault of the request."""
    await pools.say("quality", saturated=True, reason="queue")
    async with start(fast_context=512) as chat:
        caller = Caller(chat, http)
        text = "words 2 " + "x " * 600
        body = (
            {"model": "big", "conversation_id": caller.conversation, "message": text}
            if is_stored
            else asking("big", text)
        )
        status, refusal = await caller.whole(body)

    assert (status, refusal["error"]["code"]) == (503, "engine_unavailable")
    assert caller.items() == []
    assert not pools.fast.requests


async def test_a_model_that_stands_in_makes_a_conversation_forget_nothing(
    start: Any, pools: Pools, http: aiohttp.ClientSession
) -> None:
    async with start(fast_context=1024) as chat:
        caller = Caller(chat, http)
        for _ in range(8):
            await caller.say("words 1 " + "x " * 150, model="big")
    await pools.say("quality", saturated=True, reason="queue")
    async with start(fast_context=1024) as chat:
        caller.chat = chat
        degraded = await caller.say("words 2", model="big")
    await pools.say("quality", saturated=False)
    async with start(fast_context=1024) as chat:
        caller.chat = chat
        await caller.say("words 3", model="big")

    assert degraded[0]["model"] == "small"
    assert len(pools.fast.requests[-1]["messages"]) < 17
    assert len(pools.quality.requests[-1]["messages"]) == 19


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_pool_that_cannot_count_is_left_for_the_next(
    start: Any, pools: Pools, http: aiohttp.ClientSession, status: int
) -> None:
    pools.quality.tokenize_status = status
    async with start() as chat:
        caller = Caller(chat, http)
        stream = await caller.say("words 2 " + "x " * 2500, model="big")

    assert (text_of(stream), stream[0]["model"], stream[0]["degraded_from"]) == ("w0 w1 ", "small", "big")


async def test_who_looks_at_a_turn_that_has_moved_sees_who_answers(start: Any, http: aiohttp.ClientSession) -> None:
    async with start(quality_url=f"http://127.0.0.1:{free_port()}/v1") as chat:
        caller = Caller(chat, http)
        body = {
            "model": "big",
            "conversation_id": caller.conversation,
            "message": "words 40 every 0.05",
            "stream": True,
        }
        async with caller.post("/v1/chat/completions", body) as response:
            await anext(events(response))
            rows = chat.rows("SELECT model, status FROM responses WHERE user_id = %s", caller.user_id)

    assert rows == [("small", "in_progress")]
