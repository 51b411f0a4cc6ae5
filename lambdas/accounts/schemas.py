"""What clients send about API keys."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from parley.accounts.model import LIVE_KEYS_LIMIT, Identity, NewApiKey
from parley.edge.bodies import Body

# Ten years: who wants longer leaves it out.
_LIFETIME_LIMIT_DAYS = 3650


class CreateKeyBody(Body):
    # The length is the database's too.
    name: Annotated[str, StringConstraints(min_length=1, max_length=100, strip_whitespace=True)]
    expires_in_days: Annotated[int, Field(ge=1, le=_LIFETIME_LIMIT_DAYS)] | None = None

    def to_new(self, creator: Identity) -> NewApiKey:
        return NewApiKey(self.name, creator.tier, self.expires_in_days)


class KeysQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: Annotated[int, Field(ge=1, le=100)] = LIVE_KEYS_LIMIT
    after: str | None = None


class NoQuery(BaseModel):
    """A route without parameters refuses those it is sent."""

    model_config = ConfigDict(extra="forbid")
