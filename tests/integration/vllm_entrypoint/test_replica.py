"""A replica's life: ready when vLLM is, drained on SIGTERM, never survived by anything of vLLM."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp
import pytest

from tests.integration.vllm_entrypoint.conftest import Replica

StartReplica = Callable[..., Awaitable[Replica]]


async def test_a_replica_is_ready_only_when_vllm_has_its_model(start_replica: StartReplica) -> None:
    replica = await start_replica()

    await replica.until(503, "starting")
    replica.load()

    await replica.until(200)


async def test_vllm_is_started_with_the_profile_and_the_names_of_the_catalogue(start_replica: StartReplica) -> None:
    replica = await start_replica(EXTRA_ARGS="--dtype 'bfloat16'")
    await replica.is_ready()

    async with replica.http.get(f"{replica.url}/arguments") as response:
        arguments = await response.json()

    assert arguments[:3] == ["serve", "s3://store/models/m/1", "--config"]
    assert arguments[3].endswith("/gpu_workers/vllm/profiles/fast.yaml")
    assert arguments[arguments.index("--served-model-name") + 1] == "m"
    assert arguments[-2:] == ["--dtype", "bfloat16"]


async def test_a_stream_that_runs_when_sigterm_comes_ends_whole(start_replica: StartReplica) -> None:
    replica = await start_replica()
    await replica.is_ready()
    async with replica.http.post(f"{replica.url}/stream") as stream:
        assert await stream.content.readexactly(6) == b"first "

        replica.terminate()
        await replica.until(503, "draining")
        async with replica.http.post(f"{replica.url}/finish"):
            pass

        assert await stream.content.read() == b"last"
    assert await replica.exit_code() == 0
    assert replica.events()[-1] == {"event": "stopping", "unfinished": 0}
    assert not replica.worker_lives()


async def test_an_idle_replica_ends_after_the_delay_that_the_router_needs(start_replica: StartReplica) -> None:
    replica = await start_replica()
    await replica.is_ready()

    replica.terminate()

    assert await replica.exit_code() == 0
    assert [event["event"] for event in replica.events()] == ["draining", "stopping"]


async def test_what_still_runs_at_the_deadline_is_cut(start_replica: StartReplica) -> None:
    replica = await start_replica(DRAIN_TIMEOUT_S="0.5")
    await replica.is_ready()
    async with replica.http.post(f"{replica.url}/stream") as stream:
        await stream.content.readexactly(6)

        replica.terminate()

        with pytest.raises(aiohttp.ClientPayloadError):
            await stream.content.read()
    assert await replica.exit_code() == 0
    assert replica.events()[-1] == {"event": "stopping", "unfinished": 1}
    assert not replica.worker_lives()


async def test_a_second_signal_ends_the_drain_at_once(start_replica: StartReplica) -> None:
    replica = await start_replica()
    await replica.is_ready()
    async with replica.http.post(f"{replica.url}/stream") as stream:
        await stream.content.readexactly(6)
        replica.terminate()
        await replica.until(503, "draining")

        replica.terminate()

        with pytest.raises(aiohttp.ClientPayloadError):
            await stream.content.read()
    assert await replica.exit_code() == 0


async def test_a_replica_that_still_loads_its_model_ends_at_once(start_replica: StartReplica) -> None:
    replica = await start_replica(DRAIN_DELAY_S="60")
    await replica.until(503, "starting")

    replica.terminate()

    assert await replica.exit_code() == 0


async def test_a_vllm_that_dies_takes_the_task_with_it(start_replica: StartReplica) -> None:
    replica = await start_replica()
    await replica.is_ready()

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await replica.http.post(f"{replica.url}/crash")

    assert await replica.exit_code() == 7
    assert replica.events() == [{"event": "vllm_ended", "exit_code": 7}]
    assert not replica.worker_lives()


async def test_a_vllm_that_dies_while_it_drains_ends_the_drain(start_replica: StartReplica) -> None:
    replica = await start_replica(DRAIN_DELAY_S="60")
    await replica.is_ready()
    replica.terminate()
    await replica.until(503, "draining")

    with pytest.raises(aiohttp.ServerDisconnectedError):
        await replica.http.post(f"{replica.url}/crash")

    assert await replica.exit_code() == 7


async def test_a_wrong_environment_is_told_in_one_go(start_replica: StartReplica) -> None:
    replica = await start_replica(PROFILE="huge", MODEL_NAME="", DRAIN_TIMEOUT_S="soon")

    assert await asyncio.wait_for(replica.running.wait(), 20) == 2

    (event,) = replica.events()
    assert [line.split(":")[0] for line in event["error"].splitlines()] == ["PROFILE", "MODEL_NAME", "DRAIN_TIMEOUT_S"]
