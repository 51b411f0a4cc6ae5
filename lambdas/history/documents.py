"""What clients get: OpenAI's shapes, and beside them `title`, `updated_at`, an item's `created_at`, its `response`
and, where it was blocked once, `moderation`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from parley.conversations.model import Block, Conversation, ListedItem, ResponseFacts, item_type, item_wire_id
from parley.edge.items import item_fields
from parley.ids import conversation_wire_id, response_wire_id
from parley.reviews.model import Appeal
from parley.turns.model import wire_finish_reason

# What went wrong with an answer, by the code stored beside it.
_ERROR_MESSAGES: Mapping[str, str] = {
    "engine_failed": "The model broke off in the middle of its answer.",
    "engine_unavailable": "The model could not be reached.",
    "content_policy_violation": "What was asked is against the rules of this service, and was not answered.",
    "context_length_exceeded": "The message is too long for the model.",
}
_OTHER_ERROR_MESSAGE = "The answer ended before it was complete."


def conversation_document(conversation: Conversation) -> dict[str, Any]:
    return {
        "id": conversation_wire_id(conversation.conversation_id),
        "object": "conversation",
        "created_at": _unix_s(conversation.created_at),
        "updated_at": _unix_s(conversation.updated_at),
        "title": conversation.title,
        "metadata": conversation.metadata,
    }


def item_document(listed: ListedItem) -> dict[str, Any]:
    item, block = listed.item, listed.block
    return {
        "id": item_wire_id(item),
        "object": "conversation.item",
        "type": item_type(item.content),
        "status": item.status,
        **item_fields(item.content),
        "created_at": _unix_s(item.created_at),
        "response": _response_document(listed.response) if listed.response else None,
        **({"moderation": _block_document(block)} if block else {}),
    }


def appeal_document(item_id: str, made: Appeal) -> dict[str, Any]:
    return {
        "object": "review.appeal",
        "item_id": item_id,
        "state": made.state,
        "appealed_at": _unix_s(made.appealed_at),
    }


def _block_document(block: Block) -> dict[str, Any]:
    review = {"state": block.review_state, "appealed": block.is_appealed} if block.review_state else None
    return {"blocked": not block.is_over, "review": review}


def _response_document(response: ResponseFacts) -> dict[str, Any]:
    return {
        "id": response_wire_id(response.response_id),
        "status": response.status,
        "model": response.model,
        # To the millisecond: the page says how long an answer took.
        "created_at": round(response.began_at.timestamp(), 3),
        "completed_at": round(response.settled_at.timestamp(), 3) if response.settled_at else None,
        "finish_reason": wire_finish_reason(response.finish_reason),
        "error": _error_document(response.error_code),
        "usage": _usage_document(response),
    }


def _error_document(code: str | None) -> dict[str, str] | None:
    return {"code": code, "message": _ERROR_MESSAGES.get(code, _OTHER_ERROR_MESSAGE)} if code else None


def _usage_document(response: ResponseFacts) -> dict[str, Any] | None:
    """As in chat completions; None where the engine did not count."""
    if response.prompt_tokens is None or response.completion_tokens is None:
        return None
    return {
        "prompt_tokens": response.prompt_tokens,
        "completion_tokens": response.completion_tokens,
        "total_tokens": response.prompt_tokens + response.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": response.cached_tokens or 0},
    }


def _unix_s(moment: datetime) -> int:
    return int(moment.timestamp())
