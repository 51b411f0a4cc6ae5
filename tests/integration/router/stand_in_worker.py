"""A stand-in for one vLLM task: vLLM's port with `/metrics` in vLLM's text, and the entrypoint's port with `/ready`."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.typedefs import Handler

from tests.doubles.engine import StandInEngine
from tests.doubles.vllm_metrics import metrics_text


@dataclass(slots=True)
class StandInWorker:
    """A worker at an address of its own; its answers carry its name in `x-worker`. What it says of itself can be set."""

    name: str
    address: str
    port: int
    ready_port: int
    running: int = 0
    waiting: int = 0
    kv_use: float = 0.1
    ttft_s: list[float] = field(default_factory=list)
    is_draining: bool = False
    engine: StandInEngine = field(default_factory=StandInEngine)
    _thawed: asyncio.Event = field(default_factory=asyncio.Event)
    _runners: list[web.AppRunner] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://{self.address}:{self.port}"

    async def start(self) -> None:
        self._thawed.set()
        vllm = self.engine.app()
        vllm.middlewares.append(self._stand_still)
        vllm.on_response_prepare.append(self._sign)
        vllm.router.add_get("/health", self._health)
        vllm.router.add_get("/metrics", self._metrics)
        entrypoint = web.Application(middlewares=[self._stand_still])
        entrypoint.router.add_get("/ready", self._ready)
        for app, port in ((vllm, self.port), (entrypoint, self.ready_port)):
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
            await runner.setup()
            self._runners.append(runner)
            await web.TCPSite(runner, self.address, port).start()

    async def kill(self) -> None:
        """Its sockets are closed as the kernel closes a killed process's: with a reset, in the middle of streams."""
        for runner in self._runners:
            for connection in runner.server.connections if runner.server else []:
                if connection.transport is not None:
                    connection.transport.abort()
        await self.stop()

    async def stop(self) -> None:
        for runner in self._runners:
            await runner.cleanup()
        self._runners.clear()

    def freeze(self) -> None:
        """It accepts connections and answers nothing, until it is thawed."""
        self._thawed.clear()

    def thaw(self) -> None:
        self._thawed.set()

    @web.middleware
    async def _stand_still(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        await self._thawed.wait()
        return await handler(request)

    async def _sign(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["x-worker"] = self.name

    async def _health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def _metrics(self, _: web.Request) -> web.Response:
        text = metrics_text(running=self.running, waiting=self.waiting, kv_use=self.kv_use, ttft_s=self.ttft_s)
        return web.Response(text=text, content_type="text/plain")

    async def _ready(self, _: web.Request) -> web.Response:
        if self.is_draining:
            return web.json_response({"ready": False, "reason": "draining"}, status=503)
        return web.json_response({"ready": True})
