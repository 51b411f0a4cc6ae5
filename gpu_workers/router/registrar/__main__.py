"""`python -m gpu_workers.router.registrar`: the registrar's container. SIGTERM and SIGINT end it."""

import asyncio
import signal

from gpu_workers.router.registrar.logs import open_log
from gpu_workers.router.registrar.loop import run_registrar
from gpu_workers.router.registrar.settings import Settings


async def _main() -> None:
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    await run_registrar(Settings(), stop)  # pyright: ignore[reportCallIssue] - its fields come from the environment


open_log()
asyncio.run(_main())
