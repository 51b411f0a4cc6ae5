"""A cheap first look at text: is it worth the classifier's time?

A linear model over words and pairs of words, trained to say what the classifier says. It reads words as they are written: what is
disguised is the keywords' work.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise, repeat
from math import sqrt
from pathlib import Path
from zlib import decompress

WEIGHTS = Path(__file__).with_name("gate.json.z")
_words = re.compile(r"[^\W_]+(?:'[^\W_]+)?").findall


@dataclass(frozen=True, slots=True)
class Gate:
    """`fires_from` is the score from which on the classifier should look."""

    weights: Mapping[str | tuple[str, str], float]
    bias: float
    fires_from: float

    def score(self, text: str) -> float:
        """Higher is worse; comparable between texts of any length. Linear in its length."""
        words = split_words(text)
        if not words:
            return self.bias
        # Loops that run in C: this is asked of every window of every answer.
        found = sum(map(self.weights.get, words, repeat(0.0))) + sum(
            map(self.weights.get, pairwise(words), repeat(0.0))
        )
        # By the root of the length: one bad word in a sentence weighs more than in a page, and more of them more than one.
        return self.bias + found / sqrt(len(words))

    def fires(self, text: str) -> bool:
        return self.score(text) >= self.fires_from


def split_words(text: str) -> list[str]:
    """Lower-case words; digits count, marks do not."""
    return _words(text.lower())


@cache
def load_gate(file: Path = WEIGHTS) -> Gate:
    """The trained gate; read once."""
    table = json.loads(decompress(file.read_bytes()))
    weights: dict[str | tuple[str, str], float] = {}
    for entry, weight in zip(table["entries"], table["weights"], strict=True):
        first, _, second = entry.partition(" ")
        weights[(first, second) if second else first] = weight / table["scale"]
    return Gate(weights, table["bias"], table["fires_from"])
