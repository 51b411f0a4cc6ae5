"""Lambda's Invoke on loopback: it checks the signature as AWS does, and answers as the test wants."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import quote

from aiohttp import web

from parley.kit.aws import Aws
from tests.integration.aws.conftest import REGION, ROLE
from tests.unit.aws.botocore_signer import headers_by_botocore

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:parley-prod-moderation:live"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
PATH = f"/2015-03-31/functions/{quote(FUNCTION, safe='')}/invocations"
_SIGNED = ("Content-Type", "X-Amz-Invocation-Type")

# What the function does with a payload.
Invoke = Callable[[bytes], Awaitable[web.Response]]


@dataclass(slots=True)
class StandIn:
    """`payloads` are those that came, `connections` how many were opened, `open_ones` those that still are."""

    invoke: Invoke
    url: str = ""
    payloads: list[bytes] = field(default_factory=list)
    connections: int = 0
    open_ones: set[asyncio.BaseTransport] = field(default_factory=set)

    def aws(self) -> Aws:
        return Aws(REGION, ROLE, self.url, lambda: NOW)

    def cut_connections(self) -> None:
        """As AWS does with those that lie idle."""
        for each in self.open_ones:
            each.close()

    async def handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert request.transport is not None
        if request.transport not in self.open_ones:
            self.open_ones.add(request.transport)
            self.connections += 1
        if request.raw_path != PATH:
            return refusal(404, "ResourceNotFoundException")
        sent = {name: request.headers[name] for name in _SIGNED}
        expected = headers_by_botocore(ROLE, (REGION, "lambda"), ("POST", f"{self.url}{PATH}", sent, body), NOW)
        if request.headers["Authorization"] != expected["Authorization"]:
            return refusal(403, "InvalidSignatureException")
        self.payloads.append(body)
        return await self.invoke(body)


def refusal(status: int, kind: str) -> web.Response:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html#API_Invoke_Errors"""
    return web.json_response({"Message": kind}, status=status, headers={"x-amzn-ErrorType": kind})


@asynccontextmanager
async def playing_lambda(invoke: Invoke) -> AsyncGenerator[StandIn]:
    stand_in = StandIn(invoke)
    app = web.Application(client_max_size=6 * 1024 * 1024)
    app.router.add_post("/{path:.*}", stand_in.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield stand_in
    finally:
        await runner.cleanup()
