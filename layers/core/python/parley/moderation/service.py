"""Judging a text: the keywords at once, then the classifier, by the policy of the one who says it."""

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256
from time import perf_counter

from parley.errors import ModerationUnavailable
from parley.moderation.classifier import Classifier
from parley.moderation.keywords import KeywordMatcher
from parley.moderation.model import Action, Category, Layer, LayerVerdict, Scores, Verdict, strictest
from parley.moderation.policy import Policy, TierPolicy

# The verdict comes beside the engine's first work on the prompt; what takes longer than that delays the first word.
CLASSIFY_WITHIN_S = 0.3
# Of a conversation that its client sends whole at every turn, only the last message is new.
REMEMBERED_TEXTS = 4096
# What a keyword counts as: over the usual thresholds of its action, and under those of the next.
_SCORE_OF = {Action.BLOCK: 1.0, Action.REVIEW: 0.6}


class Moderation:
    """The layers of one process. What they found in a text is remembered for a while, by its hash."""

    def __init__(self, policy: Policy, keywords: KeywordMatcher, classifier: Classifier | None) -> None:
        """Without a `classifier` the keywords judge alone."""
        self.policy = policy
        self._keywords = keywords
        self._classifier = classifier
        self._remembered: OrderedDict[bytes, Scores] = OrderedDict()

    async def judge(self, texts: Sequence[str], tier: str | None) -> list[Verdict]:
        """What is to be done about each of `texts`, all of one person. It raises nothing: where the classifier does not answer
        in time the policy says what is done.
        """
        policy = self.policy.of(tier)
        by_keywords = [self._look_for_keywords(text, policy) for text in texts]
        if self._classifier is None or any(each.action is Action.BLOCK for each in by_keywords):
            return [Verdict(each.action, (each,)) for each in by_keywords]
        by_classifier = await self._classify(self._classifier, texts, policy, by_keywords)
        return [
            Verdict(strictest((first.action, second.action)), (first, second))
            for first, second in zip(by_keywords, by_classifier, strict=True)
        ]

    def _look_for_keywords(self, text: str, policy: TierPolicy) -> LayerVerdict:
        began_s = perf_counter()
        hits = self._keywords.find(text)
        scores: dict[Category, float] = {}
        for hit in hits:
            scores[hit.category] = max(scores.get(hit.category, 0.0), _SCORE_OF[hit.action])
        matched = tuple(sorted({hit.entry for hit in hits}))
        return LayerVerdict(
            Layer.KEYWORDS, policy.judge(scores), scores, _ms_since(began_s), self._keywords.version, matched
        )

    async def _classify(
        self, classifier: Classifier, texts: Sequence[str], policy: TierPolicy, by_keywords: Sequence[LayerVerdict]
    ) -> list[LayerVerdict]:
        began_s = perf_counter()
        try:
            async with asyncio.timeout(CLASSIFY_WITHIN_S):
                found = await self._scores(classifier, texts)
        except (ModerationUnavailable, TimeoutError):
            ms = _ms_since(began_s)
            return [
                LayerVerdict(Layer.CLASSIFIER, _action_without(policy, each), {}, ms, "away") for each in by_keywords
            ]
        ms = _ms_since(began_s)
        return [LayerVerdict(Layer.CLASSIFIER, policy.judge(each), each, ms, classifier.version) for each in found]

    async def _scores(self, classifier: Classifier, texts: Sequence[str]) -> list[Scores]:
        """Of each text, without asking for what is remembered or says nothing. Raises: ModerationUnavailable."""
        hashes = [sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        known = {key: self._remembered[key] for key in hashes if key in self._remembered}
        new = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known and text.strip()}
        if new:
            known.update(zip(new, await classifier.classify(list(new.values())), strict=True))
            self._remember(known)
        return [known.get(key, {}) for key in hashes]

    def _remember(self, found: dict[bytes, Scores]) -> None:
        self._remembered.update(found)
        while len(self._remembered) > REMEMBERED_TEXTS:
            self._remembered.popitem(last=False)


def _action_without(policy: TierPolicy, by_keywords: LayerVerdict) -> Action:
    """Without the classifier's answer."""
    return Action.BLOCK if policy.when_away == "closed" and by_keywords.matched else Action.REVIEW


def _ms_since(began_s: float) -> float:
    return round((perf_counter() - began_s) * 1000, 2)
