"""An answer, put together from its deltas: the items it is made of, in the order in which they began.

Readers of the stream and the database must agree on the items and their ids, in every process, so the rule is one and stands
here: reasoning and text run until something else begins; a tool call is all pieces of its index, wherever they stand.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID

from parley.conversations.model import FunctionCall, ItemContent, ItemStatus, ItemType, Message, Reasoning, Role
from parley.ids import ItemId
from parley.models.model import Delta
from parley.turns.model import Status

Kind = Literal["reasoning", "message", "function_call"]


@dataclass(slots=True, eq=False)
class Part:
    """One item of an answer while it grows. `index` is its place among the output items."""

    index: int
    kind: Kind
    pieces: list[str] = field(default_factory=list[str], repr=False)
    call_id: str = ""
    name: str = ""

    def content(self) -> ItemContent:
        text = "".join(self.pieces)
        match self.kind:
            case "reasoning":
                return Reasoning(text)
            case "message":
                return Message(Role.ASSISTANT, (text,))
            case "function_call":
                return FunctionCall(self.call_id, self.name, text)


class Parts:
    """The items of an answer as its deltas come in."""

    __slots__ = ("_calls", "_current", "all")

    def __init__(self) -> None:
        self.all: list[Part] = []
        self._current: Part | None = None
        self._calls: dict[int, Part] = {}

    def add_text(self, text: str) -> Part:
        return self._add_run("message", text)

    def add_reasoning(self, text: str) -> Part:
        return self._add_run("reasoning", text)

    def add_call_piece(self, piece: Mapping[str, Any]) -> tuple[Part, str]:
        """The call that a piece in OpenAI's shape belongs to, and what it adds to the arguments."""
        index = int(piece.get("index") or 0)
        function: Mapping[str, Any] = piece.get("function") or {}
        call = self._calls.get(index)
        if call is None:
            call = self._begin("function_call")
            # Some engines give none, and two calls without one could not be told apart.
            call.call_id = str(piece.get("id") or f"call_{index}")
            call.name = str(function.get("name") or "")
            self._calls[index] = call
        arguments = str(function.get("arguments") or "")
        call.pieces.append(arguments)
        return call, arguments

    def add(self, delta: Delta) -> None:
        if delta.reasoning:
            self.add_reasoning(delta.reasoning)
        if delta.text:
            self.add_text(delta.text)
        for piece in delta.tool_calls:
            self.add_call_piece(piece)

    def _add_run(self, kind: Kind, text: str) -> Part:
        part = self._current
        if part is None or part.kind != kind:
            part = self._begin(kind)
        part.pieces.append(text)
        return part

    def _begin(self, kind: Kind) -> Part:
        self._current = Part(len(self.all), kind)
        self.all.append(self._current)
        return self._current


@dataclass(frozen=True, slots=True)
class Answer:
    """Everything an engine said in one turn."""

    contents: tuple[ItemContent, ...] = field(default=(), repr=False)
    logprobs: Mapping[str, Any] | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        return "".join(text for each in self.contents if isinstance(each, Message) for text in each.texts)

    @property
    def reasoning(self) -> str:
        return "".join(each.text for each in self.contents if isinstance(each, Reasoning))

    @property
    def tool_calls(self) -> tuple[FunctionCall, ...]:
        return tuple(each for each in self.contents if isinstance(each, FunctionCall))

    def items(self, *, broke_off: bool) -> tuple[ItemContent, ...]:
        """The items to store. An answer that ended and said nothing is an empty message; one that broke off is none."""
        return self.contents or (() if broke_off else (Message(Role.ASSISTANT, ("",)),))


def put_together(deltas: Iterable[Delta]) -> Answer:
    """The answer that the deltas add up to."""
    parts = Parts()
    token_logprobs: list[Any] = []
    has_logprobs = False
    for delta in deltas:
        parts.add(delta)
        if delta.logprobs is not None:
            has_logprobs = True
            token_logprobs.extend(delta.logprobs.get("content") or ())
    return Answer(
        tuple(part.content() for part in parts.all),
        {"content": token_logprobs, "refusal": None} if has_logprobs else None,
    )


def taken_apart(contents: Iterable[ItemContent]) -> list[Delta]:
    """Deltas that add up to these items: one for each."""
    deltas: list[Delta] = []
    for index, content in enumerate(contents):
        match content:
            case Reasoning(text=text):
                deltas.append(Delta(reasoning=text))
            case FunctionCall(call_id=call_id, name=name, arguments=arguments):
                function = {"name": name, "arguments": arguments}
                deltas.append(
                    Delta(tool_calls=[{"index": index, "id": call_id, "type": "function", "function": function}])
                )
            case Message(texts=texts):
                deltas.append(Delta(text="".join(texts)))
            case _:
                raise ValueError("no such item is ever part of an answer")
    return [delta for delta in deltas if delta.is_shown]


def item_ids_for(output_item_id: ItemId, kinds: Sequence[ItemType]) -> list[ItemId]:
    """The ids of an answer's items, by the types of the items up to the last.

    The first message has the id that was promised when the turn began; the others' follow from it by their places. A UUIDv7
    ends in 62 random bits (RFC 9562, 5.7), so its successors belong to nobody else.
    """
    promised = kinds.index("message") if "message" in kinds else None
    return [
        ItemId(UUID(int=output_item_id.int + (0 if place == promised else place + 1))) for place in range(len(kinds))
    ]


def item_statuses_for(contents: Sequence[ItemContent], status: Status) -> list[ItemStatus]:
    """An answer that was cut may have been cut in its last item, or in any call, for those are written side by side."""
    last = len(contents) - 1
    return [
        "incomplete"
        if status is not Status.COMPLETED and (place == last or isinstance(content, FunctionCall))
        else "completed"
        for place, content in enumerate(contents)
    ]
