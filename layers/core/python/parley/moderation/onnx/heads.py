"""Small heads on the encoder: how bad a text is, by two heads, and of which kind, by one for each category that has labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parley.moderation.model import Category, Scores
from parley.moderation.onnx.calibration import Calibration
from parley.moderation.onnx.session import Array

TOXIC, HARMFUL = "toxic", "harmful"


@dataclass(frozen=True, slots=True)
class Head:
    """One hidden layer: `hidden (features, units)`, `hidden_bias (units)`, `out (units)`; it reads the first `features`."""

    hidden: Array
    hidden_bias: Array
    out: Array
    out_bias: float

    def raw(self, features: Array) -> Array:
        """A logit for each window. `features: (windows, dimensions) float32`"""
        seen = features[:, : self.hidden.shape[0]]
        return np.maximum(seen @ self.hidden + self.hidden_bias, 0) @ self.out + self.out_bias


@dataclass(frozen=True, slots=True)
class Heads:
    """`kinds` has a logistic head `(dimensions + 1,)`, the bias last, for each labelled category."""

    toxic: Head
    harmful: Head
    kinds: Mapping[Category, Array]
    calibrations: Mapping[str, Calibration]

    def scores(self, features: Array) -> Scores:
        """All 13 categories of a text, from the features of its windows: the worst window counts."""
        toxic = self.calibrations[TOXIC].score(float(self.toxic.raw(features).max()))
        harmful = self.calibrations[HARMFUL].score(float(self.harmful.raw(features).max()))
        return combine(toxic, harmful, self.kind_probabilities(features))

    def kind_probabilities(self, features: Array) -> dict[Category, float]:
        return {
            kind: float(
                1 / (1 + np.exp(-np.clip((features[:, : len(head) - 1] @ head[:-1] + head[-1]).max(), -30, 30)))
            )
            for kind, head in self.kinds.items()
        }


def combine(toxic: float, harmful: float, kinds: Mapping[Category, float]) -> dict[Category, float]:
    """Scores of all categories, of which the highest is the higher of `toxic` and `harmful`.

    The two calibrated heads say how bad a text is; of toxic language the likeliest kind gets the whole score and the others
    their part of it, and a harmful request is `illicit` and, as far as it is likely to be, of the other kinds. So the thresholds
    mean the same whichever category they are asked of. A category without a head has its parent's score.
    """
    likeliest = max(kinds.values(), default=1.0) or 1.0
    scores = {kind: max(toxic * share / likeliest, harmful * share) for kind, share in kinds.items()}
    scores[Category.ILLICIT] = harmful
    return {category: scores.get(category, scores.get(category.parent, 0.0)) for category in Category}


def load_heads(file: Path, calibrations: Mapping[str, Sequence[tuple[float, float]]]) -> Heads:
    """The heads of a `.npz`. Raises: ValueError."""
    with np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name].astype(np.float32) for name in stored.files}
    if missing := {TOXIC, HARMFUL} - set(calibrations):
        raise ValueError(f"no calibration for {', '.join(sorted(missing))}")
    kinds = {Category(name.removeprefix("kind.")): array for name, array in arrays.items() if name.startswith("kind.")}
    return Heads(
        _head(arrays, TOXIC),
        _head(arrays, HARMFUL),
        kinds,
        {name: Calibration(points) for name, points in calibrations.items()},
    )


def _head(arrays: Mapping[str, Array], name: str) -> Head:
    try:
        hidden, bias, out, out_bias = (
            arrays[f"{name}.{part}"] for part in ("hidden", "hidden_bias", "out", "out_bias")
        )
    except KeyError as error:
        raise ValueError(f"the heads' file has no {error.args[0]}") from error
    return Head(hidden, bias, out, float(out_bias))
