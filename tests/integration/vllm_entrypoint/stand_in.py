"""What the tests call `vllm`: it serves, counts, streams, and ends as vLLM 0.32.0 was seen to.

Like that one it begins to listen when its "model" is loaded (the file LOADED of the environment exists), has a worker process
beside it, and after SIGTERM kills the worker but waits for its clients to hang up.
"""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from aiohttp import web


class StandIn:
    """`POST /finish` lets the streams end, `POST /crash` ends the process with code 7."""

    def __init__(self) -> None:
        self.running = 0
        self.nothing_runs = asyncio.Event()
        self.nothing_runs.set()
        self.may_finish = asyncio.Event()
        self.told = asyncio.Event()

    async def health(self, _: web.Request) -> web.Response:
        return web.Response()

    async def metrics(self, _: web.Request) -> web.Response:
        labels = 'engine="0",model_name="m"'
        return web.Response(
            text="# HELP vllm:num_requests_running Number of requests in model execution batches.\n"
            f"vllm:num_requests_running{{{labels}}} {float(self.running)}\n"
            f"vllm:num_requests_waiting{{{labels}}} 0.0\n"
            f'vllm:num_requests_waiting_by_reason{{{labels},reason="capacity"}} 9.0\n'
        )

    async def stream(self, request: web.Request) -> web.StreamResponse:
        self.running += 1
        self.nothing_runs.clear()
        try:
            response = web.StreamResponse()
            await response.prepare(request)
            await response.write(b"first ")
            await self.may_finish.wait()
            await response.write(b"last")
            return response
        finally:
            self.running -= 1
            if not self.running:
                self.nothing_runs.set()

    async def finish(self, _: web.Request) -> web.Response:
        self.may_finish.set()
        return web.Response()

    async def crash(self, _: web.Request) -> web.Response:
        os._exit(7)

    async def arguments(self, _: web.Request) -> web.Response:
        return web.json_response(sys.argv[1:])

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/health", self.health)
        app.router.add_get("/metrics", self.metrics)
        app.router.add_get("/arguments", self.arguments)
        for path in ("/stream", "/finish", "/crash"):
            app.router.add_post(path, getattr(self, path[1:]))
        return app


async def serve(stand_in: StandIn, port: int, loaded: Path) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stand_in.told.set)
    while not os.path.exists(loaded) and not stand_in.told.is_set():  # noqa: ASYNC240, PTH110
        await asyncio.sleep(0.02)
    runner = web.AppRunner(stand_in.app(), handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await stand_in.told.wait()
    await stand_in.nothing_runs.wait()
    await runner.cleanup()


def main() -> None:
    worker = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    Path(os.environ["WORKER_PID"]).write_text(str(worker.pid))
    port = int(sys.argv[sys.argv.index("--port") + 1])
    asyncio.run(serve(StandIn(), port, Path(os.environ["LOADED"])))


if __name__ == "__main__":
    main()
