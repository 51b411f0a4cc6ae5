"""What moderation finds in a text and what is to be done about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Category(StrEnum):
    """OpenAI's 13 categories, as omni-moderation names them: https://platform.openai.com/docs/guides/moderation"""

    HARASSMENT = "harassment"
    HARASSMENT_THREATENING = "harassment/threatening"
    HATE = "hate"
    HATE_THREATENING = "hate/threatening"
    ILLICIT = "illicit"
    ILLICIT_VIOLENT = "illicit/violent"
    SELF_HARM = "self-harm"
    SELF_HARM_INTENT = "self-harm/intent"
    SELF_HARM_INSTRUCTIONS = "self-harm/instructions"
    SEXUAL = "sexual"
    SEXUAL_MINORS = "sexual/minors"
    VIOLENCE = "violence"
    VIOLENCE_GRAPHIC = "violence/graphic"

    @property
    def parent(self) -> "Category":
        """`hate` of `hate/threatening`; itself where it has none."""
        return Category(self.value.partition("/")[0])


class Layer(StrEnum):
    """What looked at a text, cheapest first."""

    KEYWORDS = "keywords"
    CLASSIFIER = "classifier"
    PII = "pii"


class Action(StrEnum):
    """What is done about a text, mildest first. `REVIEW` lets it pass and shows it to a person."""

    ALLOW = "allow"
    REVIEW = "review"
    BLOCK = "block"

    @property
    def severity(self) -> int:
        return list(Action).index(self)


# A probability for each category, calibrated: 0.8 and 0.5 mean what the policy's thresholds mean.
Scores = Mapping[Category, float]


# Lower scores are stored with no verdict: they say nothing.
_STORED_FROM = 0.01


@dataclass(frozen=True, slots=True)
class LayerVerdict:
    """What one layer found. `matched` names entries of lists or kinds of PII, never the text itself. `thresholds` are those
    that its scores were held against: from where on a category is reviewed, and from where on blocked.
    """

    layer: Layer
    action: Action
    scores: Scores
    ms: float
    version: str
    matched: tuple[str, ...] = ()
    thresholds: Mapping[Category, tuple[float, float]] = field(default_factory=dict[Category, tuple[float, float]])


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is done about a text, and the layers that looked at it, in their order."""

    action: Action
    layers: tuple[LayerVerdict, ...] = field(default=())

    @property
    def scores(self) -> dict[Category, float]:
        """The highest that any layer gave each category; all 13, 0 where no layer knows one."""
        return {
            category: max((layer.scores.get(category, 0.0) for layer in self.layers), default=0.0)
            for category in Category
        }


def strictest(actions: "tuple[Action, ...]") -> Action:
    """The action that counts where several layers each want one."""
    return max(actions, key=lambda action: action.severity, default=Action.ALLOW)


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """As it is stored beside what it is about: scores, their thresholds, versions and names of lists' entries, without a word of
    the text.
    """
    return {"action": verdict.action, "layers": [_layer_to_json(each) for each in verdict.layers]}


def _layer_to_json(layer: LayerVerdict) -> dict[str, Any]:
    shown = {category: score for category, score in layer.scores.items() if score >= _STORED_FROM}
    return {
        "layer": layer.layer,
        "action": layer.action,
        "scores": {category.value: round(score, 4) for category, score in shown.items()},
        "thresholds": {each.value: list(layer.thresholds[each]) for each in shown if each in layer.thresholds},
        "ms": layer.ms,
        "version": layer.version,
        "matched": list(layer.matched),
    }
