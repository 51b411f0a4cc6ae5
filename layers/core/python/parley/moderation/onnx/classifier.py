"""Opens a classifier's folder, and scores texts by it."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Self

import numpy as np

from parley.moderation.gate import load_gate
from parley.moderation.model import Scores
from parley.moderation.onnx.encoder import embed
from parley.moderation.onnx.heads import Heads, load_heads
from parley.moderation.onnx.labels import Labels
from parley.moderation.onnx.manifest import Manifest, load_manifest
from parley.moderation.onnx.reader import Ids, TextReader
from parley.moderation.onnx.session import Array, Session
from parley.moderation.onnx.windows import WindowRule
from parley.settings import SettingsError


class OnnxClassifier:
    """A `Classifier`. Thread-safe; the windows of a call run side by side, one a core. A text's scores do not depend on what
    it is scored with.
    """

    def __init__(self, version: str, reader: TextReader, session: Session, rule: Heads | Labels) -> None:
        self.version = version
        self._reader = reader
        self._session = session
        self._rule = rule
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="classifier")

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        """Scores for each text, without holding up the event loop."""
        return await asyncio.to_thread(self.score, texts)

    def score(self, texts: Sequence[str]) -> list[Scores]:
        """As `classify`, in this thread and the classifier's own."""
        return [self._rule.scores(numbers) for numbers in self.numbers(texts)]

    def numbers(self, texts: Sequence[str]) -> list[Array]:
        """What the rule reads: `(windows, dimensions) float32` for each text."""
        windows = [self._reader.read(text) for text in texts]
        flat = [ids for each in windows for ids in each]
        rows = iter([self._of_window(flat[0])] if len(flat) == 1 else self._threads.map(self._of_window, flat))
        return [np.stack([next(rows) for _ in each]) for each in windows]

    def close(self) -> None:
        """Ends the threads, when what they do is done."""
        self._threads.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _of_window(self, ids: Ids) -> Array:
        if isinstance(self._rule, Heads):
            return embed(self._session, ids)
        return self._session.run(ids)[0][0]


def open_classifier(folder: Path) -> OnnxClassifier:
    """The classifier that `classifier.toml` in `folder` describes. Raises: SettingsError."""
    manifest = load_manifest(folder)
    try:
        rule = WindowRule(manifest.max_tokens, manifest.overlap_tokens, manifest.most_windows)
        reader = TextReader(folder / manifest.tokenizer, rule, load_gate().score)
        session = Session(folder / manifest.model, manifest.inputs)
        return OnnxClassifier(manifest.version, reader, session, _rule(folder, manifest))
    except SettingsError:
        raise
    except Exception as error:  # onnxruntime and tokenizers raise bare or private kinds of errors for a bad file
        raise SettingsError(f"{folder.name}: {error}") from error


def _rule(folder: Path, manifest: Manifest) -> Heads | Labels:
    if manifest.kind == "heads":
        return load_heads(folder / manifest.heads, manifest.calibrations)
    return Labels(manifest.labels, manifest.activation)
