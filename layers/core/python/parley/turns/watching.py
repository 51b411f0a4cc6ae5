"""What an answer says, looked at in windows while it is written."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from time import monotonic

import anyio

from parley.models.model import Delta
from parley.moderation.gate import Gate
from parley.moderation.model import Action, Category, LayerVerdict, Verdict, strictest
from parley.moderation.service import Moderation

# The classifier is asked at most once in such a time and turn.
WINDOW_S = 2.0
# Of the window before, so that a sentence is looked at whole.
OVERLAP_CHARACTERS = 200


class AnswerWatch:
    """One answer's. The keywords look at every window, the classifier at those that its gate does not know to be harmless.

    `on_block` is called as soon as a window should not have been shown.
    """

    def __init__(self, moderation: Moderation, gate: Gate, tier: str | None, on_block: Callable[[], None]) -> None:
        self._verdicts: list[Verdict] = []
        self._moderation = moderation
        self._gate = gate
        self._tier = tier
        self._on_block = on_block
        self._pieces: list[str] = []
        self._before = ""
        self._loop = asyncio.get_running_loop()
        self._due = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._asked_s = float("-inf")
        self._hurries = asyncio.Event()
        self._looking = asyncio.Lock()

    @property
    def verdict(self) -> Verdict:
        """On all that was looked at; without layers where nothing was."""
        layers = {layer.layer for verdict in self._verdicts for layer in verdict.layers}
        return Verdict(
            strictest(tuple(verdict.action for verdict in self._verdicts)),
            tuple(
                _joined(layer for verdict in self._verdicts for layer in verdict.layers if layer.layer is each)
                for each in sorted(layers)
            ),
        )

    def see(self, deltas: Sequence[Delta]) -> None:
        """Take in what the answer's readers are shown."""
        if not self._pieces:
            # By a timer: an engine may say nothing more for long.
            self._timer = self._loop.call_later(WINDOW_S, self._due.set)
        self._pieces += [delta.reasoning + delta.text if delta.reasoning else delta.text for delta in deltas]

    async def look_while_it_grows(self) -> None:
        """Goes on for ever."""
        while True:
            await self._due.wait()
            self._due.clear()
            await self._look()

    async def look_at_rest(self) -> None:
        """Look at what came since the last window, as soon as the classifier may be asked again."""
        if self._timer is not None:
            self._timer.cancel()
        await self._look()

    def hurry(self) -> None:
        """Wait for nothing from now on: the turn is made to end."""
        self._hurries.set()

    async def _look(self) -> None:
        async with self._looking:
            window = self._take_window()
            if not window.strip():
                return
            asks_classifier = self._gate.fires(window)
            if asks_classifier:
                with anyio.move_on_after(self._asked_s + WINDOW_S - monotonic()):
                    await self._hurries.wait()
                self._asked_s = monotonic()
            verdict = await self._moderation.judge_window(window, self._tier, asks_classifier=asks_classifier)
            self._verdicts.append(verdict)
            if verdict.action is Action.BLOCK:
                self._on_block()

    def _take_window(self) -> str:
        """Empty where nothing is new."""
        if not self._pieces:
            return ""
        new, self._pieces = "".join(self._pieces), []
        window = self._before + new
        self._before = window[-OVERLAP_CHARACTERS:]
        return window


def _joined(windows: Iterable[LayerVerdict]) -> LayerVerdict:
    """What one layer found in several windows: the highest scores, and the version of where it was strictest."""
    found = sorted(windows, key=lambda each: each.action.severity, reverse=True)
    scores: dict[Category, float] = {}
    for each in found:
        for category, score in each.scores.items():
            scores[category] = max(scores.get(category, 0.0), score)
    return replace(
        found[0],
        scores=scores,
        ms=round(sum(each.ms for each in found), 2),
        matched=tuple(sorted({name for each in found for name in each.matched})),
        thresholds={category: pair for each in found for category, pair in each.thresholds.items()},
    )
