"""From what a head says to what the policy's thresholds mean."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

# A score says 0.999 at most: nothing here is certain.
_MOST = 0.999


@dataclass(frozen=True, slots=True)
class Calibration:
    """Points `(raw logit, score)`, both rising. Between them, and on beyond the ends, a line in logits."""

    points: Sequence[tuple[float, float]]

    def __post_init__(self) -> None:
        raws, scores = [raw for raw, _ in self.points], [score for _, score in self.points]
        if len(raws) < 2 or not all(0 < score < 1 for score in scores):
            raise ValueError("a calibration has two points or more, with scores between 0 and 1")
        if any(b <= a for values in (raws, scores) for a, b in pairwise(values)):
            raise ValueError("the points of a calibration rise, in both columns")

    def score(self, raw: float) -> float:
        """Between 0 and 1; never falls where `raw` rises."""
        raws = [each for each, _ in self.points]
        logits = [float(np.log(score / (1 - score))) for _, score in self.points]
        at = min(max(int(np.searchsorted(raws, raw)), 1), len(raws) - 1)
        slope = (logits[at] - logits[at - 1]) / (raws[at] - raws[at - 1])
        logit = logits[at - 1] + slope * (raw - raws[at - 1])
        return min(float(1 / (1 + np.exp(-np.clip(logit, -20, 20)))), _MOST)
