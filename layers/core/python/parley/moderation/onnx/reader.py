"""A text as the windows of token ids that a model reads."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from parley.moderation.onnx.windows import WindowRule, choose, cut

Ids = NDArray[np.int64]
# 1 MB of text is 250,000 tokens; what is longer loses its middle before anything else looks at it.
MOST_CHARACTERS = 1_000_000
# Nobody writes a word of this length; an unbroken run of it would be one unknown token, and hide what it holds.
LONGEST_WORD = 90
# What the tokenizer makes of a text takes a hundred times its size: a long one is read in parts.
_AT_ONCE = 50_000


class TextReader:
    """`suspicion` ranks the windows of a text that is too long to be scored whole."""

    def __init__(self, tokenizer_file: Path, rule: WindowRule, suspicion: Callable[[str], float]) -> None:
        self._tokenizer = Tokenizer.from_file(str(tokenizer_file))
        # A tokenizer's file may pad all to its model's length (all-MiniLM's own does), which costs time and moves the mean.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._rule = rule
        self._suspicion = suspicion
        marks = self._tokenizer.encode("", add_special_tokens=True).ids
        self._marks = marks if len(marks) == 2 else _bert_marks(self._tokenizer)

    def read(self, text: str) -> list[Ids]:
        """Windows of ids, each `(1, tokens) int64` with the model's marks at both ends. Never empty."""
        text = _bounded(text)
        ids, starts = self._tokens(text)
        windows = cut(len(ids), self._rule)
        if len(windows) > self._rule.most:
            windows = choose(windows, self._rule, lambda each: self._suspicion(_text_of(each, text, starts)))
        first, last = self._marks
        return [
            np.concatenate([[first], ids[each.start : each.stop], [last]])[None].astype(np.int64) for each in windows
        ]

    def _tokens(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """The ids, and where in the text each begins."""
        ids: list[NDArray[np.int32]] = []
        starts: list[NDArray[np.int32]] = []
        for begin in range(0, max(len(text), 1), _AT_ONCE):
            encoding = self._tokenizer.encode(text[begin : begin + _AT_ONCE], add_special_tokens=False)
            ids.append(np.array(encoding.ids, np.int32))
            starts.append(np.array([start for start, _ in encoding.offsets], np.int32) + np.int32(begin))
        return np.concatenate(ids), np.concatenate(starts)


def _text_of(window: range, text: str, starts: NDArray[np.int32]) -> str:
    end = int(starts[window.stop]) if window.stop < len(starts) else len(text)
    return text[int(starts[window.start]) : end]


def _bounded(text: str) -> str:
    half = MOST_CHARACTERS // 2
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:half]} {text[-half:]}"
    text = text.encode("utf-8", "replace").decode()  # half a surrogate pair is no text, and the tokenizer refuses it
    if len(text) <= LONGEST_WORD:
        return text
    return " ".join(_split(word) for word in text.split())


def _split(word: str) -> str:
    if len(word) <= LONGEST_WORD:
        return word
    return " ".join(word[at : at + LONGEST_WORD] for at in range(0, len(word), LONGEST_WORD))


def _bert_marks(tokenizer: Tokenizer) -> list[int]:
    found = [tokenizer.token_to_id(mark) for mark in ("[CLS]", "[SEP]")]
    if None in found:
        raise ValueError("the tokenizer puts no two marks around a text, and knows no [CLS] and [SEP]")
    return [each for each in found if each is not None]
