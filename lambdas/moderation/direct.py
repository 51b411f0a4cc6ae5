"""Texts of turns, scored for the functions that run them: Lambda's own Invoke, which only their roles may do."""

from typing import Any

from parley.moderation.scoring import score_each
from parley.wiring.moderation import ModerationParts


class NoClassifierError(Exception):
    """The function was deployed without one, and is asked to classify: its caller takes that for an outage."""


async def classify(parts: ModerationParts, texts: list[str]) -> dict[str, Any]:
    """`{"version", "scores"}`: of each text, by category. Raises: NoClassifierError."""
    if parts.classifier is None:
        raise NoClassifierError
    scores = await score_each(parts.classifier, texts)
    return {
        "version": parts.classifier.version,
        "scores": [{category.value: score for category, score in each.items()} for each in scores],
    }
