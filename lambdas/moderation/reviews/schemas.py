"""What reviewers send."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from parley.edge.bodies import Body
from parley.moderation.model import Category
from parley.reviews.model import Decision, ReviewId, ReviewQuery, Side


class NoQuery(BaseModel):
    """A route without parameters refuses those it is sent."""

    model_config = ConfigDict(extra="forbid")


class LabelsQuery(NoQuery):
    limit: Annotated[int, Field(ge=1, le=500)] = 100
    after: str | None = None


class ReviewsQuery(NoQuery):
    state: Literal["open", "approved", "upheld", "escalated", "all"] = "open"
    side: Side | None = None
    category: Category | None = None
    appealed: bool | None = None
    unjudged: bool | None = None
    order: Literal["asc", "desc"] = "asc"
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None

    def to_query(self, after: ReviewId | None) -> ReviewQuery:
        return ReviewQuery(
            None if self.state == "all" else self.state,
            self.side,
            self.category,
            self.appealed,
            self.unjudged,
            self.order,
            self.limit,
            after,
        )


class DecisionBody(Body):
    decision: Decision
    # The length is the database's too.
    note: Annotated[str, StringConstraints(max_length=2000)] | None = None
