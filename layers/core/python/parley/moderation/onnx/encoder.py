"""A text as numbers: what the heads read."""

import numpy as np

from parley.moderation.onnx.reader import Ids
from parley.moderation.onnx.session import Array, Session


def embed(session: Session, ids: Ids) -> Array:
    """`(dimensions,) float32` of one window: the mean over its tokens of each of the model's outputs, of length 4 each."""
    means = [output[0].mean(axis=0) for output in session.run(ids)]
    return np.concatenate([4 * mean / max(float(np.linalg.norm(mean)), 1e-6) for mean in means]).astype(np.float32)
