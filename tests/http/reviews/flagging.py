"""Turns in which something was flagged, stored as the chat function stores them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Json

from parley.ids import new_uuid, parse_conversation_id, wire_id
from parley.kit.postgres import transaction
from tests.http.history.rest import Caller
from tests.http.history.turns import begin_turn

REVIEWS = "/v1/admin/reviews"
VERDICT = {
    "action": "block",
    "layers": [
        {
            "layer": "keywords",
            "action": "block",
            "scores": {"hate": 0.9},
            "version": "words-1",
            "ms": 0.1,
            "matched": [],
        },
        {"layer": "classifier", "action": "review", "scores": {"hate": 0.6, "violence": 0.2}, "version": "v7", "ms": 4},
    ],
}


@dataclass(frozen=True, slots=True)
class Flagged:
    """Who said or was told what, and where: wire ids and paths."""

    user: Caller
    conversation: str
    item_id: str
    review_id: str

    @property
    def item(self) -> str:
        return f"{self.conversation}/items/{self.item_id}"

    @property
    def review(self) -> str:
        return f"{REVIEWS}/{self.review_id}"

    async def appeal(self, note: str | None = None) -> Any:
        return await self.user.post(f"{self.item}/appeal", {"note": note})

    async def decide(self, reviewer: Caller, decision: str, note: str | None = None) -> Any:
        return await reviewer.post(f"{self.review}/decision", {"decision": decision, "note": note})


async def flag_message(
    user: Caller,
    text: str = "What a bad word",
    before: Sequence[str] = (),
    *,
    path: str | None = None,
    is_answered: bool = False,
    **changes: Any,
) -> Flagged:
    """The user's last message, in the conversation at `path` or a new one, was blocked, unless `changes` say otherwise."""
    if path is None:
        path = await user.create_with(*before, text)
    item_id = (await user.get(f"{path}/items", limit=1)).json["data"][0]["id"]
    answer = [_answer("An answer")] if is_answered else []
    return await _settle(user, path, item_id, {"side": "input", **changes}, answer)


async def flag_answer(user: Caller, withheld: str | None = "What the answer said", **changes: Any) -> Flagged:
    """The answer to the user's message was taken back."""
    path = await user.create_with("Tell me")
    review = {"side": "output", "withheld": withheld, **changes}
    answer = _answer() | {"verdict": VERDICT, "is_blocked": True}
    return await _settle(user, path, wire_id("msg", answer["item_id"]), review, [answer])


async def _settle(
    user: Caller, path: str, item_id: str, changes: dict[str, Any], items: Sequence[dict[str, Any]]
) -> Flagged:
    response_id, review_id, bare_id = new_uuid(), new_uuid(), item_id.partition("_")[2]
    review: dict[str, Any] = {
        "review_id": str(review_id),
        "item_id": bare_id,
        "action": "block",
        "is_enforced": True,
        "is_unjudged": False,
        "categories": ["hate"],
        "score": 0.9,
        "context_items": 3,
        "withheld": None,
        **changes,
    }
    is_blocked = review["action"] == "block" and review["is_enforced"]
    outcome = {
        "status": "failed",
        "model": "m",
        "reviews": [review],
        "verdicts": [{"item_id": bare_id, "verdict": VERDICT, "is_blocked": is_blocked}],
    }
    async with transaction(user.api.app.state.history.pool, user.user_id) as connection:
        conversation_id = parse_conversation_id(path.rpartition("/")[2])
        await begin_turn(connection, user.user_id, conversation_id, response_id, new_uuid())
        new_items = [{**each, "item_id": str(each["item_id"])} for each in items]
        settled = await connection.execute(
            "SELECT settle_turn(%s, %s, 1, %s, NULL, %s)", (user.user_id, response_id, Json(outcome), Json(new_items))
        )
        assert await settled.fetchone() == (True,)
    return Flagged(user, path, item_id, wire_id("rev", review_id))


def _answer(*texts: str) -> dict[str, Any]:
    said = {"type": "message", "role": "assistant", "status": "incomplete", "content": {"texts": texts}}
    return {"position": 1, "item_id": new_uuid(), "token_count": None, **said}
