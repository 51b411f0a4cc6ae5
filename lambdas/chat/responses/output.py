"""One item of an answer that is being streamed, and what its events say of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from lambdas.chat.responses.documents import item_document
from parley.conversations.model import ItemStatus, content_wire_id
from parley.edge.items import output_text_part, reasoning_part
from parley.turns.answer import Kind, Part, item_ids_for
from parley.turns.model import Response

Logprobs = Sequence[Mapping[str, Any]]

_DELTA_EVENTS: Mapping[Kind, str] = {
    "message": "response.output_text.delta",
    "reasoning": "response.reasoning_text.delta",
    "function_call": "response.function_call_arguments.delta",
}
_DONE_EVENTS: Mapping[Kind, str] = {
    "message": "response.output_text.done",
    "reasoning": "response.reasoning_text.done",
    "function_call": "response.function_call_arguments.done",
}


class OutputItem:
    """A part of the answer with its id, its status and the log probabilities of its text."""

    __slots__ = ("logprobs", "part", "status", "wire_id")

    def __init__(self, response: Response, parts: Sequence[Part]) -> None:
        """The last of `parts`: its id depends on those before it."""
        self.part = parts[-1]
        item_id = item_ids_for(response.output_item_id, [part.kind for part in parts])[-1]
        self.wire_id = content_wire_id(self.part.content(), item_id)
        self.status: ItemStatus = "in_progress"
        self.logprobs: list[Mapping[str, Any]] = []

    @property
    def has_parts(self) -> bool:
        """Whether what it says stands in a part of its own: the arguments of a call are the item's own field."""
        return self.part.kind != "function_call"

    @property
    def delta_event(self) -> str:
        return _DELTA_EVENTS[self.part.kind]

    @property
    def done_event(self) -> str:
        return _DONE_EVENTS[self.part.kind]

    def delta_fields(self, delta: str | None, logprobs: Logprobs = ()) -> dict[str, Any]:
        """Without a delta, what goes before every one."""
        fields = self._place()
        if self.part.kind == "message":
            fields["logprobs"] = logprobs
        return fields if delta is None else {**fields, "delta": delta}

    def done_fields(self) -> dict[str, Any]:
        match self.part.kind:
            case "message":
                return {**self._place(), "logprobs": self.logprobs, "text": self._text()}
            case "reasoning":
                return {**self._place(), "text": self._text()}
            case "function_call":
                return {**self._place(), "name": self.part.name, "arguments": self._text()}

    def added_part_fields(self) -> dict[str, Any]:
        return {**self._place(), "part": self._part_document("")}

    def done_part_fields(self) -> dict[str, Any]:
        return {**self._place(), "part": self._part_document(self._text(), self.logprobs)}

    def added_fields(self) -> dict[str, Any]:
        """The item before anything was said."""
        nothing: dict[str, Any] = {"content": []} if self.has_parts else {"arguments": ""}
        return {"output_index": self.part.index, "item": {**self.document(), **nothing}}

    def done_item_fields(self) -> dict[str, Any]:
        return {"output_index": self.part.index, "item": self.document()}

    def document(self) -> dict[str, Any]:
        return item_document(self.part.content(), self.wire_id, self.status, self.logprobs)

    def _place(self) -> dict[str, Any]:
        place = {"item_id": self.wire_id, "output_index": self.part.index}
        return {**place, "content_index": 0} if self.has_parts else place

    def _part_document(self, text: str, logprobs: Logprobs = ()) -> dict[str, Any]:
        return output_text_part(text, logprobs) if self.part.kind == "message" else reasoning_part(text)

    def _text(self) -> str:
        return "".join(self.part.pieces)
