"""The registrar's one loop: list, probe, mend the router, tell Valkey; whatever part of it is away."""

import asyncio
import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from aiohttp import ClientSession, TCPConnector

from gpu_workers.router.registrar.discovery import Discovery, DiscoveryFailed
from gpu_workers.router.registrar.document import decode_verdict, encode_state
from gpu_workers.router.registrar.health import serve_health
from gpu_workers.router.registrar.histogram import Window, quantile
from gpu_workers.router.registrar.logs import metrics_line
from gpu_workers.router.registrar.model import (
    Scrape,
    Worker,
    is_known,
    judge_pool,
    judge_worker,
    plan_changes,
    sum_up,
)
from gpu_workers.router.registrar.outages import Outages
from gpu_workers.router.registrar.probe import Answer, probe_worker
from gpu_workers.router.registrar.router_admin import RouterAdmin, RouterFailed
from gpu_workers.router.registrar.settings import Settings
from gpu_workers.router.registrar.store import PoolStore, StoreFailed

DISCOVER_EVERY_S = 2.0
ROUND_EVERY_S = 1.0
METRICS_EVERY_S = 10.0
_log = logging.getLogger(__name__)


async def run_registrar(settings: Settings, stop: asyncio.Event | None = None) -> None:
    """Keep the router and `pool:{name}` in step with the pool until `stop` is set, or this is cancelled.

    It leaves the router's workers as they are: a router without its registrar goes on.
    """
    stop = stop or asyncio.Event()
    store, discovery = PoolStore(settings), Discovery(settings)
    try:
        async with ClientSession(connector=TCPConnector(limit=0)) as http:
            registrar = _Registrar(settings, http, RouterAdmin(http, settings.router_url), store, discovery)
            async with serve_health(settings.health_port, registrar.round_age_s), asyncio.TaskGroup() as group:
                # Before the first round, which would have nobody to ask.
                await registrar.list_workers()
                loops = (registrar.discover(), registrar.go_round(), registrar.publish())
                tasks = [group.create_task(loop) for loop in loops]
                await stop.wait()
                for task in tasks:
                    task.cancel()
    finally:
        discovery.close()
        await store.aclose()


@dataclass(slots=True)
class _Registrar:
    """What the registrar knows: `listed` is None until Cloud Map has answered once, and no round is completed before that."""

    settings: Settings
    http: ClientSession
    router: RouterAdmin
    store: PoolStore
    discovery: Discovery
    listed: frozenset[str] | None = None
    workers: dict[str, Worker] = field(default_factory=dict)
    window: Window = field(default_factory=Window)
    scrape: Scrape | None = None
    completed_at_s: float = float("-inf")
    reported_at_s: float = float("-inf")
    outages: Outages = field(default_factory=Outages)
    probed: asyncio.Event = field(default_factory=asyncio.Event)

    def round_age_s(self) -> float:
        return time.monotonic() - self.completed_at_s

    async def discover(self) -> None:
        """Ask Cloud Map every two seconds."""
        while True:
            await asyncio.sleep(DISCOVER_EVERY_S)
            with _survived():
                await self.list_workers()

    async def list_workers(self) -> None:
        """Ask Cloud Map; while it is away, its last list holds."""
        try:
            self.listed = await self.discovery.list_workers()
        except DiscoveryFailed as error:
            self.outages.note_failure("cloud_map", error)
        else:
            self.outages.note_success("cloud_map")

    async def go_round(self) -> None:
        """A round every second, or as soon as the last is over."""
        while True:
            began_s = time.monotonic()
            with _survived():
                if self.listed is not None:
                    await self._round(sorted(self.listed))
                    self.completed_at_s = time.monotonic()
                    self._report()
            await asyncio.sleep(max(0.0, began_s + ROUND_EVERY_S - time.monotonic()))

    async def publish(self) -> None:
        """Tell Valkey after each round's probes. Apart from the rounds, which a Valkey that is away must not hold up."""
        while True:
            await self.probed.wait()
            self.probed.clear()
            with _survived():
                await self._tell_valkey()

    def _report(self) -> None:
        """The last round as metrics, every ten seconds."""
        if self.scrape is not None and time.monotonic() - self.reported_at_s >= METRICS_EVERY_S:
            self.reported_at_s = time.monotonic()
            sys.stdout.write(metrics_line(self.settings.stage, self.settings.pool, self.scrape, _now_ms()) + "\n")
            sys.stdout.flush()

    async def _round(self, urls: list[str]) -> None:
        await self._probe_all(urls)
        self.probed.set()
        await self._mend_router()

    async def _probe_all(self, urls: list[str]) -> None:
        port = self.settings.ready_port
        answers = await asyncio.gather(*(probe_worker(self.http, url, port) for url in urls))
        self.workers = {url: self._judge(url, answer) for url, answer in zip(urls, answers, strict=True)}
        self.window.forget_all_but(set(urls))
        p95_s = quantile(self.window.total(time.monotonic()), 0.95)
        self.scrape = sum_up(list(self.workers.values()), None if p95_s is None else round(p95_s * 1000, 1))

    def _judge(self, url: str, answer: Answer) -> Worker:
        before = self.workers.get(url, Worker())
        after = judge_worker(before, answer.probe)
        if after.standing is not before.standing:
            _log.info("worker_" + after.standing.value, extra={"worker": url, "failures": after.failures})
        if answer.ttft is not None:
            self.window.record(url, answer.ttft, time.monotonic())
        return after

    async def _mend_router(self) -> None:
        try:
            in_router = await self.router.list_workers()
        except RouterFailed as error:
            self.outages.note_failure("router", error)
            return
        self.outages.note_success("router")
        await self.router.apply(plan_changes(in_router, self.workers))

    async def _tell_valkey(self) -> None:
        if self.scrape is None or not is_known(self.workers.values()):
            return
        try:
            document = await self.store.read()
            before = None if document is None else decode_verdict(document)
            now_ms = _now_ms()
            verdict = judge_pool(before, self.scrape, self.settings.limits, now_ms)
            await self.store.write(encode_state(self.settings.pool, self.scrape, verdict, now_ms))
        except StoreFailed as error:
            self.outages.note_failure("valkey", error)
        else:
            self.outages.note_success("valkey")


@contextmanager
def _survived() -> Iterator[None]:
    """The process's edge: what is no known failure is a bug, told of as such, and must not end the rounds to come."""
    try:
        yield
    except Exception:  # noqa: BLE001
        _log.exception("round_failed")


def _now_ms() -> int:
    return int(time.time() * 1000)
