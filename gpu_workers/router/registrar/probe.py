"""Ask a worker how it is."""

import asyncio
from dataclasses import dataclass
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession

from gpu_workers.router.registrar.histogram import Histogram
from gpu_workers.router.registrar.metrics import read_metrics
from gpu_workers.router.registrar.model import Probe

ANSWER_WITHIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What one round heard from a worker; `ttft` only with its load."""

    probe: Probe
    ttft: Histogram | None = None


async def probe_worker(http: ClientSession, url: str, ready_port: int) -> Answer:
    """What the worker says within a second. It raises nothing: no answer is an answer."""
    ready_url = f"http://{urlsplit(url).hostname}:{ready_port}/ready"
    (ready_status, _), (metrics_status, metrics) = await asyncio.gather(
        _get(http, ready_url), _get(http, f"{url}/metrics")
    )
    # 503 is the entrypoint's word for starting and draining; any other status is nobody's.
    is_ready = {200: True, 503: False}.get(ready_status)
    if not is_ready or metrics_status != 200:
        return Answer(Probe(is_ready))
    try:
        load, ttft = read_metrics(metrics)
    except ValueError:
        return Answer(Probe(is_ready))
    return Answer(Probe(is_ready, load), ttft)


async def _get(http: ClientSession, url: str) -> tuple[int, str]:
    """Status and text; status 0 without an answer in time."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN_S), http.get(url) as response:
            return response.status, await response.text()
    except (ClientError, OSError, TimeoutError, UnicodeDecodeError):
        return 0, ""
