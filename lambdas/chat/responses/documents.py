"""What clients get of a response and its items: OpenAI's shapes.

Everything here follows from what is stored, so the same document comes out of every process and at every time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from parley.conversations.model import (
    ItemContent,
    ListedItem,
    content_wire_id,
    item_type,
    item_wire_id,
)
from parley.edge.errors import STATUS_OF_CODE
from parley.edge.items import item_fields
from parley.ids import conversation_wire_id, response_wire_id, wire_id
from parley.models.model import Usage
from parley.turns.answer import item_ids_for, item_statuses_for
from parley.turns.model import WITHHELD, Response, Status, StoredResponse, withheld_message

# What went wrong, by the code that is stored.
_ERROR_MESSAGES: Mapping[str, str] = {
    "engine_failed": "The model broke off. What it had written is kept.",
    "engine_unavailable": "The model could not be reached.",
    "content_policy_violation": "What was asked is against the rules of this service, and was not answered.",
    "invalid_request": "The model refused the request.",
    "context_length_exceeded": "The input is longer than the model's context.",
    "storage_unavailable": "What the answer needs could not be read.",
}
_OTHER_ERROR_MESSAGE = "The answer ended before it was complete."

# Finish reasons in the words of the Responses API.
_INCOMPLETE_REASONS: Mapping[str, str] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
    WITHHELD: "content_filter",
}


def stored_document(stored: StoredResponse) -> dict[str, Any]:
    """A kept response as it is now."""
    document = response_document(
        stored.response,
        stored.status,
        output=output_documents(stored.response, stored.output, stored.status),
        usage=stored.usage,
        finish_reason=stored.finish_reason,
        error_code=stored.error_code,
    )
    if stored.status is Status.COMPLETED and stored.settled_at is not None:
        document["completed_at"] = int(stored.settled_at.timestamp())
    return document


def response_document(
    response: Response,
    status: Status,
    *,
    output: Sequence[Mapping[str, Any]] = (),
    usage: Usage | None = None,
    finish_reason: str | None = None,
    error_code: str | None = None,
) -> dict[str, Any]:
    reason = _INCOMPLETE_REASONS.get(finish_reason or "") if status is Status.INCOMPLETE and not error_code else None
    return {
        "id": response_wire_id(response.response_id),
        "object": "response",
        "created_at": int(response.created_at.timestamp()),
        "status": status.value,
        "background": response.is_background,
        "conversation": _conversation(response),
        "error": _error(error_code) if error_code else None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": response.instructions,
        "model": response.model,
        "output": output,
        "previous_response_id": (
            response_wire_id(response.previous_response_id) if response.previous_response_id else None
        ),
        "store": response.is_stored,
        "usage": _usage(usage) if usage else None,
        # What was left to the engine is null; the rest has OpenAI's defaults.
        "frequency_penalty": 0,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "presence_penalty": 0,
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "temperature": None,
        "text": {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": None,
        "truncation": "auto",
        "user": None,
        **response.request,
        **({"degraded_from": response.degraded_from} if response.degraded_from else {}),
        **({"retraction": retraction_document(response)} if finish_reason == WITHHELD else {}),
    }


def retraction_document(response: Response) -> dict[str, Any]:
    """Ours: which message is to be shown no more, and what its reader is told."""
    return {"item_id": wire_id("msg", response.output_item_id), "message": withheld_message(response)}


def output_documents(response: Response, contents: Sequence[ItemContent], status: Status) -> list[dict[str, Any]]:
    """The items of an answer that has ended so."""
    item_ids = item_ids_for(response.output_item_id, [item_type(content) for content in contents])
    return [
        item_document(
            content,
            content_wire_id(content, item_id),
            item_status,
        )
        for content, item_id, item_status in zip(contents, item_ids, item_statuses_for(contents, status), strict=True)
    ]


def item_document(
    content: ItemContent, wire_id: str, status: str, logprobs: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    return {"id": wire_id, "type": item_type(content), "status": status, **item_fields(content, logprobs)}


def input_item_document(listed: ListedItem) -> dict[str, Any]:
    return item_document(listed.item.content, item_wire_id(listed.item), listed.item.status)


def _conversation(response: Response) -> dict[str, str] | None:
    if response.conversation_id is None or not response.is_listed:
        return None
    return {"id": conversation_wire_id(response.conversation_id)}


def _error(code: str) -> dict[str, Any]:
    """By its code alone, which is what is kept."""
    kind = "invalid_request_error" if STATUS_OF_CODE.get(code, 500) < 500 else "server_error"
    return {
        "code": code,
        "message": _ERROR_MESSAGES.get(code, _OTHER_ERROR_MESSAGE),
        "type": kind,
        "param": None,
    }


def _usage(usage: Usage) -> dict[str, Any]:
    """Engines do not tell how many of the tokens were reasoning, nor how many entered a cache."""
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
