"""What is asked by Invoke, without HTTP."""

from collections.abc import Iterator, Sequence
from itertools import count

import pytest

from lambdas.moderation.direct import SCORED_WITHIN_S, NotScoredError, classify
from parley.moderation.model import Category, Scores


class Stub:
    """`asked` has what it was given at once."""

    version = "stub-1"

    def __init__(self) -> None:
        self.asked: list[Sequence[str]] = []

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        self.asked.append(texts)
        return [dict.fromkeys(Category, 0.5) for _ in texts]


def seconds(step_s: float) -> Iterator[float]:
    return count(0, step_s)


async def test_texts_are_scored_one_after_the_other() -> None:
    stub = Stub()

    answer = await classify(stub, ["a", "b"])

    assert stub.asked == [["a"], ["b"]]
    assert answer == {"version": "stub-1", "scores": [{each.value: 0.5 for each in Category}] * 2}


async def test_nothing_is_scored_for_who_has_long_gone() -> None:
    stub = Stub()

    with pytest.raises(NotScoredError, match="7 of 10 texts are left"):
        await classify(stub, ["a"] * 10, clock=seconds(SCORED_WITHIN_S / 3).__next__)

    assert len(stub.asked) == 3


async def test_one_text_is_scored_however_long_it_takes() -> None:
    stub = Stub()

    await classify(stub, ["a"], clock=seconds(SCORED_WITHIN_S).__next__)

    assert len(stub.asked) == 1


async def test_without_a_classifier_it_fails() -> None:
    with pytest.raises(NotScoredError):
        await classify(None, ["a"])
