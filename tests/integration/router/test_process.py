"""The registrar as a process: how its container starts it, watches it and ends it."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from gpu_workers.router.registrar.health import serve_health
from local.parts.ports import free_port
from tests.integration.router.pool import RUN_SH, Pool, eventually


def command_environment(**changes: str) -> dict[str, str]:
    """Where run.sh finds the same Python as the tests."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **changes}


def is_healthy(port: int) -> bool:
    """By the command that the container's health check runs."""
    environment = command_environment(HEALTH_PORT=str(port))
    return (
        subprocess.run([RUN_SH, "registrar-health"], env=environment, capture_output=True, check=False).returncode == 0
    )


async def test_the_process_is_healthy_logs_json_and_ends_at_sigterm(pool: Pool) -> None:
    worker = await pool.add_worker()
    environment = command_environment(**pool.environment())
    process = await asyncio.create_subprocess_exec(
        RUN_SH, "registrar", env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        await pool.serves_from(worker, within_s=30)
        await pool.state_is(ready=1)
        healthy = await asyncio.to_thread(is_healthy, pool.health_port)
        process.terminate()
        output, _ = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()

    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    assert process.returncode == 0
    assert healthy
    assert not is_healthy(pool.health_port)
    assert {"level": "INFO", "event": "add_worker", "worker": worker.url}.items() <= by_event(
        lines, "add_worker"
    ).items()
    (metrics,) = (line for line in lines if "_aws" in line)
    assert (metrics["pool"], metrics["ReadyWorkers"]) == (pool.name, 1)


def by_event(lines: list[dict[str, Any]], event: str) -> dict[str, Any]:
    return next(line for line in lines if line.get("event") == event)


async def test_a_task_that_is_configured_wrongly_says_what_is_missing() -> None:
    process = await asyncio.create_subprocess_exec(
        RUN_SH, "registrar", env=command_environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)

    assert process.returncode != 0
    assert b"valkey_url" in output


async def test_a_registrar_that_never_heard_from_cloud_map_is_not_healthy(pool: Pool) -> None:
    # A service that does not exist is refused, as a wrong role is.
    environment = command_environment(**pool.environment() | {"CLOUD_MAP_SERVICE": "nobody"})
    process = await asyncio.create_subprocess_exec(
        RUN_SH, "registrar", env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        # The first try comes before the rounds, the second among them.
        await asyncio.wait_for(process.stdout.readline(), 30)
        said = await eventually(lambda: health_of(pool))
        healthy = await asyncio.to_thread(is_healthy, pool.health_port)
    finally:
        process.terminate()
        await asyncio.wait_for(process.communicate(), 20)

    assert said == (503, {"round_age_s": None})
    assert not healthy


async def health_of(pool: Pool) -> tuple[int, dict[str, Any]]:
    async with pool.http.get(f"http://127.0.0.1:{pool.health_port}/health") as response:
        return response.status, await response.json()


async def test_the_health_check_fails_once_no_round_was_completed_for_15_s() -> None:
    port, age_s = free_port(), 14.9
    async with serve_health(port, lambda: age_s):
        assert await asyncio.to_thread(is_healthy, port)
        age_s = 15.0
        assert not await asyncio.to_thread(is_healthy, port)
