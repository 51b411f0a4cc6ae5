"""Builders that hide what does not matter to a test, and the SDK's own reading of events."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast, get_args
from uuid import UUID

import orjson
from openai.types.responses import ResponseStreamEvent
from pydantic import BaseModel

from lambdas.chat.responses.events import ResponseEvents
from parley.ids import ConversationId, ItemId, ResponseId, UserId
from parley.models.model import Delta, Usage
from parley.turns.model import Outcome, Response, Status

COMPLETED = Outcome(Status.COMPLETED, "stop", Usage(5, 3, 2))
CANCELLED = Outcome(Status.CANCELLED, "stop", Usage(5, 3))

_RESPONSE = Response(
    response_id=ResponseId(UUID(int=1)),
    user_id=UserId(UUID(int=2)),
    model="small",
    created_at=datetime(2026, 11, 22, tzinfo=UTC),
    output_item_id=ItemId(UUID(int=256)),
    conversation_id=ConversationId(UUID(int=3)),
)


def make_response(**changes: Any) -> Response:
    return replace(_RESPONSE, **changes)


def call_piece(index: int = 0, arguments: str = "", **fields: Any) -> Delta:
    """A piece of a call; the first one has an `id` and a `name`."""
    function = {"arguments": arguments, **({"name": fields.pop("name")} if "name" in fields else {})}
    return Delta(tool_calls=[{"index": index, "function": function, **fields}])


def logprob(token: str) -> dict[str, Any]:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode()), "top_logprobs": []}


def encoded(deltas: Sequence[Delta], outcome: Outcome, response: Response = _RESPONSE, **options: Any) -> bytes:
    """The whole stream."""
    events = ResponseEvents(response, **options)
    return b"".join([events.first(), *(events.delta(delta) for delta in deltas), events.last(outcome)])


def parsed(stream: bytes) -> list[dict[str, Any]]:
    """The documents of a stream, whose `event:` lines have to agree with them."""
    documents: list[dict[str, Any]] = []
    for event in stream.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        document = orjson.loads(data.removeprefix("data: "))
        assert name == f"event: {document['type']}"
        documents.append(document)
    return documents


def events_of(deltas: Sequence[Delta], outcome: Outcome = COMPLETED, **options: Any) -> list[dict[str, Any]]:
    return parsed(encoded(deltas, outcome, **options))


def names(events: Sequence[dict[str, Any]]) -> list[str]:
    """The types, without the prefix that all share."""
    return [event["type"].removeprefix("response.") for event in events]


def sdk_event(document: dict[str, Any]) -> BaseModel:
    """The event as the official SDK's own class for it. Raises: ValidationError, which the SDK itself never does."""
    union = get_args(ResponseStreamEvent)[0]
    kinds = cast("list[type[BaseModel]]", get_args(union))
    [kind] = [each for each in kinds if get_args(each.model_fields["type"].annotation) == (document["type"],)]
    return kind.model_validate(document)
