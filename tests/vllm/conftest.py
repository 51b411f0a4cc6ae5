"""Real vLLM on this machine's CPU, started by the entrypoint, behind the real router. Only `make test-vllm` runs these."""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from moto.server import ThreadedMotoServer
from redis.asyncio import Redis

from local.parts.home import secret_in
from local.parts.ports import free_port
from tests.faults.parts import Parts, chat_process, running_parts
from tests.integration.chat.conftest import Caller, ChatFunction
from tests.integration.router.pool import CloudMap, Pool, Router, eventually
from tests.integration.router.stand_in_worker import StandInWorker

collect_ignore_glob = [] if "TEST_VLLM" in os.environ else ["test_*.py"]

ROOT = Path(__file__).parents[2]
VENV = ROOT / ".venv-vllm"
MODEL = VENV / "model"
# A small model that is neither Qwen3 nor AWQ, on a CPU; all else is the profile's.
CPU_ARGUMENTS = "--quantization None --dtype bfloat16 --max-model-len 4096 --enforce-eager --max-num-seqs 2"
CPU_ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_CPU_KVCACHE_SPACE": "1"}
# Two busy cores take a minute to import and load it.
READY_WITHIN_S = 240

MODELS = """
default = "small"
[pools.fast]
dialect = "vllm"
url = "{url}"
[[models]]
name = "small"
aliases = ["fast"]
pool = "fast"
context_tokens = 4096
tokenizer = "smollm2"
price = {{ input = 1, cached_input = 0.1, output = 4 }}
"""


@dataclass(slots=True)
class Worker:
    """A replica, as the image's entrypoint starts it."""

    log: Path
    http: aiohttp.ClientSession
    port: int = field(default_factory=free_port)
    ready_port: int = field(default_factory=free_port)
    process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, **changes: str) -> None:
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
            **CPU_ENVIRONMENT,
            "PATH": f"{VENV / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "PROFILE": "fast",
            "MODEL_NAME": "small",
            "MODEL_URI": str(MODEL),
            "EXTRA_ARGS": CPU_ARGUMENTS,
            "PORT": str(self.port),
            "READY_PORT": str(self.ready_port),
            "DRAIN_DELAY_S": "3",
            "DRAIN_TIMEOUT_S": "120",
            **changes,
        }
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                str(VENV / "bin/python"), "-m", "gpu_workers.vllm", env=environment, stdout=log, stderr=log
            )
        await eventually(self.is_ready, READY_WITHIN_S)

    async def is_ready(self) -> bool:
        assert self.running.returncode is None, self.log.read_text()[-4000:]
        try:
            async with self.http.get(f"http://127.0.0.1:{self.ready_port}/ready") as response:
                return response.status == 200
        except aiohttp.ClientConnectionError:
            return False

    @property
    def running(self) -> asyncio.subprocess.Process:
        assert self.process is not None, "it was not started"
        return self.process

    def terminate(self) -> None:
        self.running.terminate()

    async def exit_code(self) -> int:
        return await self.running.wait()

    async def close(self) -> None:
        """Twice told, so that it does not drain."""
        if self.process is not None and self.process.returncode is None:
            self.process.terminate()
            self.process.terminate()
            await self.process.wait()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith('{"event"')]


@dataclass(slots=True)
class Stage:
    """Everything between a user and vLLM: the chat function, the router, the registrar."""

    worker: Worker
    pool: Pool
    chat: ChatFunction
    http: aiohttp.ClientSession

    def caller(self) -> Caller:
        return Caller(self.chat, self.http)


@pytest.fixture(scope="session")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as session:
        yield session


@pytest.fixture(scope="module")
def parts() -> Iterator[Parts]:
    with running_parts() as parts:
        yield parts


@pytest.fixture(scope="session")
async def cloud_map() -> AsyncIterator[CloudMap]:
    """With the pool's service, and what boto3 finds in a task."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    cloud_map = CloudMap(f"http://{host}:{port}")
    await cloud_map.create_service("parley-test-pools", "fast")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDTESTS")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "tests")
        yield cloud_map
    cloud_map.close()
    server.stop()


@asynccontextmanager
async def running_worker(log: Path, http: aiohttp.ClientSession, **changes: str) -> AsyncGenerator[Worker]:
    """One that is ready."""
    worker = Worker(log, http)
    try:
        await worker.start(**changes)
        yield worker
    finally:
        await worker.close()


@pytest.fixture(scope="session")
async def worker(tmp_path_factory: pytest.TempPathFactory, http: aiohttp.ClientSession) -> AsyncIterator[Worker]:
    async with running_worker(tmp_path_factory.mktemp("worker") / "log", http) as worker:
        yield worker


@pytest.fixture(scope="module")
async def stage(worker: Worker, parts: Parts, cloud_map: CloudMap, http: aiohttp.ClientSession) -> AsyncIterator[Stage]:
    async with _running_pool(worker, parts, cloud_map, http) as pool:
        models = parts.home / "models.toml"
        models.write_text(MODELS.format(url=f"{pool.router.url}/v1"))
        changes = {"MODELS_FILE": str(models), "ENGINE_READ_TIMEOUT_S": "60", "ENGINE_REUSE_CONNECTIONS": "true"}
        with chat_process(parts, "", **changes) as process:
            yield Stage(worker, pool, ChatFunction(process.url, None, _NONE, parts.postgres.owner_url), http)


_NONE: Any = None  # the function is a process: its settings are its own


@asynccontextmanager
async def _running_pool(
    worker: Worker, parts: Parts, cloud_map: CloudMap, http: aiohttp.ClientSession
) -> AsyncGenerator[Pool]:
    """The router and the registrar, with the worker in Cloud Map."""
    valkey_url = f"redis://:{secret_in(parts.valkey.password_file)}@127.0.0.1:{parts.valkey.port}/0"
    instance = StandInWorker("worker", "127.0.0.1", worker.port, worker.ready_port)
    async with Redis.from_url(valkey_url) as valkey:
        router = Router(parts.home / "logs" / "router.log", http)
        pool = Pool("fast", http, cloud_map, router, valkey_url, valkey, ready_port=worker.ready_port)
        try:
            await router.start()
            await cloud_map.register("fast", instance)
            pool.start_registrar()
            await pool.state_is(ready=1)
            yield pool
        finally:
            await pool.close()
            await router.kill()
            await cloud_map.deregister("fast", instance)
