"""Which function serves which path of the API; the local gateway has the same table, and a test compares the two."""

from dataclasses import dataclass
from typing import Literal

HttpFunction = Literal["chat", "history", "accounts", "moderation"]


@dataclass(frozen=True, slots=True)
class Route:
    """A path with all below it. Chat streams, the others answer whole."""

    path: str
    function: HttpFunction


ROUTES = (
    Route("/v1/chat/completions", "chat"),
    Route("/v1/models", "chat"),
    Route("/v1/responses", "chat"),
    Route("/v1/conversations", "history"),
    Route("/v1/me", "accounts"),
    Route("/v1/api_keys", "accounts"),
    Route("/v1/moderations", "moderation"),
    Route("/v1/admin/reviews", "moderation"),
)
