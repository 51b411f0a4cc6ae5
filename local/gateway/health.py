"""`/healthz`: every part is really asked, all at once, and answers or is named."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from starlette.responses import Response

from parley.edge.errors import json_response
from parley.errors import ChatError

# Returns when the part can serve and raises when it cannot.
Probe = Callable[[], Awaitable[object]]

_PATIENCE_S = 3.0


async def health_response(probes: Mapping[str, Probe]) -> Response:
    """200 with `status` "ok" only when every part is ready, else 503 with "starting" and the reasons."""
    verdicts = await asyncio.gather(*(_ask(probe) for probe in probes.values()))
    is_ready = all(verdict == "ok" for verdict in verdicts)
    document = {"status": "ok" if is_ready else "starting", "parts": dict(zip(probes, verdicts, strict=True))}
    return json_response(document, status=200 if is_ready else 503, headers={"cache-control": "no-store"})


async def _ask(probe: Probe) -> str:
    try:
        async with asyncio.timeout(_PATIENCE_S):
            await probe()
    except TimeoutError:
        return "does not answer"
    except ChatError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - a part may fail in any way; the answer names it
        return type(error).__name__
    return "ok"
