"""`/v1/conversations` and `/items`, as OpenAI has them; the list of conversations is ours."""

from collections.abc import Callable
from typing import Annotated, TypeVar

from fastapi import APIRouter, Depends, Query, Request, Response

from lambdas.history.documents import appeal_document, conversation_document, item_document
from lambdas.history.schemas import (
    AppealBody,
    ConversationsQuery,
    CreateConversationBody,
    CreateItemsBody,
    IncludeQuery,
    ItemsQuery,
    NoQuery,
    UpdateConversationBody,
    to_items,
)
from parley.conversations import service
from parley.conversations.model import ItemKey, ItemQuery, Page, item_wire_id, parse_item_id
from parley.edge.bodies import parse_body
from parley.edge.errors import json_response
from parley.edge.items import list_document
from parley.edge.requests import identity_of
from parley.errors import NotFound
from parley.ids import ConversationId, UserId, conversation_wire_id, parse_conversation_id
from parley.kit.postgres import Pool
from parley.kit.telemetry import count_metric
from parley.reviews.service import appeal
from parley.wiring.history import History

router = APIRouter(prefix="/v1/conversations")

T = TypeVar("T")


def _history(request: Request) -> History:
    return request.app.state.history


def _pool_to_list(request: Request) -> Pool:
    """A standby for whoever says that an answer a moment old will do (RFC 9111, 5.2.1.2); else the writer.

    So nobody misses what he has just written, whichever function wrote it: fresh is what one gets without asking.
    """
    directives = request.headers.get("cache-control", "").lower().split(",")
    takes_stale = any(each.strip().partition("=")[0] == "max-stale" for each in directives)
    return _history(request).reader if takes_stale else _history(request).pool


def _user_id(request: Request) -> UserId:
    return identity_of(request).user_id


def _conversation_id(conversation_id: str) -> ConversationId:
    return parse_conversation_id(conversation_id)


def _item_key(item_id: str) -> ItemKey:
    return parse_item_id(item_id)


def _no_query(_: Annotated[NoQuery, Query()]) -> None: ...


def _include(query: Annotated[IncludeQuery, Query()]) -> None:
    query.check()


def _after(text: str | None, parse: Callable[[str], T]) -> T | None:
    """The place a page begins behind. Raises: NotFound, naming the parameter."""
    try:
        return None if text is None else parse(text)
    except NotFound as error:
        raise NotFound(error.message, param="after") from error


HistoryOf = Annotated[History, Depends(_history)]
PoolToList = Annotated[Pool, Depends(_pool_to_list)]
User = Annotated[UserId, Depends(_user_id)]
ConversationOf = Annotated[ConversationId, Depends(_conversation_id)]
ItemOf = Annotated[ItemKey, Depends(_item_key)]
without_query = [Depends(_no_query)]
with_include = [Depends(_include)]


@router.post("", dependencies=without_query)
async def create_conversation(request: Request, history: HistoryOf, user_id: User) -> Response:
    body = parse_body(CreateConversationBody, await request.body())
    new = body.to_new(history.message_limit_bytes)
    return json_response(conversation_document(await service.create_conversation(history.pool, user_id, new)))


@router.get("")
async def list_conversations(
    query: Annotated[ConversationsQuery, Query()], pool: PoolToList, user_id: User
) -> Response:
    after = _after(query.after, parse_conversation_id)
    page = await service.list_conversations(pool, user_id, limit=query.limit, after=after)
    return json_response(list_document(page, conversation_document))


@router.get("/{conversation_id}", dependencies=without_query)
async def get_conversation(conversation_id: ConversationOf, history: HistoryOf, user_id: User) -> Response:
    return json_response(conversation_document(await service.get_conversation(history.pool, user_id, conversation_id)))


@router.post("/{conversation_id}", dependencies=without_query)
async def update_conversation(
    request: Request, conversation_id: ConversationOf, history: HistoryOf, user_id: User
) -> Response:
    change = parse_body(UpdateConversationBody, await request.body()).to_change()
    changed = await service.update_conversation(history.pool, user_id, conversation_id, change)
    return json_response(conversation_document(changed))


@router.delete("/{conversation_id}", dependencies=without_query)
async def delete_conversation(conversation_id: ConversationOf, history: HistoryOf, user_id: User) -> Response:
    await service.delete_conversation(history.pool, user_id, conversation_id)
    document = {"id": conversation_wire_id(conversation_id), "object": "conversation.deleted", "deleted": True}
    return json_response(document)


@router.post("/{conversation_id}/items", dependencies=with_include)
async def add_items(request: Request, conversation_id: ConversationOf, history: HistoryOf, user_id: User) -> Response:
    body = parse_body(CreateItemsBody, await request.body())
    items = to_items(body.items, history.message_limit_bytes)
    added = await service.add_items(history.pool, user_id, conversation_id, items)
    return json_response(list_document(Page(added, has_more=False), item_document))


@router.get("/{conversation_id}/items")
async def list_items(
    query: Annotated[ItemsQuery, Query()], conversation_id: ConversationOf, pool: PoolToList, user_id: User
) -> Response:
    query.check()
    part = ItemQuery(limit=query.limit, after=_after(query.after, parse_item_id), order=query.order)
    page = await service.list_items(pool, user_id, conversation_id, part)
    return json_response(list_document(page, item_document))


@router.get("/{conversation_id}/items/{item_id}", dependencies=with_include)
async def get_item(conversation_id: ConversationOf, key: ItemOf, history: HistoryOf, user_id: User) -> Response:
    return json_response(item_document(await service.get_item(history.pool, user_id, conversation_id, key)))


@router.delete("/{conversation_id}/items/{item_id}", dependencies=without_query)
async def delete_item(conversation_id: ConversationOf, key: ItemOf, history: HistoryOf, user_id: User) -> Response:
    left = await service.delete_item(history.pool, user_id, conversation_id, key)
    return json_response(conversation_document(left))


@router.post("/{conversation_id}/items/{item_id}/appeal", dependencies=without_query)
async def appeal_block(
    request: Request, conversation_id: ConversationOf, key: ItemOf, history: HistoryOf, user_id: User
) -> Response:
    body = parse_body(AppealBody, await request.body())
    listed = await service.get_item(history.pool, user_id, conversation_id, key)
    made = await appeal(history.pool, user_id, key.item_id, body.note)
    if made.is_new:
        count_metric(request.app.state.logger, "ReviewsAppealed")
    return json_response(appeal_document(item_wire_id(listed.item), made))
