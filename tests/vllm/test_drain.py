"""A worker that is told to stop: nothing new is sent to it, what runs goes on, what is cut is kept, nothing of it is left."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import psutil
import pytest

from tests.integration.chat.conftest import Caller, plain, text_of
from tests.integration.router.pool import eventually
from tests.vllm.conftest import READY_WITHIN_S, Stage, Worker, running_worker

# Token 2 ends an answer of the small model: these go on until their `max_tokens`.
ENDLESS = {"2": -100}

pytestmark = pytest.mark.timeout(READY_WITHIN_S + 180)


@pytest.fixture(scope="module")
async def worker(tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession) -> AsyncIterator[Worker]:
    """One that may be ended."""
    async with running_worker(tmp_path_factory.mktemp("drained") / "log", http) as worker:
        yield worker


async def test_streams_end_whole_and_what_is_cut_is_kept_as_incomplete(stage: Stage) -> None:
    patient, cut = stage.caller(), stage.caller()
    answer = asyncio.create_task(patient.say("Tell a story.", max_tokens=400, logit_bias=ENDLESS))
    endless = asyncio.create_task(cut.say("Tell a long story.", max_tokens=3500, logit_bias=ENDLESS))
    await stage.pool.state_is(running=2, within_s=30)
    children = psutil.Process(stage.worker.running.pid).children(recursive=True)

    stage.worker.terminate()
    state = await stage.pool.state_is(reason="no_workers", within_s=10)
    assert await stage.pool.router.workers() == set()
    await eventually(lambda: _refuses(stage.caller()))
    whole = await answer
    stage.worker.terminate()  # again: what still runs is cut
    part = await endless

    assert (state["ready"], state["saturated"]) == (0, True)
    assert reasons_of(whole) == ["length"]
    assert (reasons_of(part), part[-1]["error"]["code"]) == ([], "engine_failed")
    assert (await cut.settled())[:3] == ("incomplete", None, "engine_failed")
    assert cut.items()[-1][2] == text_of(part) != ""
    assert await stage.worker.exit_code() == 0
    assert stage.worker.events()[1:] == [{"event": "stopping", "unfinished": 1}]
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
