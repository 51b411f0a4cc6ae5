"""The policy's file: `cdk/stages/<stage>.moderation.toml`."""

import tomllib
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from parley.moderation.model import Category
from parley.moderation.policy import BLOCK_FROM, REVIEW_FROM, PiiPolicy, Policy, Thresholds, TierPolicy
from parley.settings import SettingsError

# Above 1 is never: a category that is only recorded.
Score = Annotated[float, Field(gt=0, le=2)]
PiiKindName = Literal["email", "phone", "card", "iban", "ssn", "ip", "secret", "name"]


def load_policy(file: Path) -> Policy:
    """Raises: SettingsError with one line a problem, each naming its key, not only the first."""
    try:
        return _Document.model_validate(tomllib.loads(file.read_text())).to_policy()
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{file.name}: {error}") from error
    except ValidationError as error:
        problems = [f"{file.name}: {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise SettingsError("\n".join(problems)) from error


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Thresholds(_Table):
    review: Score = REVIEW_FROM
    block: Score = BLOCK_FROM

    @model_validator(mode="after")
    def _reviews_before_it_blocks(self) -> Self:
        if self.review > self.block:
            raise ValueError("review: must not be over block")
        return self

    def to_thresholds(self) -> Thresholds:
        return Thresholds(self.review, self.block)


class _Tier(_Thresholds):
    when_away: Literal["open", "closed"] = "closed"
    categories: dict[Category, _Thresholds] = {}

    def to_tier(self) -> TierPolicy:
        of_category = {category: each.to_thresholds() for category, each in self.categories.items()}
        return TierPolicy(self.to_thresholds(), of_category, self.when_away)


class _Pii(_Table):
    input: Literal["off", "flag", "redact"] = "flag"
    kinds: frozenset[PiiKindName] = frozenset({"email", "phone", "card", "iban", "ssn", "ip", "secret"})
    filters_code: bool = False
    lets_own_through: bool = True


class _Reviews(_Table):
    context_items: Annotated[int, Field(ge=0, le=20)] = 3


class _Document(_Table):
    dry_run: bool = False
    keeps_withheld_text: bool = True
    default: _Tier = _Tier()
    tiers: dict[str, _Tier] = {}
    pii: _Pii = _Pii()
    reviews: _Reviews = _Reviews()

    def to_policy(self) -> Policy:
        pii = self.pii
        return Policy(
            self.default.to_tier(),
            {name: tier.to_tier() for name, tier in self.tiers.items()},
            PiiPolicy(pii.input, frozenset(pii.kinds), pii.filters_code, pii.lets_own_through),
            self.dry_run,
            self.keeps_withheld_text,
            self.reviews.context_items,
        )
