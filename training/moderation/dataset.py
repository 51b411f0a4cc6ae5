"""Everything that is learned from and measured on, with what the encoder makes of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from training.moderation.data import BENIGN_SOURCES, Example, load_shared, load_written, punctuate, wrap
from training.moderation.features import Windows, join, read_all
from training.moderation.split import hold_out

SEED = 7
# How many wrapped prompts are learned from, of each label, and how many are held out.
_WRAPPED, _WRAPPED_HELD_OUT = 1000, 250
_DIMENSIONS = 384


@dataclass(frozen=True, slots=True)
class Dataset:
    """`held_out`, `labels`: one for each example."""

    examples: Sequence[Example]
    windows: Windows
    held_out: NDArray[np.bool_]

    @property
    def labels(self) -> NDArray[np.int64]:
        return np.array([each.label for each in self.examples])

    def of(self, *sources: str) -> NDArray[np.bool_]:
        """Which examples are of these sources."""
        return np.array([each.source in sources for each in self.examples])

    def of_kind(self, kind: str) -> NDArray[np.bool_]:
        return np.array([each.kind == kind for each in self.examples])


def assemble(folder: Path, seed: int = SEED) -> Dataset:
    """Raises: FileNotFoundError."""
    shared, written = punctuate(load_shared(folder), seed), punctuate(load_written(), seed)
    plain = [*shared, *written]
    windows = join([read_all([each.text for each in part]) for part in (shared, written)])
    held_out = hold_out(plain, windows.features[windows.firsts, :_DIMENSIONS], seed)
    wrapped = [
        *_wrap(plain, held_out, 0, seed),
        *_wrap(plain, held_out, 1, seed + 1),
    ]
    marks = np.concatenate([held_out, [bool(each.held_out) for each in wrapped]])
    return Dataset([*plain, *wrapped], join([windows, read_all([each.text for each in wrapped])]), marks)


def _wrap(examples: Sequence[Example], held_out: NDArray[np.bool_], label: int, seed: int) -> list[Example]:
    """Prompts inside wrappers; what is inside is held out, or learned from, as it is by itself."""
    wrapped: list[Example] = []
    for held, count in ((False, _WRAPPED), (True, _WRAPPED_HELD_OUT)):
        inside = [
            each
            for each, out in zip(examples, held_out, strict=True)
            if out == held and each.label == label and len(each.text) < 400 and _is_prompt(each)
        ]
        wrapped += wrap(inside, held_out=held, count=count, seed=seed)
    return wrapped


def _is_prompt(example: Example) -> bool:
    return example.kind == "harmful" or example.source in {*BENIGN_SOURCES, "written_harmless", "written_everyday"}
