"""Which texts are held out: drawn by groups of near-duplicates, so that none is measured that was learned in other words."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from training.moderation.data import Example

# Cosine of the encoder's means from which on two texts are one group: .9 joins paraphrases that share most words.
_SAME_FROM = 0.9
_ONE_IN = 5


def hold_out(examples: Sequence[Example], means: NDArray[np.float32], seed: int) -> NDArray[np.bool_]:
    """One group in five, `(examples)`; the sentences of `written/` are as their files say. `means: (examples, dimensions)`"""
    groups = _group(means)
    drawn = [crc32(f"{seed} {group}".encode()) % _ONE_IN == 0 for group in groups]
    return np.array(
        [held if each.held_out is None else each.held_out for each, held in zip(examples, drawn, strict=True)]
    )


def _group(means: NDArray[np.float32]) -> NDArray[np.int32]:
    """A number for each row; rows that are joined by a chain of near-duplicates have the same."""
    unit = means / np.linalg.norm(means, axis=1, keepdims=True)
    pairs: list[NDArray[np.int64]] = []
    for start in range(0, len(unit), 1024):
        near = np.argwhere(unit[start : start + 1024] @ unit.T > _SAME_FROM) + np.array([start, 0])
        pairs.append(near[near[:, 0] < near[:, 1]])
    rows, columns = np.concatenate(pairs).T
    graph = coo_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(unit), len(unit)))
    return connected_components(graph, directed=False)[1]
