"""Judging texts: the keywords first, then the classifier, and the policy where that is away."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from parley.errors import ModerationUnavailable
from parley.moderation.keywords import KeywordMatcher, load_keywords
from parley.moderation.model import Action, Category, Layer, Scores, verdict_to_json
from parley.moderation.pii import PiiKind
from parley.moderation.policy import PiiPolicy, Policy, Thresholds, TierPolicy
from parley.moderation.service import Moderation, filter_policy_of
from parley.moderation.stream_filter import StreamFilter

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

    verdicts = await Moderation(Policy(), keywords, scorer).judge([FORBIDDEN], "free")

    assert [each.action for each in verdicts] == [Action.BLOCK]
    assert scorer.asked == []


async def test_what_is_said_beside_a_blocked_text_is_classified(keywords: KeywordMatcher) -> None:
    """It is stored, and stands in the next prompt."""
    scorer = Scorer(0.9)

    beside, forbidden = await Moderation(Policy(), keywords, scorer).judge([HARMLESS, FORBIDDEN], "free")

    assert scorer.asked == [HARMLESS]
    assert (beside.action, forbidden.action) == (Action.BLOCK, Action.BLOCK)
    assert [layer.layer for layer in beside.layers] == [Layer.KEYWORDS, Layer.CLASSIFIER]


@dataclass(slots=True)
class SlowScorer:
    """It finds harm where a text names it. After `calls` more of what it is asked it answers no more."""

    calls: int
    asked: list[Sequence[str]] = field(default_factory=list)
    version: str = "slow-1"

    async def classify(self, texts: Sequence[str]) -> Sequence[Scores]:
        self.asked.append(texts)
        if self.calls == 0:
            await asyncio.Event().wait()
        self.calls -= 1
        return [{Category.ILLICIT: 0.96 if "harm" in text else 0.0} for text in texts]


async def test_a_harmful_message_behind_long_ones_is_blocked(keywords: KeywordMatcher) -> None:
    scorer = SlowScorer(calls=2)
    long = [f"{number} " + "some words " * 1500 for number in range(4)]

    verdicts = await Moderation(Policy(), keywords, scorer).judge([*long, "Do harm."], "free")

    assert scorer.asked == [["Do harm."], [long[3]], [long[2]]]
    assert [each.action for each in verdicts] == [Action.REVIEW] * 3 + [Action.ALLOW, Action.BLOCK]
    assert [each.layers[-1].version for each in verdicts] == ["away"] * 3 + ["slow-1"] * 2


async def test_the_second_try_gets_further_than_the_first(keywords: KeywordMatcher) -> None:
    scorer = SlowScorer(calls=2)
    moderation = Moderation(Policy(), keywords, scorer)
    texts = [f"{number} " + "some words " * 1500 for number in range(4)]

    first = await moderation.judge(texts, None)
    scorer.calls = 2
    scorer.asked.clear()
    second = await moderation.judge(texts, None)

    assert [each.layers[-1].version for each in first] == ["away", "away", "slow-1", "slow-1"]
    assert scorer.asked == [[texts[1]], [texts[0]]]
    assert [each.action for each in second] == [Action.ALLOW] * 4


async def test_short_texts_are_asked_about_in_one_call(keywords: KeywordMatcher) -> None:
    scorer = SlowScorer(calls=1)

    await Moderation(Policy(), keywords, scorer).judge(["one", "two", "three", "one"], None)

    assert scorer.asked == [["three", "two", "one"]]


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


async def test_long_text_is_waited_for_longer(keywords: KeywordMatcher) -> None:
    scorer = Scorer(hangs=True)
    moderation = Moderation(Policy(), keywords, scorer)

    waited_ms = [
        next(layer.ms for layer in verdict.layers if layer.layer is Layer.CLASSIFIER)
        for text in ("short", "long " * 2000, "endless " * 50_000)
        for verdict in await moderation.judge([text], None)
    ]

    short, long, endless = waited_ms
    assert short >= 300
    assert long >= 800
    assert endless >= 1500
    assert endless < 1500 + 30 * 1000


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


async def test_personal_data_is_recorded_by_its_kinds_and_no_reason_for_a_review(keywords: KeywordMatcher) -> None:
    moderation = Moderation(Policy(), keywords, Scorer())

    verdicts = await moderation.judge(["Mail jane@example.com or joe@example.com, IP 93.184.216.34", HARMLESS], None)

    assert [each.action for each in verdicts] == [Action.ALLOW, Action.ALLOW]
    pii = verdicts[0].layers[-1]
    assert (pii.layer, pii.action, pii.matched, pii.scores) == (Layer.PII, Action.ALLOW, ("email", "ip"), {})
    assert [layer.layer for layer in verdicts[1].layers] == [Layer.KEYWORDS, Layer.CLASSIFIER]
    assert "jane" not in json.dumps(verdict_to_json(verdicts[0]))


async def test_personal_data_in_what_is_blocked_is_recorded_too(keywords: KeywordMatcher) -> None:
    (verdict,) = await Moderation(Policy(), keywords, Scorer()).judge([f"{FORBIDDEN} jane@example.com"], None)

    assert verdict.action is Action.BLOCK
    assert [layer.layer for layer in verdict.layers] == [Layer.KEYWORDS, Layer.PII]


@pytest.mark.parametrize(
    "pii", [PiiPolicy(input="off"), PiiPolicy(kinds=frozenset({"card"})), PiiPolicy(kinds=frozenset())]
)
async def test_what_the_policy_does_not_look_for_is_not_recorded(keywords: KeywordMatcher, pii: PiiPolicy) -> None:
    (verdict,) = await Moderation(Policy(pii=pii), keywords, None).judge(["jane@example.com"], None)

    assert [layer.layer for layer in verdict.layers] == [Layer.KEYWORDS]


async def test_personal_data_is_found_in_long_texts_and_in_remembered_ones(keywords: KeywordMatcher) -> None:
    moderation = Moderation(Policy(), keywords, None)
    long, short = "Words and more words. " * 1000 + "jane@example.com", "4111 1111 1111 1111"

    for texts in ([long, short], [short, long], [long]):
        verdicts = await moderation.judge(texts, None)
        matched = [verdict.layers[-1].matched for verdict in verdicts]
        assert matched == [("email",) if text == long else ("card",) for text in texts]


async def test_others_go_on_while_a_long_text_is_read(keywords: KeywordMatcher) -> None:
    """Rows of numbers take longest. Without a thread nobody else would have a turn before the verdict is there."""
    judging = asyncio.create_task(Moderation(Policy(), keywords, None).judge(["12345 67890, 2468 13579 " * 4000], None))

    turns = 0
    while not judging.done():
        await asyncio.sleep(0)
        turns += 1

    assert turns > 10


async def test_a_window_of_an_answer_is_classified_only_where_asked(keywords: KeywordMatcher) -> None:
    scorer = Scorer(0.9)
    moderation = Moderation(Policy(), keywords, scorer)

    quick = await moderation.judge_window(HARMLESS, None, asks_classifier=False)
    thorough = await moderation.judge_window(HARMLESS, None, asks_classifier=True)
    forbidden = await moderation.judge_window(FORBIDDEN, None, asks_classifier=True)

    assert (quick.action, thorough.action, forbidden.action) == (Action.ALLOW, Action.BLOCK, Action.BLOCK)
    assert [len(each.layers) for each in (quick, thorough, forbidden)] == [1, 2, 1]
    assert scorer.asked == [HARMLESS]


async def test_personal_data_in_an_answer_is_another_filters_work(keywords: KeywordMatcher) -> None:
    verdict = await Moderation(Policy(), keywords, None).judge_window("jane@example.com", None, asks_classifier=True)

    assert [layer.layer for layer in verdict.layers] == [Layer.KEYWORDS]


async def test_a_verdict_has_the_thresholds_of_its_tier(keywords: KeywordMatcher) -> None:
    policy = Policy(tiers={"free": TierPolicy(Thresholds(0.2, 0.3))})

    (verdict,) = await Moderation(policy, keywords, Scorer(0.4)).judge([DOUBTFUL], "free")

    assert {layer.thresholds[Category.HARASSMENT] for layer in verdict.layers} == {(0.2, 0.3)}


@pytest.mark.parametrize("lets_own_through", [True, False])
def test_the_filter_of_an_answer_is_the_policys(lets_own_through: bool) -> None:
    pii = PiiPolicy(kinds=frozenset({"email"}), filters_code=True, lets_own_through=lets_own_through)

    policy = filter_policy_of(pii, ["I am jane@example.com.", "Call 030 1234567."])

    assert policy is not None
    stream = StreamFilter(policy)
    assert stream.feed("jane@example.com or `joe@example.com`") + stream.finish() == (
        "jane@example.com or `[EMAIL_1]`" if lets_own_through else "[EMAIL_1] or `[EMAIL_2]`"
    )
    assert policy.kinds == {PiiKind.EMAIL}


def test_where_nothing_is_looked_for_an_answer_has_no_filter() -> None:
    assert filter_policy_of(PiiPolicy(kinds=frozenset()), ["jane@example.com"]) is None
