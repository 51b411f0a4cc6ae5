"""Judging a text: the keywords at once, then the classifier, by the policy of the one who says it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from time import perf_counter, thread_time
from typing import Generic, TypeVar

from parley.errors import ModerationUnavailable
from parley.moderation.classifier import Classifier
from parley.moderation.keywords import KeywordMatcher
from parley.moderation.model import Action, Category, Layer, LayerVerdict, Scores, Verdict, strictest
from parley.moderation.pii import PII_VERSION, PiiKind, find_pii
from parley.moderation.policy import PiiPolicy, Policy, TierPolicy
from parley.moderation.stream_filter import FilterPolicy

# The verdict comes beside the engine's first work on the prompt; what takes longer than that delays the first word. Long text
# takes the engine longer, too, and the classifier 40 us a character on one core, up to what it reads of any text (1.1 s).
CLASSIFY_WITHIN_S = 0.3
CLASSIFY_WITHIN_S_PER_CHARACTER = 50e-6
CLASSIFY_AT_MOST_S = 1.5
# The newest texts are asked about first, so many characters at a time (0.16 s of a core). What
# has come when the time is up counts and is remembered: the next turn asks for the rest.
ASKED_AT_ONCE_CHARACTERS = 4000
# The version of a verdict without an answer.
AWAY = "away"
# Of a conversation that its client sends whole at every turn, only the last message is new.
REMEMBERED_TEXTS = 4096
# From so many characters on they are read in a thread: for keywords and personal data they take 0.5 ms, of rows of numbers 12.
_LONG_CHARACTERS = 2000
# What a keyword counts as: over the usual thresholds of its action, and under those of the next.
_SCORE_OF = {Action.BLOCK: 1.0, Action.REVIEW: 0.6}

Found = TypeVar("Found")
# Of a text with such scores, by the keywords and by the classifier.
PolicyFor = Callable[[Scores, Scores], TierPolicy]


class Moderation:
    """The layers of one process. What they found in a text is remembered for a while, by its hash."""

    def __init__(
        self,
        policy: Policy,
        keywords: KeywordMatcher,
        classifier: Classifier | None,
        on_away: Callable[[Exception], None] | None = None,
    ) -> None:
        """Without a `classifier` the keywords judge alone. `on_away` is told each time why it gave no answer in time."""
        self.policy = policy
        self._keywords = keywords
        self._classifier = classifier
        self._on_away = on_away
        self._scores = _Memory[Scores]()
        self._pii_kinds = _Memory[tuple[str, ...]]()
        self._looked_for = _looked_for(policy.pii)

    async def judge(self, texts: Sequence[str], tier: str | None) -> list[Verdict]:
        """What is to be done about each of `texts`, all of one person and said by him, oldest first. It raises nothing: about a
        text that the classifier does not answer for in time the policy says what is done. Personal data is recorded, and
        nothing done about it.
        """
        verdicts, by_pii = await asyncio.gather(
            self._judge(texts, self.policy.of(tier).of_own_words), self._look_for_pii(texts)
        )
        return [
            Verdict(verdict.action, (*verdict.layers, *found)) for verdict, found in zip(verdicts, by_pii, strict=True)
        ]

    async def judge_window(self, text: str, tier: str | None, *, asks_classifier: bool) -> Verdict:
        """What is to be done about a part of an answer to somebody of `tier`; the keywords judge alone unless it
        `asks_classifier`. It raises nothing, as above.
        """
        policy = self.policy.of(tier)
        (verdict,) = await self._judge([text], lambda _, __: policy, asks_classifier=asks_classifier)
        return verdict

    async def _judge(
        self, texts: Sequence[str], policy_for: PolicyFor, *, asks_classifier: bool = True
    ) -> list[Verdict]:
        by_keywords = await _read(texts, lambda: [self._look_for_keywords(text, policy_for) for text in texts])
        if self._classifier is None or not asks_classifier:
            return [Verdict(each.action, (each,)) for each in by_keywords]
        began_s, classifier = perf_counter(), self._classifier
        asked = [text for text, each in zip(texts, by_keywords, strict=True) if each.action is not Action.BLOCK]
        scores, ms = await self._score(classifier, asked), _ms_since(began_s)
        return [
            Verdict(first.action, (first,))
            if first.action is Action.BLOCK
            else _joined(first, _by_classifier(policy_for, first, scores.get(text), ms, classifier.version))
            for text, first in zip(texts, by_keywords, strict=True)
        ]

    def _look_for_keywords(self, text: str, policy_for: PolicyFor) -> LayerVerdict:
        began_s = perf_counter()
        hits = self._keywords.find(text)
        scores: dict[Category, float] = {}
        for hit in hits:
            scores[hit.category] = max(scores.get(hit.category, 0.0), _SCORE_OF[hit.action])
        matched = tuple(sorted({hit.entry for hit in hits}))
        policy, ms = policy_for(scores, {}), _ms_since(began_s)
        return _verdict(Layer.KEYWORDS, policy, scores, ms, self._keywords.version, matched)

    async def _score(self, classifier: Classifier, texts: Sequence[str]) -> dict[str, Scores]:
        """Of each of `texts` that was answered for in time, without asking for what is remembered or says nothing."""
        keys = {text: _hash(text) for text in texts}
        known = self._scores.recall(list(keys.values()))
        found = {text: known.get(key, {}) for text, key in keys.items() if key in known or not text.strip()}
        new = [text for text in reversed(keys) if text not in found]
        within_s = CLASSIFY_WITHIN_S + CLASSIFY_WITHIN_S_PER_CHARACTER * sum(map(len, new))
        try:
            async with asyncio.timeout(min(within_s, CLASSIFY_AT_MOST_S)):
                for batch in _batches(new):
                    scores = dict(zip(batch, await classifier.classify(batch), strict=True))
                    self._scores.remember({keys[text]: each for text, each in scores.items()})
                    found |= scores
        except (ModerationUnavailable, TimeoutError) as error:
            if self._on_away is not None:
                self._on_away(error)
        return found

    async def _look_for_pii(self, texts: Sequence[str]) -> list[tuple[LayerVerdict, ...]]:
        """A layer for each text that has some."""
        if not self._looked_for:
            return [() for _ in texts]
        began_s = perf_counter()
        hashes = list(map(_hash, texts))
        known = self._pii_kinds.recall(hashes)
        new = {key: text for key, text in zip(hashes, texts, strict=True) if key not in known}
        found = await _read(new.values(), lambda: self._kinds_in(new))
        self._pii_kinds.remember(found)
        known |= found
        ms = _ms_since(began_s)
        return [_pii_verdict(known[key], ms) for key in hashes]

    def _kinds_in(self, texts: dict[bytes, str]) -> dict[bytes, tuple[str, ...]]:
        # What has not been read by then is let be: this is only for the record, and the first word waits for it.
        until_s = thread_time() + CLASSIFY_WITHIN_S
        return {
            key: tuple(sorted({span.kind.value for span in find_pii(text, self._looked_for, until_s=until_s)}))
            for key, text in texts.items()
        }


def filter_policy_of(pii: PiiPolicy, own_texts: Sequence[str]) -> FilterPolicy | None:
    """What a stage's policy does about an answer's personal data; None where it looks for none. `own_texts` are the user's own
    messages, oldest first.
    """
    if not pii.kinds:
        return None
    # Of much text the newest is read: it is what the answer is most likely to repeat.
    own_values = tuple(reversed(own_texts)) if pii.lets_own_through else ()
    return FilterPolicy(frozenset(map(PiiKind, pii.kinds)), pii.filters_code, own_values)


async def _read(texts: Iterable[str], read: Callable[[], Found]) -> Found:
    """What `read` finds in `texts`, without keeping others waiting for it."""
    return read() if sum(map(len, texts)) < _LONG_CHARACTERS else await asyncio.to_thread(read)


class _Memory(Generic[Found]):
    """What was found in the newest texts, by their hash."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, Found] = OrderedDict()

    def recall(self, hashes: Sequence[bytes]) -> dict[bytes, Found]:
        return {key: self._found[key] for key in hashes if key in self._found}

    def remember(self, found: dict[bytes, Found]) -> None:
        self._found.update(found)
        while len(self._found) > REMEMBERED_TEXTS:
            self._found.popitem(last=False)


