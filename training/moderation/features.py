"""The texts as the encoder sees them, remembered: the encoder is most of what training costs."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from layers.ml.encoder import ENCODER, TOKENIZER, make_classifier, sha256
from parley.moderation.onnx.encoder import embed
from parley.moderation.onnx.reader import TextReader
from parley.moderation.onnx.session import Session
from parley.moderation.onnx.windows import WindowRule

CACHE = Path("build/training")
# Long texts of the sets are labelled as a whole; eight windows are 780 tokens.
_RULE = WindowRule(most=8)
_INPUTS = {"input_ids": "ids", "attention_mask": "mask", "token_type_ids": "types"}


@dataclass(frozen=True, slots=True)
class Windows:
    """`features: (windows, dimensions) float32`; window i is of text `text_of[i]`, and the windows of a text are in a row."""

    features: NDArray[np.float32]
    text_of: NDArray[np.int64]

    def worst(self, raws: NDArray[np.floating]) -> NDArray[np.floating]:
        """The highest of each text's windows, `(texts)`."""
        return np.maximum.reduceat(raws, self.firsts)

    @property
    def firsts(self) -> NDArray[np.int64]:
        return np.unique(self.text_of, return_index=True)[1]

    @property
    def counts(self) -> NDArray[np.int64]:
        return np.bincount(self.text_of)


def join(parts: Sequence[Windows]) -> Windows:
    """The texts of all parts, one after the other."""
    starts = np.cumsum([0, *(len(part.counts) for part in parts)])
    text_of = [part.text_of + start for part, start in zip(parts, starts, strict=False)]
    return Windows(np.concatenate([part.features for part in parts]), np.concatenate(text_of))


def read_all(texts: Sequence[str], cache: Path = CACHE) -> Windows:
    """Slow the first time: 5 ms a text."""
    folder = make_classifier(say=lambda _: None)
    name = hashlib.sha256("\0".join([sha256(folder / ENCODER), *texts]).encode("utf-8", "replace")).hexdigest()[:16]
    file = cache / f"features-{name}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        reader = TextReader(folder / TOKENIZER, _RULE, lambda _: 0.0)
        session = Session(folder / ENCODER, _INPUTS)
        windows = [(index, embed(session, ids)) for index, text in enumerate(texts) for ids in reader.read(text)]
        np.savez(file, text_of=[index for index, _ in windows], features=np.array([row for _, row in windows]))
    with np.load(file) as stored:
        return Windows(stored["features"], stored["text_of"])
