"""From a user's message to vLLM and back: chat function, router, worker, registrar, admission."""

from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.integration.chat.conftest import Caller, plain, text_of
from tests.integration.router.pool import eventually
from tests.vllm.conftest import READY_WITHIN_S, Stage

pytestmark = pytest.mark.timeout(READY_WITHIN_S + 120)

# Longer than a block of the CPU build's KV cache, which is 128 tokens; only whole blocks are found again.
LONG = "Remember these words: " + " ".join(f"word{number}" for number in range(120)) + "."


def usage_of(stream: list[Any]) -> dict[str, Any]:
    (usage,) = [event["usage"] for event in stream if isinstance(event, dict) and event.get("usage")]
    return usage


async def say(caller: Caller, text: str) -> dict[str, Any]:
    """The usage of a turn of a conversation."""
    return usage_of(await caller.say(text, max_tokens=8, stream_options={"include_usage": True}))


async def refusal_of(caller: Caller) -> tuple[int, str | None, str]:
    """Status, retry-after and code of a turn that is not begun; the function looks at a pool's state once a second."""

    async def refused() -> tuple[int, str | None, str] | None:
        async with caller.post(
            "/v1/chat/completions", {**plain("Hello."), "model": "small", "max_tokens": 4}
        ) as answer:
            if answer.status != 200:
                return answer.status, answer.headers.get("retry-after"), (await answer.json())["error"]["code"]
        return None

    return await eventually(refused)


async def test_the_chat_function_streams_from_vllm_through_the_router(stage: Stage) -> None:
    stream = await stage.caller().say("Say hello.", model="fast", max_tokens=16)

    assert text_of(stream)
    assert stream[-1] == "[DONE]"
    assert len(stream) > 5


async def test_the_second_turn_of_a_conversation_finds_the_first_in_the_cache(stage: Stage) -> None:
    caller = stage.caller()

    first = await say(caller, LONG)
    second = await say(caller, "Which was the first?")

    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] >= 128


async def test_another_user_s_same_words_are_not_in_the_cache(stage: Stage) -> None:
    words = f"Two users say this. {LONG}"
    alice, bob = stage.caller(), stage.caller()

    usages = [await say(alice, words), await say(bob, words)]

    assert [usage["prompt_tokens_details"]["cached_tokens"] for usage in usages] == [0, 0]


async def test_a_full_pool_says_so_and_the_next_turn_is_refused_at_once(stage: Stage) -> None:
    # Token 2 ends an answer.
    endless = {**plain("Count."), "model": "small", "stream": True, "max_tokens": 3000, "logit_bias": {"2": -100}}
    async with AsyncExitStack() as streams:
        for _ in range(8):
            stream = await streams.enter_async_context(stage.caller().post("/v1/chat/completions", endless))
            assert stream.status == 200

        state = await stage.pool.state_is(saturated=True, reason="queue", within_s=30)
        refusal = await refusal_of(stage.caller())

    assert (state["running"], state["waiting"]) == (2, 6)
    assert refusal == (503, "5", "engine_unavailable")
    # The clients have left: their requests are aborted, and the pool is open again.
    await stage.pool.state_is(saturated=False, running=0, waiting=0, within_s=60)
    await eventually(lambda: _serves(stage.caller()))


async def _serves(caller: Caller) -> bool:
    status, _ = await caller.whole({**plain("Hello."), "model": "small", "max_tokens": 4})
    return status == 200
