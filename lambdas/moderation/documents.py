"""What clients get: OpenAI's shapes."""

from collections.abc import Mapping, Sequence
from typing import Any

from parley.ids import new_uuid
from parley.moderation.model import Category
from parley.moderation.policy import TierPolicy


def moderation_document(model: str, scores: Sequence[Mapping[Category, float]], policy: TierPolicy) -> dict[str, Any]:
    """A result for each of `scores`, which has all categories. What is flagged is what `policy` would have looked at."""
    return {
        "id": f"modr-{new_uuid().hex}",
        "model": model,
        "results": [_result(each, policy) for each in scores],
    }


def _result(scores: Mapping[Category, float], policy: TierPolicy) -> dict[str, Any]:
    flagged = policy.flagged(scores)
    return {
        "flagged": bool(flagged),
        "categories": {category.value: category in flagged for category in Category},
        "category_scores": {category.value: scores[category] for category in Category},
        "category_applied_input_types": {category.value: ["text"] for category in Category},
    }
