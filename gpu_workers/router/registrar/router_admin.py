"""vllm-router's admin routes (verified with 0.1.17, see gpu_workers/PROTOCOL.md)."""

import asyncio
import logging

from aiohttp import ClientError, ClientSession, ClientTimeout

from gpu_workers.router.registrar.model import Changes

# The router asks a new worker's /health before it takes it in, so an addition lasts as long as that.
_LIMIT = ClientTimeout(total=1)
_log = logging.getLogger(__name__)


class RouterFailed(Exception):
    """The router gave no list of its workers."""


class RouterAdmin:
    """The router beside this registrar."""

    def __init__(self, http: ClientSession, url: str) -> None:
        self._http = http
        self._url = url.rstrip("/")

    async def list_workers(self) -> frozenset[str]:
        """The workers the router has. Raises: RouterFailed."""
        try:
            async with self._http.get(f"{self._url}/list_workers", timeout=_LIMIT) as response:
                response.raise_for_status()
                return frozenset((await response.json())["urls"])
        except (ClientError, OSError, TimeoutError, ValueError, KeyError) as error:
            raise RouterFailed(type(error).__name__) from error

    async def apply(self, changes: Changes) -> None:
        """Tell the router; what it does not do now is still missing from its list, and told again in the next round."""
        # Removals first: until then requests go to a dead worker.
        await asyncio.gather(*(self._tell("remove_worker", worker) for worker in changes.remove))
        await asyncio.gather(*(self._tell("add_worker", worker) for worker in changes.add))

    async def _tell(self, command: str, worker: str) -> None:
        try:
            async with self._http.post(f"{self._url}/{command}", params={"url": worker}, timeout=_LIMIT) as response:
                response.raise_for_status()
        except (ClientError, OSError, TimeoutError) as error:
            _log.warning(f"{command}_failed", extra={"worker": worker, "error": type(error).__name__})
        else:
            _log.info(command, extra={"worker": worker})