def _hash(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _looked_for(pii: PiiPolicy) -> frozenset[PiiKind]:
    """In what is said by users."""
    return frozenset(map(PiiKind, pii.kinds)) if pii.input != "off" else frozenset()


def _verdict(
    layer: Layer, policy: TierPolicy, scores: Scores, ms: float, version: str, matched: tuple[str, ...] = ()
) -> LayerVerdict:
    return LayerVerdict(layer, policy.judge(scores), scores, ms, version, matched, policy.limits)


def _by_classifier(
    policy_for: PolicyFor, by_keywords: LayerVerdict, scores: Scores | None, ms: float, version: str
) -> LayerVerdict:
    """Without `scores` what the policy says of a text that the classifier has not answered for."""
    policy = policy_for(by_keywords.scores, scores or {})
    if scores is None:
        return LayerVerdict(Layer.CLASSIFIER, _action_without(policy, by_keywords), {}, ms, AWAY)
    return _verdict(Layer.CLASSIFIER, policy, scores, ms, version)


def _joined(*layers: LayerVerdict) -> Verdict:
    return Verdict(strictest(tuple(each.action for each in layers)), layers)


def _batches(texts: Iterable[str]) -> Iterable[list[str]]:
    """`texts` in their order. A long one is alone, so that a short one is not lost with it."""
    batch = list[str]()
    for text in texts:
        if batch and sum(map(len, batch)) + len(text) > ASKED_AT_ONCE_CHARACTERS:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _pii_verdict(kinds: tuple[str, ...], ms: float) -> tuple[LayerVerdict, ...]:
    return (LayerVerdict(Layer.PII, Action.ALLOW, {}, ms, PII_VERSION, kinds),) if kinds else ()


def _action_without(policy: TierPolicy, by_keywords: LayerVerdict) -> Action:
    """Without the classifier's answer. What is never blocked is not blocked for want of it."""
    may_block = any(policy.thresholds_of(each).block <= 1 for each in by_keywords.scores)
    return Action.BLOCK if policy.when_away == "closed" and may_block else Action.REVIEW


def _ms_since(began_s: float) -> float:
    return round((perf_counter() - began_s) * 1000, 2)
