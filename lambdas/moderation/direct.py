"""Texts of turns, scored for the functions that run them: Lambda's own Invoke, which only their roles may do."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from parley.moderation.classifier import Classifier
from parley.moderation.service import CLASSIFY_AT_MOST_S

# A turn waits no longer, and nobody tells the function when it has gone: many texts would keep it from others for minutes.
SCORED_WITHIN_S = CLASSIFY_AT_MOST_S


class NotScoredError(Exception):
    """What is asked for cannot be had; its caller takes that for an outage."""


async def classify(
    classifier: Classifier | None, texts: Sequence[str], clock: Callable[[], float] = perf_counter
) -> dict[str, Any]:
    """`{"version", "scores"}`: of each text, by category.

    Raises: NotScoredError without a classifier, or where `clock` says that the next text would come too late.
    """
    if classifier is None:
        raise NotScoredError("there is no classifier here")
    began_s, scores = clock(), list[dict[str, float]]()
    for text in texts:
        if clock() - began_s > SCORED_WITHIN_S:
            raise NotScoredError(f"{len(texts) - len(scores)} of {len(texts)} texts are left")
        (found,) = await classifier.classify([text])
        scores.append({category.value: score for category, score in found.items()})
    return {"version": classifier.version, "scores": scores}
