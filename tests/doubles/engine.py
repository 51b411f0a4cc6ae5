"""An engine that does what the last message tells it: `words 5`, `words 5 every 0.1`, `cut 3`, `stall 3`, `status 500`, …

`order_to_say` and `order_of_deltas` make it say anything, though the message holds not a word of it. It speaks
the protocol as llama.cpp and vLLM do (tests/integration/chat/test_engine_contract.py runs against both).
"""

import asyncio
import base64
import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

MODEL = "stand-in"
CONTEXT_TOKENS = 1024


@dataclass(slots=True)
class StandInEngine:
    """`requests` holds the bodies of all chat requests, and `headers` what they and requests for models came with; `tokenized`
    the texts that were counted, unless `tokenize_status` refuses to; `aborted` counts the streams whose reader left before
    their end.
    """

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    tokenized: list[str] = field(default_factory=list)
    tokenize_status: int = 200
    aborted: int = 0
    aborted_changed: asyncio.Event = field(default_factory=asyncio.Event)

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/tokenize", self._tokenize)
        app.router.add_post("/apply-template", self._apply_template)
        return app

    async def _models(self, request: web.Request) -> web.Response:
        self.headers.append(request.headers)
        entry = {"id": MODEL, "object": "model", "created": 1, "owned_by": "tests", "max_model_len": CONTEXT_TOKENS}
        return web.json_response({"object": "list", "data": [entry]})

    async def _tokenize(self, request: web.Request) -> web.Response:
        if self.tokenize_status != 200:
            return web.Response(status=self.tokenize_status, text="Request failed: no worker")
        text = (await request.json())["content"]
        self.tokenized.append(text)
        return web.json_response({"tokens": list(range(count_tokens(text)))})

    async def _apply_template(self, request: web.Request) -> web.Response:
        messages = (await request.json())["messages"]
        return web.json_response({"prompt": " ".join(str(message.get("content")) for message in messages)})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        self.headers.append(request.headers)
        verb, *rest = str(body["messages"][-1].get("content")).split()
        number = float(rest[0]) if rest and verb != "deltas" else 3
        if verb == "status":
            error = {"error": {"message": "as you wish", "type": "server_error", "code": int(number)}}
            return web.json_response(error, status=int(number), headers={"retry-after": "7"})
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        try:
            await self._stream(response, verb, int(number), rest, body)
        except (ConnectionError, asyncio.CancelledError):
            self.aborted += 1
            self.aborted_changed.set()
            raise
        return response

    async def _stream(self, response: web.StreamResponse, verb: str, count: int, rest: list[str], body: Any) -> None:
        pause_s = float(rest[rest.index("every") + 1]) if "every" in rest else 0
        await response.write(_event({"role": "assistant", "content": None}))
        if verb == "tool":
            for piece in _tool_pieces():
                await response.write(_event({"tool_calls": [piece]}))
            await self._finish(response, "tool_calls", count, body)
            return
        if verb == "deltas":
            deltas = json.loads(base64.b64decode(rest[0]))
            for delta in deltas:
                logprobs = delta.pop("logprobs", None)
                await response.write(_event(delta, logprobs=logprobs))
                await asyncio.sleep(pause_s)
            if "stall" in rest:
                await asyncio.sleep(3600)
            await self._finish(response, "stop", len(deltas), body)
            return
        for index in range(count):
            await response.write(_event({"content": f"w{index} "}))
            await asyncio.sleep(pause_s)
        match verb:
            case "cut":
                assert response.task is not None
                transport = response._req.transport if response._req else None
                if transport is not None:
                    # Its reader has what was written by then: aiohttp drops what it has not given out when a stream breaks.
                    await asyncio.sleep(0.1)
                    transport.abort()
            case "end":  # a clean end of the bytes, without a finish reason
                return
            case "stall":
                await asyncio.sleep(3600)
            case "garbage":
                await response.write(b"data: {not json\n\n")
            case "error":
                await response.write(b'data: {"error":{"message":"out of memory","type":"server_error"}}\n\n')
            case _:
                await self._finish(response, "length" if verb == "long" else "stop", count, body)

    async def _finish(self, response: web.StreamResponse, reason: str, count: int, body: Any) -> None:
        prompt_tokens = sum(count_tokens(str(message.get("content"))) for message in body["messages"])
        usage = {"prompt_tokens": prompt_tokens, "completion_tokens": count, "total_tokens": prompt_tokens + count}
        await response.write(_event({}, finish_reason=reason))
        await response.write(_data({"object": "chat.completion.chunk", "choices": [], "usage": usage}))
        await response.write(b"data: [DONE]\n\n")


def count_tokens(text: str) -> int:
    """The stand-in's tokenizer: a token a word."""
    return len(text.split())


def order_of_deltas(deltas: Sequence[Mapping[str, Any]], *, every_s: float = 0, stalls: bool = False) -> str:
    """The message that makes the engine send these; `logprobs` among the fields of one stand beside it, as OpenAI has them."""
    coded = base64.b64encode(json.dumps(deltas).encode()).decode()
    return f"deltas {coded} every {every_s}{' stall' if stalls else ''}"


def order_to_say(text: str, *, every_s: float = 0, stalls: bool = False) -> str:
    """The message that makes the engine say `text`, a word at a time; with `stalls` it then neither goes on nor ends."""
    pieces = re.findall(r"\S+\s*|\s+", text)
    return order_of_deltas([{"content": piece} for piece in pieces], every_s=every_s, stalls=stalls)


def _event(delta: dict[str, Any], finish_reason: str | None = None, logprobs: Any = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
    return _data({"object": "chat.completion.chunk", "choices": [choice]})


def _data(document: Any) -> bytes:
    return f"data: {json.dumps(document)}\n\n".encode()


def _tool_pieces() -> list[dict[str, Any]]:
    first = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": piece}} for piece in ('{"city":', '"Oslo"}')]
    return [first, *rest]


@asynccontextmanager
async def running_stand_in() -> AsyncIterator[StandInEngine]:
    """A stand-in that listens on a free loopback port."""
    engine = StandInEngine()
    runner = web.AppRunner(engine.app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert runner.addresses
    engine.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield engine
    finally:
        await runner.cleanup()
