"""The outputs of any text classifier, as scores of our categories."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from parley.moderation.model import Category, Scores
from parley.moderation.onnx.calibration import Calibration
from parley.moderation.onnx.manifest import Label
from parley.moderation.onnx.session import Array

# What a label without points of its own gets: its probability as it is.
_AS_IT_IS = ((-1.0, 1 / (1 + np.e)), (1.0, 1 / (1 + 1 / np.e)))


class Labels:
    """Raises: ValueError, when made, where a calibration does not rise or no label speaks for any category."""

    def __init__(self, labels: Sequence[Label], activation: Literal["sigmoid", "softmax"]) -> None:
        self._labels = labels
        self._softmax = activation == "softmax"
        self._calibrations = [Calibration(label.calibration or _AS_IT_IS) for label in labels]
        if not any(label.categories for label in labels):
            raise ValueError("no label speaks for any category")

    def scores(self, logits: Array) -> Scores:
        """`logits: (windows, labels)`. The worst window counts; a category without a label has its parent's score, or 0."""
        if logits.shape[1] != len(self._labels):
            raise ValueError(f"the model has {logits.shape[1]} labels, its classifier.toml {len(self._labels)}")
        worst = (_log_odds(logits) if self._softmax else logits).max(axis=0)
        scores: dict[Category, float] = {}
        for label, calibration, raw in zip(self._labels, self._calibrations, worst, strict=True):
            score = calibration.score(float(raw))
            for category in label.categories:
                scores[category] = max(scores.get(category, 0.0), score)
        return {category: scores.get(category, scores.get(category.parent, 0.0)) for category in Category}


def _log_odds(logits: Array) -> Array:
    """The logit of each label's probability under softmax."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    parts = np.exp(shifted)
    rest = np.maximum(parts.sum(axis=1, keepdims=True) - parts, 1e-9)
    return shifted - np.log(rest)
