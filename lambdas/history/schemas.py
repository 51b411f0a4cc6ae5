"""What clients send about conversations and items: OpenAI's shapes, and `title`, which is ours."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from parley.conversations.model import ConversationChange, NewConversation, NewItem, Order
from parley.edge.bodies import Body
from parley.edge.items import InputItem, check_contents
from parley.errors import InvalidRequest, UnsupportedParameter

# OpenAI's limits: https://platform.openai.com/docs/api-reference/conversations
ITEMS_LIMIT = 20
Metadata = Annotated[
    dict[Annotated[str, StringConstraints(max_length=64)], Annotated[str, StringConstraints(max_length=512)]],
    Field(max_length=16),
]
# The length is the database's too.
Title = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
# What may be asked for beside items: parts of items that never occur here, so that there is never anything to include.
INCLUDABLE = frozenset(
    {
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
    }
)
# Parts that the items here would have, and which are not kept.
NOT_KEPT = frozenset({"message.output_text.logprobs", "reasoning.encrypted_content"})


ItemBodies = Annotated[list[InputItem], Field(max_length=ITEMS_LIMIT)]


class CreateConversationBody(Body):
    title: Title | None = None
    metadata: Metadata | None = None
    items: ItemBodies | None = None

    def to_new(self, limit_bytes: int) -> NewConversation:
        """Raises: InvalidRequest, RequestTooLarge."""
        return NewConversation(self.title, self.metadata or {}, to_items(self.items or (), limit_bytes))


class UpdateConversationBody(Body):
    title: Title | None = None
    metadata: Metadata | None = None

    def to_change(self) -> ConversationChange:
        """What the body names is changed, to nothing where it says null. Raises: InvalidRequest when it names nothing."""
        if not self.model_fields_set:
            raise InvalidRequest("Give a title, metadata or both.")
        metadata = (self.metadata or {}) if "metadata" in self.model_fields_set else None
        return ConversationChange(self.title, "title" in self.model_fields_set, metadata)


class CreateItemsBody(Body):
    items: Annotated[ItemBodies, Field(min_length=1)]


class AppealBody(Body):
    # The length is the database's too.
    note: Annotated[str, StringConstraints(max_length=1000)] | None = None


class NoQuery(BaseModel):
    """A route without parameters refuses those it is sent."""

    model_config = ConfigDict(extra="forbid")


class ConversationsQuery(NoQuery):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    after: str | None = None


class IncludeQuery(NoQuery):
    """The SDKs send lists as `include[]`."""

    include: list[str] = []
    include_bracketed: Annotated[list[str], Field(alias="include[]")] = []

    def check(self) -> None:
        """Raises: UnsupportedParameter for what is not kept, InvalidRequest for what OpenAI does not have either."""
        asked = {*self.include, *self.include_bracketed}
        if unkept := sorted(asked & NOT_KEPT):
            raise UnsupportedParameter(f"'{unkept[0]}' cannot be included: it is not kept.", param="include")
        if asked - INCLUDABLE:
            raise InvalidRequest(f"'include' names none of {', '.join(sorted(INCLUDABLE))}.", param="include")


class ItemsQuery(IncludeQuery, ConversationsQuery):
    order: Order = "desc"


def to_items(bodies: Sequence[InputItem], limit_bytes: int) -> list[NewItem]:
    """Raises: InvalidRequest, RequestTooLarge."""
    items = [NewItem(body.to_content(), "incomplete" if body.is_cut else "completed") for body in bodies]
    check_contents([item.content for item in items], limit_bytes, "items")
    return items
