"""Fits the cheap gate to what the classifier says: it is asked first, and may be wrong about much, but should miss little."""

import json
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from math import sqrt
from pathlib import Path
from zlib import compress

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from parley.moderation.gate import WEIGHTS, split_words

# A file of 300 kB holds some 20,000 words and pairs.
_ENTRIES = 16_000
_LEAST_TEXTS = 3
_SCALE = 100
# Each time it fires for nothing costs the classifier's time: so often on benign text that it did not learn from.
_BENIGN_FIRES = 0.045
_STRENGTH = 30.0

Entry = str | tuple[str, str]


def fit_gate(
    texts: Sequence[str], scores: NDArray[np.floating], benign: NDArray[np.bool_], file: Path = WEIGHTS
) -> None:
    """Write the gate's weights. `scores` are the classifier's highest; `benign` marks the texts that it should stay shut for."""
    words = [entries_of(text) for text in texts]
    counts = Counter(entry for found in words for entry in set(found))
    vocabulary = sorted((each for each, count in counts.items() if count >= _LEAST_TEXTS), key=_name)
    matrix = _matrix(words, vocabulary)
    labels = (scores >= 0.5).astype(int)
    weights = np.where(scores >= 0.8, 3.0, 1.0)
    first = _model().fit(matrix, labels, sample_weight=weights)
    strength = np.abs(first.coef_[0]) * np.sqrt(np.asarray(matrix.power(2).sum(axis=0)).ravel())
    kept = np.sort(np.argsort(-strength, kind="stable")[:_ENTRIES])
    chosen = matrix[:, kept]
    model = _model().fit(chosen, labels, sample_weight=weights)
    unmet: NDArray[np.float64] = np.asarray(
        cross_val_predict(  # pyright: ignore[reportArgumentType]
            _model(), chosen, labels, cv=5, method="decision_function", params={"sample_weight": weights}
        )
    )
    table = {
        "entries": [_name(vocabulary[index]) for index in kept],
        "weights": [round(weight * _SCALE) for weight in model.coef_[0]],
        "scale": _SCALE,
        "bias": round(float(model.intercept_[0]), 4),
        "fires_from": round(float(np.quantile(unmet[benign], 1 - _BENIGN_FIRES)), 4),
    }
    file.write_bytes(compress(json.dumps(table, ensure_ascii=False, separators=(",", ":")).encode(), 9))


def entries_of(text: str) -> list[Entry]:
    """The words of a text and the pairs of neighbours, as the gate counts them."""
    words = split_words(text)
    return [*words, *pairwise(words)]


def _model() -> LogisticRegression:
    return LogisticRegression(C=_STRENGTH, solver="liblinear", max_iter=200, random_state=0)


def _matrix(words: Sequence[Sequence[Entry]], vocabulary: Sequence[Entry]) -> csr_matrix:
    """`(texts, entries)`: how often each entry is there, over the root of the number of words."""
    columns = {entry: index for index, entry in enumerate(vocabulary)}
    rows: list[int] = []
    found: list[int] = []
    values: list[float] = []
    for row, entries in enumerate(words):
        size = max((len(entries) + 1) // 2, 1)
        known = [columns[entry] for entry in entries if entry in columns]
        rows += [row] * len(known)
        found += known
        values += [1 / sqrt(size)] * len(known)
    return csr_matrix((values, (rows, found)), shape=(len(words), len(vocabulary)))


def _name(entry: Entry) -> str:
    return entry if isinstance(entry, str) else " ".join(entry)
