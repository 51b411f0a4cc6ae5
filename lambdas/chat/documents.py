"""Models in OpenAI's shape."""

from typing import Any

from parley.models.model import Model


def model_document(model: Model) -> dict[str, Any]:
    """What stands after `owned_by` is ours."""
    return {
        "id": model.name,
        "object": "model",
        "created": model.created_at,
        "owned_by": model.owned_by,
        "context_tokens": model.context_tokens,
        "aliases": model.aliases,
        "capabilities": sorted(model.capabilities),
    }
