"""The parts of one pool under test: Cloud Map's stand-in, the real router, the registrar, stand-in workers."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import boto3
from aiohttp import ClientError, ClientSession
from redis.asyncio import Redis

from gpu_workers.router.registrar.loop import run_registrar
from gpu_workers.router.registrar.settings import Settings
from local.parts.ports import free_port
from tests.integration.router.stand_in_worker import StandInWorker

REGION = "eu-west-1"
RUN_SH = Path(__file__).parents[3] / "gpu_workers/router/run.sh"
_numbers = count(1)


async def eventually(condition: Callable[[], Awaitable[Any]], within_s: float = 10.0) -> Any:
    """What the condition gives once it is true. Raises: AssertionError when that takes too long."""
    deadline = time.monotonic() + within_s
    while not (value := await condition()):
        assert time.monotonic() < deadline, f"not within {within_s} s"
        await asyncio.sleep(0.02)
    return value


class CloudMap:
    """moto's Cloud Map, which a test can take away; what it holds stays."""

    def __init__(self, url: str) -> None:
        self.url = url
        keys = {"aws_access_key_id": "AKIDTESTS", "aws_secret_access_key": "tests"}
        self._client: Any = boto3.client("servicediscovery", region_name=REGION, endpoint_url=url, **keys)
        self._services: dict[str, str] = {}
        self._namespace_id = ""

    def close(self) -> None:
        self._client.close()

    async def create_service(self, namespace: str, service: str) -> None:
        await asyncio.to_thread(self._create_service, namespace, service)

    def _create_service(self, namespace: str, service: str) -> None:
        if not self._namespace_id:
            self._client.create_http_namespace(Name=namespace)
            (found,) = self._client.list_namespaces()["Namespaces"]
            self._namespace_id = found["Id"]
        created = self._client.create_service(Name=service, NamespaceId=self._namespace_id)
        self._services[service] = created["Service"]["Id"]

    async def register(self, service: str, worker: StandInWorker) -> None:
        attributes = {"AWS_INSTANCE_IPV4": worker.address, "AWS_INSTANCE_PORT": str(worker.port)}
        await asyncio.to_thread(
            self._client.register_instance,
            ServiceId=self._services[service],
            InstanceId=worker.name,
            Attributes=attributes,
        )

    async def deregister(self, service: str, worker: StandInWorker) -> None:
        await asyncio.to_thread(
            self._client.deregister_instance, ServiceId=self._services[service], InstanceId=worker.name
        )


@dataclass(slots=True)
class Router:
    """The real vllm-router with the flags of its image, on a port that survives a restart."""

    log: Path
    http: ClientSession
    port: int = field(default_factory=free_port)
    _process: asyncio.subprocess.Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def start(self) -> None:
        places = {"ROUTER_HOST": "127.0.0.1", "ROUTER_PORT": str(self.port), "ROUTER_METRICS_PORT": str(free_port())}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                RUN_SH, "router", env={**os.environ, **places, "PATH": path}, stdout=log, stderr=log
            )
        await eventually(self._answers, within_s=30)

    async def kill(self) -> None:
        if self._process is not None and self.is_running:
            self._process.kill()
            await self._process.wait()

    async def terminate(self) -> int:
        """What it exits with, once its streams have ended."""
        assert self._process is not None
        self._process.terminate()
        return await self._process.wait()

    async def workers(self) -> set[str]:
        async with self.http.get(f"{self.url}/list_workers") as response:
            return set((await response.json())["urls"])

    async def tell(self, command: str, worker_url: str) -> None:
        async with self.http.post(f"{self.url}/{command}", params={"url": worker_url}) as response:
            assert response.status == 200

    async def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.returncode is None, self.log.read_text()
        with suppress(ClientError):
            async with self.http.get(f"{self.url}/liveness") as response:
                return response.status == 200
        return False


@dataclass(frozen=True, slots=True)
class Reply:
    """`worker` is who answered; None when it was the router itself."""

    status: int
    worker: str | None
    body: bytes


