"""When the windows of an answer are looked at, and when the classifier is asked."""

import asyncio
from dataclasses import dataclass, field

import pytest

from parley.models.model import Delta
from parley.moderation.gate import Gate
from parley.moderation.model import Action, Category, Layer, LayerVerdict, Verdict
from parley.moderation.service import Moderation
from parley.turns.watching import OVERLAP_CHARACTERS, WINDOW_S, AnswerWatch

# Fires at any text.
OPEN_GATE = Gate({}, 1.0, 0.0)
SHUT_GATE = Gate({}, -1.0, 0.0)


@dataclass(slots=True)
class Looker:
    """In the place of moderation: finds `bad`, and remembers what it was shown."""

    shown: list[str] = field(default_factory=list)
    asked: int = 0

    async def judge_window(self, text: str, _: str | None, *, asks_classifier: bool) -> Verdict:
        self.shown.append(text)
        self.asked += asks_classifier
        action = Action.BLOCK if "bad" in text else Action.ALLOW
        score = 1.0 if "bad" in text else 0.1
        return Verdict(action, (LayerVerdict(Layer.KEYWORDS, action, {Category.HATE: score}, 0.5, "1"),))


def watch(looker: Looker, gate: Gate = SHUT_GATE, hits: list[str] | None = None) -> AnswerWatch:
    moderation: Moderation = looker  # pyright: ignore[reportAssignmentType]
    return AnswerWatch(moderation, gate, "free", lambda: (hits if hits is not None else []).append("hit"))


async def test_what_is_said_before_a_pause_is_looked_at_in_the_pause() -> None:
    looker, hits = Looker(), list[str]()
    answer = watch(looker, hits=hits)
    task = asyncio.create_task(answer.look_while_it_grows())
    answer.see([Delta("something bad")])

    async with asyncio.timeout(30):
        while not hits:
            await asyncio.sleep(0.05)

    task.cancel()
    assert looker.shown == ["something bad"]


async def test_a_window_begins_with_the_end_of_the_one_before() -> None:
    looker = Looker()
    answer = watch(looker)
    answer.see([Delta("x" * 500), Delta(reasoning="thought ")])
    await answer.look_at_rest()
    answer.see([Delta("y")])
    await answer.look_at_rest()

    first, second = looker.shown
    assert first == "x" * 500 + "thought "
    assert second == first[-OVERLAP_CHARACTERS:] + "y"


async def test_where_nothing_is_new_nobody_looks() -> None:
    looker = Looker()
    answer = watch(looker)
    await answer.look_at_rest()
    answer.see([Delta("  ")])
    await answer.look_at_rest()

    assert looker.shown == []
    assert answer.verdict == Verdict(Action.ALLOW)


async def test_the_end_waits_until_the_classifier_may_be_asked_again() -> None:
    looker = Looker()
    answer = watch(looker, OPEN_GATE)
    answer.see([Delta("one")])
    await answer.look_at_rest()
    answer.see([Delta("two")])
    began_s = asyncio.get_running_loop().time()

    await answer.look_at_rest()

    assert looker.asked == 2
    assert asyncio.get_running_loop().time() - began_s > WINDOW_S - 0.5


@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_a_turn_that_is_made_to_end_waits_for_nothing(when: str) -> None:
    looker = Looker()
    answer = watch(looker, OPEN_GATE)
    answer.see([Delta("one")])
    await answer.look_at_rest()
    answer.see([Delta("two")])
    began_s = asyncio.get_running_loop().time()

    if when == "before":
        answer.hurry()
    else:
        asyncio.get_running_loop().call_later(0.05, answer.hurry)
    await answer.look_at_rest()

    assert looker.asked == 2
    assert asyncio.get_running_loop().time() - began_s < WINDOW_S


async def test_the_verdict_on_the_whole_has_the_worst_of_its_windows() -> None:
    looker, hits = Looker(), list[str]()
    answer = watch(looker, hits=hits)
    for said in ("fine", "bad", "x" * 300 + " fine"):
        answer.see([Delta(said)])
        await answer.look_at_rest()

    (layer,) = answer.verdict.layers
    assert (answer.verdict.action, layer.action, layer.scores) == (Action.BLOCK, Action.BLOCK, {Category.HATE: 1.0})
    assert layer.ms == 1.5
    assert hits
