"""Models and responses in OpenAI's shapes."""

from typing import Any

from parley.ids import conversation_wire_id, response_wire_id
from parley.models.model import Model
from parley.turns.model import Response


def model_document(model: Model) -> dict[str, Any]:
    """`context_tokens` is ours."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created_at,
        "owned_by": model.owned_by,
        "context_tokens": model.context_tokens,
    }


def response_document(response: Response) -> dict[str, Any]:
    usage = response.usage
    return {
        "id": response_wire_id(response.response_id),
        "object": "response",
        "created_at": int(response.created_at.timestamp()),
        "status": response.status.value,
        "model": response.model,
        "conversation": {"id": conversation_wire_id(response.conversation_id)},
        "error": {"code": response.error_code, "message": "The answer broke off."} if response.error_code else None,
        "usage": {
            "input_tokens": usage.prompt_tokens,
            "input_tokens_details": {"cached_tokens": usage.cached_tokens},
            "output_tokens": usage.completion_tokens,
            "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        }
        if usage
        else None,
    }
