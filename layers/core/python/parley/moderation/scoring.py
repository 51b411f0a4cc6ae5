"""Scores for whoever asks for scores, and not for what is done about a text in a turn."""

from collections.abc import Sequence

from parley.moderation.classifier import Classifier
from parley.moderation.model import Category
from parley.moderation.service import Moderation


async def score_with_keywords(
    keywords: Moderation, classifier: Classifier, texts: Sequence[str], tier: str | None
) -> list[dict[Category, float]]:
    """The highest that the keywords or the classifier give each category, for each text.

    One text after the other, so that who cancels it ends it after a text: many can take minutes. Raises: ModerationUnavailable.
    """
    found: list[dict[Category, float]] = []
    for text in texts:
        (scores,) = await classifier.classify([text])
        by_keywords = (await keywords.judge_window(text, tier, asks_classifier=False)).scores
        found.append({category: max(by_keywords[category], scores[category]) for category in Category})
    return found
