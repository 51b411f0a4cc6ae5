"""Makes 0.5 and 0.8 mean what the policy means by them."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from parley.moderation.onnx.heads import HARMFUL, TOXIC
from training.moderation.data import BENIGN_SOURCES
from training.moderation.dataset import Dataset
from training.moderation.fit import fit_head, rows_of

# Score, and the part of benign prompts that may have it or more. The policy allows 3 % at 0.5 and 0.5 % at 0.8 for both heads
# together. Here they are asked of heads that never met the source, which errs on the safe side.
TARGETS: Mapping[str, Sequence[tuple[float, float]]] = {
    TOXIC: ((0.05, 0.2), (0.2, 0.05), (0.5, 0.008), (0.8, 0.0015)),
    HARMFUL: ((0.05, 0.3), (0.2, 0.12), (0.5, 0.04), (0.8, 0.008)),
}
# The same for text of public places that people judged not to be toxic: a harder crowd, whose labels err.
_HARD_TARGETS = {0.05: 0.5, 0.2: 0.25, 0.5: 0.08, 0.8: 0.02}
_HARD_SOURCES = ("openai_mod", "surge", "wikidetox", "dav_neither")

Points = list[tuple[float, float]]


def left_out_scores(head: str, data: Dataset, seed: int) -> NDArray[np.float64]:
    """For each neutral example that is learned from, the raw score by a head that never met its family; nan for the others."""
    rows = rows_of(head, data)
    families = np.array([each.family for each in data.examples])
    neutral = rows & data.of_kind("neutral")
    raws = np.full(len(rows), np.nan)
    for family in sorted(set(families[neutral])):
        left_out = neutral & (families == family)
        strange = fit_head(head, data, rows & (families != family), seed)
        raws[left_out] = data.windows.worst(strange.raw(data.windows.features))[left_out]
    return raws


def calibrate(head: str, data: Dataset, raws: NDArray[np.float64], own_raws: NDArray[np.floating]) -> Points:
    """Points of a calibration. `raws` as of `left_out_scores`; `own_raws` are the head's own, for the held-out hard texts."""
    plain = ~data.of("wrapped_benign", "wrapped_harmful") & ~np.isnan(raws)
    prompts = [
        raws[plain & data.of(source)]
        for source in (*BENIGN_SOURCES, "written_harmless", "written_everyday", "written_foreign")
    ]
    points: Points = []
    for score, part in TARGETS[head]:
        raw = _quantile(prompts, part)
        if head == TOXIC:
            hard = data.of(*_HARD_SOURCES) & (data.labels == 0) & ~data.held_out
            raw = max(
                raw, _quantile([own_raws[hard & data.of(source)] for source in _HARD_SOURCES], _HARD_TARGETS[score])
            )
        raw = max(raw, points[-1][0] + 0.1) if points else raw
        points.append((round(float(raw), 3), score))
    return points


def _quantile(groups: Sequence[NDArray], part: float) -> float:
    """The score that `part` of the texts have or pass, where each group counts the same."""
    values = np.concatenate(groups)
    weights = np.concatenate([np.full(len(group), 1 / len(group)) for group in groups])
    order = np.argsort(-values)
    passed = np.cumsum(weights[order]) / len(groups)
    return float(values[order][np.searchsorted(passed, part)])
