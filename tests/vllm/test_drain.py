"""A worker that is told to stop: what runs ends whole, nothing new is sent to it, nothing of it is left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psutil
import pytest

from tests.integration.chat.conftest import Caller, plain
from tests.integration.router.pool import eventually
from tests.vllm.conftest import READY_WITHIN_S, Stage, Worker, running_worker

pytestmark = pytest.mark.timeout(READY_WITHIN_S + 180)


@pytest.fixture(scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession) -> AsyncIterator[Worker]:
    """One that may be ended."""
    async with running_worker(tmp_path_factory.mktemp("drained") / "log", http) as worker:
        yield worker


async def test_running_streams_end_whole_and_new_turns_are_refused(stage: Stage) -> None:
    # Token 2 ends an answer: these have all of their 400.
    long = {"max_tokens": 400, "logit_bias": {"2": -100}}
    answers = [asyncio.create_task(stage.caller().say("Tell a story.", **long)) for _ in range(2)]
    await stage.pool.state_is(running=2, within_s=30)
    children = psutil.Process(stage.worker.running.pid).children(recursive=True)

    stage.worker.terminate()
    state = await stage.pool.state_is(reason="no_workers", within_s=10)
    assert await stage.pool.router.workers() == set()
    await eventually(lambda: _refuses(stage.caller()))
    streams = await asyncio.gather(*answers)

    assert (state["ready"], state["saturated"]) == (0, True)
    assert [reasons_of(stream) for stream in streams] == [["length"], ["length"]]
    assert await stage.worker.exit_code() == 0
    assert [event["event"] for event in stage.worker.events()] == ["draining", "stopping"]
    assert stage.worker.events()[-1]["unfinished"] == 0
    await eventually(lambda: _all_gone(children))


def reasons_of(stream: list[Any]) -> list[str]:
    """Why an answer ended; none if it broke off."""
    choices = [choice for event in stream if isinstance(event, dict) for choice in event.get("choices", ())]
    return [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]


async def _refuses(caller: Caller) -> bool:
    """At once, for half a minute; the function looks at a pool's state once a second, and the router refuses until then."""
    async with caller.post("/v1/chat/completions", {**plain("Hello."), "model": "small"}) as refused:
        assert refused.status == 503
        return refused.headers["retry-after"] == "30"


async def _all_gone(processes: list[psutil.Process]) -> bool:
    return not any(each.is_running() and each.status() != psutil.STATUS_ZOMBIE for each in processes)