@dataclass(slots=True)
class Pool:
    """One pool: its router, its workers, and its registrar while it is started."""

    name: str
    http: ClientSession
    cloud_map: CloudMap
    router: Router
    valkey_url: str
    valkey: Redis
    ready_port: int = field(default_factory=free_port)
    health_port: int = field(default_factory=free_port)
    _registrar: asyncio.Task[None] | None = None
    _exits: AsyncExitStack = field(default_factory=AsyncExitStack)

    def environment(self) -> dict[str, str]:
        return {
            "STAGE": "test",
            "POOL": self.name,
            "CLOUD_MAP_NAMESPACE": "parley-test-pools",
            "CLOUD_MAP_SERVICE": self.name,
            "ROUTER_URL": self.router.url,
            "VALKEY_URL": self.valkey_url,
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.cloud_map.url,
            "READY_PORT": str(self.ready_port),
            "HEALTH_PORT": str(self.health_port),
        }

    def start_registrar(self) -> None:
        settings = Settings.model_validate({name.lower(): value for name, value in self.environment().items()})
        self._registrar = asyncio.create_task(run_registrar(settings))

    async def stop_registrar(self) -> None:
        registrar, self._registrar = self._registrar, None
        if registrar is not None:
            registrar.cancel()
            with suppress(asyncio.CancelledError):
                await registrar

    async def serve_from(self, number: int) -> list[StandInWorker]:
        """So many workers that the registrar has found when it starts."""
        workers = [await self.add_worker() for _ in range(number)]
        self.start_registrar()
        await self.serves_from(*workers)
        return workers

    async def add_worker(self, is_registered: bool = True) -> StandInWorker:
        """A worker that runs, at an address of its own: all have the same port for /ready."""
        number = next(_numbers)
        worker = StandInWorker(
            f"w{number}", f"127.0.{number // 250 + 1}.{number % 250 + 1}", free_port(), self.ready_port
        )
        await worker.start()
        self._exits.push_async_callback(worker.stop)
        if is_registered:
            await self.cloud_map.register(self.name, worker)
        return worker

    async def serves_from(self, *workers: StandInWorker, within_s: float = 15) -> None:
        """Wait until the router has these workers and no others."""

        async def is_so() -> bool:
            return await self.router.workers() == {worker.url for worker in workers}

        await eventually(is_so, within_s)

    async def ask(self, session: str, words: str = "words 3") -> Reply:
        async with self.http.post(
            self.chat_url, json=self.chat_of(words), headers={"x-session-id": session}
        ) as response:
            return Reply(response.status, response.headers.get("x-worker"), await response.read())

    async def who_answers(self, sessions: list[str]) -> dict[str, str | None]:
        return {session: (await self.ask(session)).worker for session in sessions}

    async def sessions_of(self, worker: StandInWorker, number: int) -> list[str]:
        """Sessions that this worker answers."""
        found: list[str] = []
        for candidate in count():
            if (await self.ask(f"s{candidate}")).worker == worker.name:
                found.append(f"s{candidate}")
            if len(found) == number:
                break
        return found

    async def state(self) -> dict[str, Any] | None:
        document = await self.valkey.get(f"pool:{self.name}")
        return None if document is None else json.loads(document)

    async def state_is(self, within_s: float = 15, **expected: Any) -> dict[str, Any]:
        """The state in Valkey once it holds this."""

        async def is_so() -> dict[str, Any] | None:
            state = await self.state()
            return state if state and expected.items() <= state.items() else None

        return await eventually(is_so, within_s)

    @property
    def chat_url(self) -> str:
        return f"{self.router.url}/v1/chat/completions"

    @staticmethod
    def chat_of(words: str) -> dict[str, Any]:
        return {"model": "stand-in", "stream": True, "messages": [{"role": "user", "content": words}]}

    async def close(self) -> None:
        await self.stop_registrar()
        if self.router.is_running:
            for url in await self.router.workers():
                await self.router.tell("remove_worker", url)
        await self._exits.aclose()


@asynccontextmanager
async def running_router(log: Path) -> AsyncGenerator[Router]:
    async with ClientSession() as http:
        router = Router(log, http)
        try:
            await router.start()
            yield router
        finally:
            await router.kill()


@asynccontextmanager
async def running_pool(cloud_map: CloudMap, valkey_url: str, router: Router) -> AsyncGenerator[Pool]:
    """A pool without workers; its registrar is started by the test."""
    name = f"pool{next(_numbers)}"
    await cloud_map.create_service("parley-test-pools", name)
    async with ClientSession() as http, Redis.from_url(valkey_url) as valkey:
        pool = Pool(name, http, cloud_map, router, valkey_url, valkey)
        try:
            yield pool
        finally:
            await pool.close()
