"""A turn as OpenAI's chat completion: one document, or the chunks of a stream."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson

from parley.conversations.model import FunctionCall, content_wire_id
from parley.edge.errors import error_body
from parley.ids import conversation_wire_id, response_wire_id, wire_id
from parley.kit.sse import COMMENT, DONE, encode_data
from parley.models.model import Delta, Usage
from parley.turns.answer import put_together
from parley.turns.model import Outcome, Response, Status, wire_finish_reason, withheld_message
from parley.turns.turn import Turn, TurnReader


def completion(turn: Turn) -> dict[str, Any]:
    """The whole answer of a turn that is over."""
    assert turn.outcome is not None
    answer = put_together(turn.deltas)
    message: dict[str, Any] = {
        "role": "assistant",
        "content": answer.text or None if answer.tool_calls else answer.text,
    }
    message["refusal"] = None
    if answer.reasoning:
        message["reasoning_content"] = answer.reasoning
    if answer.tool_calls:
        message["tool_calls"] = [_tool_call(call) for call in answer.tool_calls]
    choice = {
        "index": 0,
        "message": message,
        "logprobs": answer.logprobs,
        "finish_reason": _finish_reason(turn.outcome),
    }
    return {
        **_head(turn.response, "chat.completion"),
        "choices": [choice],
        "usage": _usage(turn.outcome.usage) if turn.outcome.usage else None,
        **_extension(turn.response),
        **_status(turn.outcome),
    }


async def completion_chunks(turn: Turn, reader: TurnReader, *, include_usage: bool) -> AsyncGenerator[bytes]:
    """The events of a stream, several in one piece of bytes where they came together.

    It ends with a finish reason and `[DONE]`, or with an error event: never in silence, which the SDKs take for success.
    """
    encode = ChunkEncoder(turn.response, include_usage=include_usage)
    yield encode.first()
    async for deltas in reader:
        yield b"".join([encode.delta(delta) for delta in deltas]) if deltas else COMMENT
    assert turn.outcome is not None
    if turn.outcome.error is not None:
        yield encode_data(orjson.dumps(error_body(turn.outcome.error)))
        return
    usage = turn.outcome.usage if include_usage else None
    retraction = encode.retraction() if turn.outcome.is_withheld else b""
    yield retraction + encode.last(turn.outcome) + (encode.usage(usage) if usage else b"") + DONE


class ChunkEncoder:
    """Chunks of one turn. Everything but the delta is the same in each and made once, for this runs for every token."""

    def __init__(self, response: Response, *, include_usage: bool) -> None:
        self._response = response
        self._head = _head(response, "chat.completion.chunk")
        self._usage = {"usage": None} if include_usage else {}
        head = orjson.dumps(self._head)[:-1]
        self._before_text = b"data: " + head + b',"choices":[{"index":0,"delta":{"content":'
        self._after_text = (
            b'},"logprobs":null,"finish_reason":null}]' + (b',"usage":null' if include_usage else b"") + b"}\n\n"
        )

    def first(self) -> bytes:
        """The role, and the ids by which a stored turn can be found again."""
        return self._chunk({"role": "assistant", "content": ""}, **_extension(self._response))

    def delta(self, delta: Delta) -> bytes:
        if not (delta.tool_calls or delta.reasoning or delta.logprobs):
            return self._before_text + orjson.dumps(delta.text) + self._after_text
        said: dict[str, Any] = {"content": delta.text} if delta.text else {}
        if delta.reasoning:
            said["reasoning_content"] = delta.reasoning
        if delta.tool_calls:
            said["tool_calls"] = delta.tool_calls
        return self._chunk(said, logprobs=delta.logprobs)

    def retraction(self) -> bytes:
        """Ours: what was shown of the answer is to be shown no more. SDKs pass over a chunk without choices."""
        item_id = wire_id("msg", self._response.output_item_id) if self._response.is_stored else None
        retraction = {"item_id": item_id, "message": withheld_message(self._response)}
        return encode_data(orjson.dumps({**self._head, "choices": [], **self._usage, "retraction": retraction}))

    def last(self, outcome: Outcome) -> bytes:
        return self._chunk({}, finish_reason=_finish_reason(outcome), **_status(outcome))

    def usage(self, usage: Usage) -> bytes:
        return encode_data(orjson.dumps({**self._head, "choices": [], "usage": _usage(usage)}))

    def _chunk(
        self, delta: dict[str, Any], *, logprobs: Any = None, finish_reason: str | None = None, **extension: Any
    ) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": finish_reason}
        return encode_data(orjson.dumps({**self._head, "choices": [choice], **self._usage, **extension}))


def _head(response: Response, kind: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{response.response_id.hex}",
        "object": kind,
        "created": int(response.created_at.timestamp()),
        "model": response.model,
        "system_fingerprint": None,
        "service_tier": "default",
    }


def _extension(response: Response) -> dict[str, Any]:
    degraded = {"degraded_from": response.degraded_from} if response.degraded_from else {}
    if response.conversation_id is None:
        return degraded
    return {
        **degraded,
        "conversation_id": conversation_wire_id(response.conversation_id),
        "response_id": response_wire_id(response.response_id),
        "item_ids": [content_wire_id(content, item_id) for item_id, content in response.input_items],
        "output_item_id": wire_id("msg", response.output_item_id),
    }


def _finish_reason(outcome: Outcome) -> str:
    """Never null, which SDKs take for a connection that was lost: what broke off and has no reason was cut."""
    return wire_finish_reason(outcome.finish_reason) or "length"


def _status(outcome: Outcome) -> dict[str, str]:
    """OpenAI's finish reasons have no word for an answer that its user stopped: a field of ours says so."""
    return {"status": outcome.status.value} if outcome.status in {Status.CANCELLED, Status.INCOMPLETE} else {}


def _tool_call(call: FunctionCall) -> dict[str, Any]:
    return {"id": call.call_id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }
