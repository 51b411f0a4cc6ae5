"""What Parley relies on in vllm-router 0.1.17, with the flags of its image (gpu_workers/PROTOCOL.md)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from local.parts import EmbeddedValkey
from tests.integration.router.conftest import url_of
from tests.integration.router.pool import CloudMap, Pool, eventually, running_pool, running_router
from tests.integration.router.stand_in_worker import StandInWorker

CHAT: dict[str, Any] = {
    "model": "stand-in",
    "stream": True,
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "assistant", "content": "One.", "reasoning": "Hm."},
        {"role": "user", "content": "words 1"},
    ],
    "max_tokens": 8,
    "temperature": 0.25,
    "seed": 7,
    "stop": ["END"],
    "stream_options": {"include_usage": True},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}},
    "chat_template_kwargs": {"enable_thinking": False},
    "cache_salt": "salt",
    "priority": 1,
}
# What it adds, none of it new to vLLM or of another meaning than nothing.
ADDED = {
    "logprobs": False,
    "ignore_eos": False,
    "continue_final_message": False,
    "skip_special_tokens": True,
    "include_reasoning": True,
    "no_stop_trim": False,
    "separate_reasoning": True,
    "stream_reasoning": True,
    "return_hidden_states": False,
}

# As run.sh has them.
ATTEMPTS = 4
FAILURES_UNTIL_REST = 3


@pytest.fixture
async def worker(pool: Pool) -> StandInWorker:
    return await told_of_worker(pool)


async def told_of_worker(pool: Pool) -> StandInWorker:
    """A worker that the router is told of by hand, for no registrar runs."""
    worker = await pool.add_worker(is_registered=False)
    await pool.router.tell("add_worker", worker.url)
    return worker


async def test_a_chat_request_reaches_the_worker_with_vllm_s_own_fields(pool: Pool, worker: StandInWorker) -> None:
    async with pool.http.post(pool.chat_url, json=CHAT) as response:
        assert response.status == 200

    (received,) = worker.engine.requests
    assert received == CHAT | ADDED


async def test_messages_and_tools_lose_what_the_router_does_not_know(pool: Pool, worker: StandInWorker) -> None:
    message = {"role": "assistant", "content": "One.", "reasoning_content": "Hm.", "extra": 1}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}, "strict": True}}
    last = {"role": "user", "content": "words 1"}

    async with pool.http.post(pool.chat_url, json=CHAT | {"messages": [message, last], "tools": [tool]}) as response:
        assert response.status == 200

    (received,) = worker.engine.requests
    assert received["messages"][0] == {"role": "assistant", "content": "One.", "reasoning": "Hm."}
    assert "strict" not in received["tools"][0]["function"]


async def test_an_answer_keeps_its_status_its_body_and_retry_after(pool: Pool, worker: StandInWorker) -> None:
    async with pool.http.post(pool.chat_url, json=pool.chat_of("status 429")) as response:
        assert (response.status, response.headers["retry-after"]) == (429, "7")
        assert (await response.json(content_type=None))["error"]["message"] == "as you wish"

    assert len(worker.engine.requests) == ATTEMPTS


async def test_a_worker_that_fails_thrice_rests_and_the_next_attempt_is_another_s(
    pool: Pool, worker: StandInWorker
) -> None:
    other = await told_of_worker(pool)

    failed = await pool.ask("s1", "status 500")

    attempts = [len(each.engine.requests) for each in (worker, other)]
    assert failed.status == 500
    assert sorted(attempts) == [1, FAILURES_UNTIL_REST]


async def test_a_client_that_leaves_aborts_the_generation(pool: Pool, worker: StandInWorker) -> None:
    async with pool.http.post(pool.chat_url, json=pool.chat_of("words 600 every 0.1")) as response:
        await response.content.readany()
        response.close()

    await asyncio.wait_for(worker.engine.aborted_changed.wait(), 10)


async def test_tokenize_and_models_are_a_worker_s_and_admin_routes_are_not(pool: Pool, worker: StandInWorker) -> None:
    url = pool.router.url

    async with pool.http.post(f"{url}/tokenize", json={"content": "one two"}) as tokens:
        assert (await tokens.json())["tokens"] == [0, 1]
    async with pool.http.get(f"{url}/v1/models") as models:
        assert models.headers["x-worker"] == worker.name
    async with pool.http.get(f"{url}/list_workers") as admin:
        assert "x-worker" not in admin.headers
    # Anything it does not know is the worker's: only a list of allowed paths before it keeps these away.
    async with pool.http.get(f"{url}/metrics") as unknown:
        assert unknown.headers["x-worker"] == worker.name


async def test_at_sigterm_streams_end_whole_and_its_log_holds_no_text(
    cloud_map: CloudMap, valkey: EmbeddedValkey, tmp_path: Path
) -> None:
    async with (
        running_router(tmp_path / "router.log") as router,
        running_pool(cloud_map, url_of(valkey), router) as pool,
    ):
        worker = await told_of_worker(pool)
        stream = asyncio.create_task(pool.ask("session-of-mine", "words 10 every 0.1 my-secret"))
        await eventually(lambda: has_begun(worker))
        async with pool.http.post(f"{router.url}/tokenize", json={"content": "my-secret"}) as tokens:
            assert tokens.status == 200

        code = await router.terminate()

        assert code == 0
        assert (await stream).body.endswith(b"data: [DONE]\n\n")
        log = router.log.read_text()
        assert "my-secret" not in log
        assert "session-of-mine" not in log


async def has_begun(worker: StandInWorker) -> bool:
    return bool(worker.engine.requests)
