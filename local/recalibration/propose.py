"""Thresholds that the labels speak for, category by category.

Only what was flagged was ever decided. So the labels say how right a threshold is from the present review threshold on, and
nothing of what lies below it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from local.recalibration.evidence import lower_bound, more_needed, upper_bound
from local.recalibration.labels import Label
from parley.moderation.model import Action, Category
from parley.moderation.policy import Thresholds, TierPolicy

# Of what is blocked so much is to be upheld.
UPHELD_AT_BLOCK = 0.95
# With fewer labels even a share of 100 % has a lower bound under 95 %.
FEWEST_AT_BLOCK = 52
# A reviewer's time is wasted where less than this is upheld; with fewer labels even 0 % has an upper bound over it.
UPHELD_AT_REVIEW = 0.10
FEWEST_AT_REVIEW = 25
# What is stricter comes in steps, what is milder at once.
_STEP_DOWN_AT_BLOCK = 0.1
# Where most of the least suspicious is upheld, more of it lies below; how much, only the labels of a lower threshold tell.
_STEP_DOWN_AT_REVIEW = 0.05
_LOWEST_BAND = 0.1
_UPHELD_IN_LOWEST_BAND = 0.5
_LEAST_REVIEW = 0.1


# Score, and whether it was upheld.
_Scored = Sequence[tuple[float, bool]]


@dataclass(frozen=True, slots=True)
class Count:
    """Of labels in some range of scores."""

    labels: int = 0
    upheld: int = 0

    @property
    def share(self) -> float | None:
        return self.upheld / self.labels if self.labels else None


@dataclass(frozen=True, slots=True)
class Proposal:
    """For one category. `blocked_before` and `blocked_after` count labels at or over the block threshold."""

    category: Category
    flagged: Count
    before: Thresholds
    after: Thresholds
    blocked_before: Count
    blocked_after: Count
    notes: tuple[str, ...]

    @property
    def is_change(self) -> bool:
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class Effect:
    """What thresholds do to the labelled items. `false_positives` are blocked and were approved; `missed` were upheld and would
    not be flagged.
    """

    flagged: int
    blocked: int
    blocked_upheld: int
    missed: int

    @property
    def false_positives(self) -> int:
        return self.blocked - self.blocked_upheld

    @property
    def upheld_share(self) -> float | None:
        return self.blocked_upheld / self.blocked if self.blocked else None


def propose(labels: Sequence[Label], policy: TierPolicy) -> list[Proposal]:
    """For every category that a label speaks of, in the order of their names."""
    proposals = [_propose_for(category, labels, policy.thresholds_of(category)) for category in Category]
    return sorted((each for each in proposals if each.flagged.labels), key=lambda each: each.category)


def with_proposals(policy: TierPolicy, proposals: Sequence[Proposal]) -> TierPolicy:
    changed = {each.category: each.after for each in proposals if each.is_change}
    return TierPolicy(policy.thresholds, {**policy.of_category, **changed}, policy.when_away)


def measure(labels: Sequence[Label], policy: TierPolicy) -> Effect:
    """All categories together, as a turn is judged."""
    judged = [(policy.judge(label.scores), label.is_upheld) for label in labels]
    blocked = [is_upheld for action, is_upheld in judged if action is Action.BLOCK]
    missed = sum(is_upheld for action, is_upheld in judged if action is Action.ALLOW)
    flagged = sum(action is not Action.ALLOW for action, _ in judged)
    return Effect(flagged, len(blocked), sum(blocked), missed)


def _propose_for(category: Category, labels: Sequence[Label], before: Thresholds) -> Proposal:
    scored = [(label.scores.get(category, 0.0), label.is_upheld) for label in labels]
    flagged = [each for each in scored if each[0] >= before.review]
    block, block_note = _propose_block(flagged, before)
    review, review_note = _propose_review(scored, before, block)
    return Proposal(
        category,
        _count(flagged, 0),
        before,
        Thresholds(review, block),
        _count(flagged, before.block),
        _count(flagged, block),
        tuple(filter(None, (block_note, review_note))),
    )


def _propose_block(flagged: _Scored, before: Thresholds) -> tuple[float, str]:
    """The threshold that blocks most of all those of which the labels say that enough is upheld, and why it is none else."""
    if before.block > 1:
        return before.block, "never blocked: the policy's own decision"
    if len(flagged) < FEWEST_AT_BLOCK:
        return before.block, f"block: {FEWEST_AT_BLOCK - len(flagged)} more labels needed"
    lowest = max(before.review, round(before.block - _STEP_DOWN_AT_BLOCK, 2))
    counts = {threshold: _count(flagged, threshold) for threshold in _grid(lowest, 1.0)}
    able = [threshold for threshold, count in counts.items() if _holds(count)]
    if not able:
        return before.block, _why_none(list(counts.values()))
    # Of several that block the same the highest: between them there are no labels.
    best = max(able, key=lambda threshold: (counts[threshold].labels, threshold))
    return (before.block if _count(flagged, before.block) == counts[best] else best), ""


def _holds(blocked: Count) -> bool:
    return lower_bound(blocked.upheld, blocked.labels) >= UPHELD_AT_BLOCK


def _why_none(counts: Sequence[Count]) -> str:
    needed = [more_needed(each.upheld, each.labels, UPHELD_AT_BLOCK) for each in counts if each.labels]
    possible = [each for each in needed if each is not None]
    if possible:
        return f"block: {min(possible)} more labels needed at the scores where nearly all is upheld"
    return "block: at no score is enough upheld; look at what finds it, or set block over 1"


def _propose_review(scored: _Scored, before: Thresholds, block: float) -> tuple[float, str]:
    flagged = [each for each in scored if each[0] >= before.review]
    if len(flagged) < FEWEST_AT_REVIEW:
        return before.review, f"review: {FEWEST_AT_REVIEW - len(flagged)} more labels needed"
    let_go = {threshold: _count_under(flagged, threshold) for threshold in _grid(before.review, min(block, 1.0))}
    able = [each for each, count in let_go.items() if upper_bound(count.upheld, count.labels) <= UPHELD_AT_REVIEW]
    if able:
        # Of several that let the same go the lowest: between them there are no labels.
        return max(able, key=lambda threshold: (let_go[threshold].labels, -threshold)), ""
    lowered = max(round(before.review - _STEP_DOWN_AT_REVIEW, 2), min(_LEAST_REVIEW, before.review))
    if lowered < before.review and _is_worth_a_step_down(scored, before.review, lowered):
        return lowered, "review: a step down, as most of the lowest is upheld; see what it brings before the next"
    return before.review, ""


def _is_worth_a_step_down(scored: _Scored, review: float, lowered: float) -> bool:
    lowest = _count_under([each for each in scored if each[0] >= review], review + _LOWEST_BAND)
    # From when the threshold was lower, or flagged for something else.
    known = _count_under([each for each in scored if each[0] >= lowered], review)
    is_known_better = known.share is not None and known.share <= _UPHELD_IN_LOWEST_BAND
    is_enough = lowest.labels >= FEWEST_AT_REVIEW
    return is_enough and not is_known_better and lower_bound(lowest.upheld, lowest.labels) > _UPHELD_IN_LOWEST_BAND


def _count_under(scored: _Scored, threshold: float) -> Count:
    return _count([each for each in scored if each[0] < threshold], 0)


def _count(scored: _Scored, threshold: float) -> Count:
    upheld = [is_upheld for score, is_upheld in scored if score >= threshold]
    return Count(len(upheld), sum(upheld))


def _grid(low: float, high: float) -> list[float]:
    """`low`, and the hundredths above it to `high`."""
    return [low, *(each / 100 for each in range(floor(low * 100 + 1e-9) + 1, floor(high * 100 + 1e-9) + 1))]
