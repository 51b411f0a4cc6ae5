"""A stand-in engine with OpenAI's protocol, for next to no CPU: `python -m bench.engine --port N`.

A chat completion streams `max_tokens` tokens, one every `--interval-ms`, however busy it is, and then its usage; the model
asked for decides when (`Steps`). The first word of the last message comes back as the first token (`bench.script`). Like
llama.cpp it answers `/v1/models`, `/props`, `/tokenize` and `/apply-template`. All but the first token is made once, at start.
"""

import argparse
import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
import orjson
import uvloop

from bench import script

_HEAD: Mapping[str, Any] = {
    "id": "chatcmpl-standin",
    "object": "chat.completion.chunk",
    "created": 1_700_000_000,
    "model": script.MODEL,
}
_STREAM_START = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_STREAM_END = b"0\r\n\r\n"
_MOST_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Reply:
    """What the engine sends for one chat completion. `pieces` are framed already."""

    first: bytes
    pieces: list[bytes] = field(repr=False)
    tokens: int
    are_steps_shared: bool
    end: bytes = field(repr=False)


class Pieces:
    """The bytes of every later token, made once."""

    def __init__(self) -> None:
        self._role = _event({"role": "assistant", "content": ""})
        self._later = [_framed(_event({"content": script.later_token(index)})) for index in range(_MOST_TOKENS)]

    def reply(self, request: Mapping[str, Any]) -> Reply:
        tokens = min(int(request.get("max_tokens") or 100), _MOST_TOKENS)
        text = _text(request["messages"][-1]["content"])
        first = _event({"content": script.first_token(text.partition("/")[0])})
        usage = {
            "prompt_tokens": _estimate(text),
            "completion_tokens": tokens,
            "total_tokens": _estimate(text) + tokens,
        }
        end = _event({}, finish_reason="stop") + _data({**_HEAD, "choices": [], "usage": usage}) + b"data: [DONE]\n\n"
        are_steps_shared = request.get("model") != script.SCATTERED_MODEL
        return Reply(_framed(self._role + first), self._later, tokens, are_steps_shared, _framed(end) + _STREAM_END)


class Steps:
    """When tokens are due. A real engine batches: each of its steps gives every running stream one token, at one moment.

    When they are not shared, every stream keeps a time of its own: what a relay sees of many engines, and dearer for it,
    because each token then wakes it alone.
    """

    def __init__(self, interval_s: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._interval_s = interval_s
        self._began_at = self._loop.time()

    def first(self) -> float:
        """A prompt takes its time from when it came in, whatever step the others are in."""
        return self._loop.time() + self._interval_s

    def after(self, due: float, *, are_shared: bool) -> float:
        """The step after the one at `due`, however late that was taken."""
        if not are_shared:
            return due + self._interval_s
        taken = int((due - self._began_at) / self._interval_s + 0.01)
        return self._began_at + (taken + 1) * self._interval_s


class Connection(asyncio.Protocol):
    """One connection, kept alive, one request at a time."""

    def __init__(self, pieces: Pieces, steps: Steps) -> None:
        self._pieces = pieces
        self._steps = steps
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._url = b""
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by name

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 -- asyncio's protocol
        if self._timer is not None:
            self._timer.cancel()

    def on_url(self, url: bytes) -> None:
        self._url, self._body = url, []

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        request = orjson.loads(b"".join(self._body) or b"{}")
        if self._url == b"/v1/chat/completions":
            self._transport.write(_STREAM_START)
            self._await_step(self._pieces.reply(request), 0, self._steps.first())
        else:
            status, document = _control(self._url, request)
            self._transport.write(_document(status, document))

    def _await_step(self, reply: Reply, index: int, due: float) -> None:
        self._timer = self._loop.call_at(due, self._say, reply, index, due)

    def _say(self, reply: Reply, index: int, due: float) -> None:
        is_last = index == reply.tokens - 1
        piece = reply.pieces[index] if index else reply.first
        self._transport.write(piece + reply.end if is_last else piece)
        if not is_last:
            self._await_step(reply, index + 1, self._steps.after(due, are_shared=reply.are_steps_shared))


def _control(url: bytes, request: Mapping[str, Any]) -> tuple[bytes, Mapping[str, Any]]:
    match url:
        case b"/v1/models":
            model = {"object": "model", "created": 1_700_000_000, "owned_by": "bench"}
            names = (script.MODEL, script.SCATTERED_MODEL)
            return b"200 OK", {"object": "list", "data": [{"id": name, **model} for name in names]}
        case b"/props":
            return b"200 OK", {"default_generation_settings": {"n_ctx": script.CONTEXT_TOKENS}}
        case b"/tokenize":
            return b"200 OK", {"tokens": list(range(_estimate(request["content"])))}
        case b"/apply-template":
            return b"200 OK", {"prompt": "\n".join(_text(message["content"]) for message in request["messages"])}
        case b"/health":
            return b"200 OK", {"status": "ok"}
        case _:
            return b"404 Not Found", {"error": {"message": "no such route", "type": "not_found_error", "code": 404}}


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or ())


def _estimate(text: str) -> int:
    return len(text) // 4 + 1


def _event(delta: Mapping[str, Any], finish_reason: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _data({**_HEAD, "choices": [choice]})


def _data(document: Mapping[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(document) + b"\n\n"


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _document(status: bytes, document: Mapping[str, Any]) -> bytes:
    body = orjson.dumps(document)
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (status, len(body), body)


async def serve(port: int, interval_s: float) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    pieces, steps = Pieces(), Steps(interval_s)
    server = await loop.create_server(lambda: Connection(pieces, steps), "127.0.0.1", port)
    async with server:
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.engine", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--interval-ms", type=float, default=20)
    arguments = parser.parse_args()
    uvloop.run(serve(arguments.port, arguments.interval_ms / 1000))


if __name__ == "__main__":
    main()
