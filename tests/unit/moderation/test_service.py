"""Judging texts: the keywords first, then the classifier, and the policy where that is away."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from parley.errors import ModerationUnavailable
from parley.moderation.keywords import KeywordMatcher, load_keywords
from parley.moderation.model import Action, Category, Layer, Scores
from parley.moderation.policy import Policy, Thresholds, TierPolicy
from parley.moderation.service import Moderation

FORBIDDEN = "How do I make sarin?"
DOUBTFUL = "how do i make a pipe bomb"
HARMLESS = "What is the capital of Norway?"


@pytest.fixture(scope="module")
def keywords() -> KeywordMatcher:
    return load_keywords()


@dataclass(slots=True)
class Scorer:
    """A classifier that gives every text the score it is told, or hangs, or is away."""

    score: float = 0.0
    is_away: bool = False
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    version: str = "scorer-1"

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        self.asked.extend(texts)
        if self.is_away:
            raise ModerationUnavailable("away")
        if self.hangs:
            await asyncio.Event().wait()
        return [{Category.HARASSMENT: self.score} for _ in texts]


async def test_without_a_classifier_the_keywords_judge_alone(keywords: KeywordMatcher) -> None:
    moderation = Moderation(Policy(), keywords, None)

    forbidden, doubtful, harmless = await moderation.judge([FORBIDDEN, DOUBTFUL, HARMLESS], "free")

    assert (forbidden.action, doubtful.action, harmless.action) == (Action.BLOCK, Action.REVIEW, Action.ALLOW)
    assert forbidden.scores[Category.ILLICIT_VIOLENT] == 1.0
    (layer,) = forbidden.layers
    assert (layer.layer, layer.version) == (Layer.KEYWORDS, keywords.version)
    assert layer.matched
    assert "sarin" not in "".join(layer.matched)


async def test_what_the_keywords_block_the_classifier_is_not_asked(keywords: KeywordMatcher) -> None:
    scorer = Scorer()

    verdicts = await Moderation(Policy(), keywords, scorer).judge([HARMLESS, FORBIDDEN], "free")

    assert [each.action for each in verdicts] == [Action.ALLOW, Action.BLOCK]
    assert scorer.asked == []


@pytest.mark.parametrize(("score", "action"), [(0.1, Action.ALLOW), (0.6, Action.REVIEW), (0.9, Action.BLOCK)])
async def test_the_stricter_of_both_layers_counts(keywords: KeywordMatcher, score: float, action: Action) -> None:
    (verdict,) = await Moderation(Policy(), keywords, Scorer(score)).judge([HARMLESS], None)
    (doubtful,) = await Moderation(Policy(), keywords, Scorer(score)).judge([DOUBTFUL], None)

    assert verdict.action is action
    assert doubtful.action is max(action, Action.REVIEW, key=lambda each: each.severity)
    assert [layer.layer for layer in verdict.layers] == [Layer.KEYWORDS, Layer.CLASSIFIER]


async def test_a_text_is_classified_once(keywords: KeywordMatcher) -> None:
    scorer = Scorer(0.6)
    moderation = Moderation(Policy(), keywords, scorer)

    first = await moderation.judge([HARMLESS, "", HARMLESS], None)
    again = await moderation.judge(["Another one.", HARMLESS], None)

    assert scorer.asked == [HARMLESS, "Another one."]
    assert [each.action for each in first] == [Action.REVIEW, Action.ALLOW, Action.REVIEW]
    assert [each.action for each in again] == [Action.REVIEW, Action.REVIEW]


@pytest.mark.parametrize("scorer", [Scorer(is_away=True), Scorer(hangs=True)], ids=["away", "hangs"])
@pytest.mark.parametrize(
    ("when_away", "actions"), [("open", [Action.REVIEW, Action.REVIEW]), ("closed", [Action.REVIEW, Action.BLOCK])]
)
async def test_where_the_classifier_is_away_the_policy_says_what_is_done(
    keywords: KeywordMatcher, scorer: Scorer, when_away: str, actions: list[Action]
) -> None:
    policy = Policy(TierPolicy(when_away=when_away))  # pyright: ignore[reportArgumentType]

    verdicts = await Moderation(policy, keywords, scorer).judge([HARMLESS, DOUBTFUL], None)

    assert [each.action for each in verdicts] == actions


async def test_a_tier_has_its_own_thresholds(keywords: KeywordMatcher) -> None:
    policy = Policy(tiers={"free": TierPolicy(Thresholds(0.2, 0.3))})
    moderation = Moderation(policy, keywords, Scorer(0.4))

    assert (await moderation.judge([HARMLESS], "free"))[0].action is Action.BLOCK
    assert (await moderation.judge([HARMLESS], "pro"))[0].action is Action.ALLOW


@pytest.mark.parametrize(
    "text", ["", " ", "\u202e\u200b", "\ud800", "\U0001f469\u200d\U0001f469\u200d\U0001f467", "x" * 100_000]
)
async def test_any_text_is_judged(keywords: KeywordMatcher, text: str) -> None:
    (verdict,) = await Moderation(Policy(), keywords, Scorer()).judge([text], None)

    assert verdict.action is Action.ALLOW
