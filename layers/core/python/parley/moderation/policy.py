"""What a stage does about what its layers find: thresholds by tier and category, and what becomes of personal data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from parley.moderation.model import Action, Category, Scores

# What the mission says: from 0.8 on a text is blocked, from 0.5 on a person looks at it.
REVIEW_FROM = 0.5
BLOCK_FROM = 0.8
_SELF_HARM = (Category.SELF_HARM, Category.SELF_HARM_INTENT, Category.SELF_HARM_INSTRUCTIONS)
# What a classifier hears in the words of who means to hurt himself: whom he insults and threatens is himself.
_SELF_HATRED = (
    *_SELF_HARM,
    Category.HARASSMENT,
    Category.HARASSMENT_THREATENING,
    Category.HATE,
    Category.HATE_THREATENING,
    Category.VIOLENCE,
    Category.VIOLENCE_GRAPHIC,
)


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which on a text is reviewed or blocked; above 1 is never."""

    review: float = REVIEW_FROM
    block: float = BLOCK_FROM

    def judge(self, score: float) -> Action:
        if score >= self.block:
            return Action.BLOCK
        return Action.REVIEW if score >= self.review else Action.ALLOW


@dataclass(frozen=True, slots=True)
class TierPolicy:
    """`when_away` is for texts that no classifier could judge in time: `open` lets them pass and flags them for review,
    `closed` also blocks those in which the keywords found something of a category that may be blocked.
    """

    thresholds: Thresholds = Thresholds()
    of_category: Mapping[Category, Thresholds] = field(default_factory=dict[Category, Thresholds])
    when_away: Literal["open", "closed"] = "closed"

    def judge(self, scores: Scores) -> Action:
        """The strictest that any category asks for."""
        actions = [self.thresholds_of(each).judge(score) for each, score in scores.items()]
        return max(actions, key=lambda action: action.severity, default=Action.ALLOW)

    def flagged(self, scores: Scores) -> frozenset[Category]:
        """The categories that are at least to be reviewed."""
        return frozenset(each for each, score in scores.items() if score >= self.thresholds_of(each).review)

    def thresholds_of(self, category: Category) -> Thresholds:
        return self.of_category.get(category, self.thresholds)

    def of_own_words(self, by_keywords: Scores, by_classifier: Scores) -> "TierPolicy":
        """For a text with such scores that a user wrote himself: where a policy never blocks `self-harm/intent`, it must not
        block who says so for what else is heard in it. The keywords know the first person; a classifier, whose scores may be
        the same for all of self-harm, only what it is about.
        """
        intent, never = Category.SELF_HARM_INTENT, self.thresholds_of(Category.SELF_HARM_INTENT)
        if never.block <= 1 or max(by_keywords.get(intent, 0), by_classifier.get(intent, 0)) < never.review:
            return self
        heard = _SELF_HATRED if by_keywords.get(intent, 0) >= never.review else _SELF_HARM
        milder = {each: replace(self.thresholds_of(each), block=never.block) for each in heard}
        return replace(self, of_category={**self.of_category, **milder})

    @property
    def limits(self) -> dict[Category, tuple[float, float]]:
        """What scores are held against: review and block, of every category."""
        of_all = {each: self.thresholds_of(each) for each in Category}
        return {each: (limits.review, limits.block) for each, limits in of_all.items()}


@dataclass(frozen=True, slots=True)
class PiiPolicy:
    """`kinds` are those that are looked for. What a user said himself may come back to him where `lets_own_through`."""

    input: Literal["off", "flag", "redact"] = "flag"
    kinds: frozenset[str] = frozenset({"email", "phone", "card", "iban", "ssn", "ip", "secret"})
    filters_code: bool = False
    lets_own_through: bool = True


@dataclass(frozen=True, slots=True)
class Policy:
    """One stage's. In a dry run everything is judged and recorded, and nothing is blocked, withheld or redacted. Who reviews an
    item sees as many as `reviews_context_items` before it.
    """

    default: TierPolicy = TierPolicy()
    tiers: Mapping[str, TierPolicy] = field(default_factory=dict[str, TierPolicy])
    pii: PiiPolicy = PiiPolicy()
    is_dry_run: bool = False
    keeps_withheld_text: bool = True
    reviews_context_items: int = 3

    @property
    def kept_from_models(self) -> frozenset[str]:
        """The kinds of personal data that are replaced before a model sees what users say."""
        return self.pii.kinds if self.pii.input == "redact" and not self.is_dry_run else frozenset()

    def of(self, tier: str | None) -> TierPolicy:
        return self.tiers.get(tier or "", self.default)
