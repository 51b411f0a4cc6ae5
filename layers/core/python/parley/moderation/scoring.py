"""Scores for whoever asks for scores, and not for what is done about a text in a turn."""

from collections.abc import Sequence

from parley.moderation.classifier import Classifier
from parley.moderation.model import Scores


async def score_each(classifier: Classifier, texts: Sequence[str]) -> list[Scores]:
    """One text after the other, so that who waits no longer ends it after a text: many can take minutes."""
    return [scores for text in texts for scores in await classifier.classify([text])]
