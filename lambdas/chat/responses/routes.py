"""`/v1/responses`, as OpenAI has them; the receipt is ours."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from lambdas.chat.dependencies import KEEP_ALIVE_S, Asker, ChatParts, asker_of, chat_of, nobody_there
from lambdas.chat.origin import Origin, origin_of
from lambdas.chat.responses.documents import input_item_document, response_document, stored_document
from lambdas.chat.responses.events import settled_document
from lambdas.chat.responses.requests import to_counted_turn, to_turn
from lambdas.chat.responses.schemas import CreateResponseBody, InputItemsQuery, NoQuery, PromptBody, RetrieveQuery
from lambdas.chat.responses.streams import check_starting_after, response_events
from parley.accounts.model import Identity
from parley.conversations.model import ItemKey, ItemQuery, parse_item_id
from parley.edge.bodies import parse_body
from parley.edge.errors import error_response, json_response
from parley.edge.items import list_document
from parley.edge.streams import EventStream, unless_disconnected
from parley.errors import ChatError, InvalidRequest, NotFound
from parley.ids import ResponseId, parse_response_id, response_wire_id
from parley.turns.model import Status
from parley.turns.turn import Turn
from parley.wiring.chat import Chat

_OWN_PARAMS: Mapping[str | None, str] = {"conversation_id": "conversation", "messages": "input"}

router = APIRouter(prefix="/v1/responses")


async def _response_id(response_id: str) -> ResponseId:
    return parse_response_id(response_id)


async def _no_query(_: Annotated[NoQuery, Query()]) -> None: ...


ResponseOf = Annotated[ResponseId, Depends(_response_id)]
without_query = [Depends(_no_query)]


async def create_response(request: Request) -> Response:
    chat, asker = await chat_of(request), await asker_of(request)
    content = await request.body()
    wanted = parse_body(CreateResponseBody, content)
    beginning = _begin(wanted, chat, asker, origin_of(request, content))
    turn = await unless_disconnected(request.receive, beginning)
    if turn is None:
        return nobody_there()
    if wanted.stream:
        return _stream(turn)
    if wanted.background:
        return json_response(_begun_document(turn))
    return await _whole(turn, request)


# A plain route, as for chat completions.
router.add_route("/v1/responses", create_response, methods=["POST"])


@router.post("/input_tokens", dependencies=without_query)
async def count_input_tokens(request: Request, chat: ChatParts, asker: Asker) -> Response:
    body = parse_body(PromptBody, await request.body())
    turn = await to_counted_turn(body, asker, chat.catalogue, chat.message_limit_bytes)
    with _own_params():
        tokens = await chat.turns.count_input_tokens(turn)
    return json_response({"object": "response.input_tokens", "input_tokens": tokens})


@router.get("/{response_id}")
async def get_response(
    response_id: ResponseOf, query: Annotated[RetrieveQuery, Query()], chat: ChatParts, asker: Asker
) -> Response:
    if query.stream:
        turn = await chat.turns.find(asker.user_id, response_id)
        check_starting_after(turn, query.starting_after)
        return _stream(turn, query.starting_after)
    if query.starting_after is not None:
        raise InvalidRequest("'starting_after' goes with 'stream=true'.", param="starting_after")
    return json_response(stored_document(await chat.turns.get(asker.user_id, response_id)))


@router.post("/{response_id}/cancel", dependencies=without_query)
async def cancel_response(response_id: ResponseOf, chat: ChatParts, asker: Asker) -> Response:
    return json_response(stored_document(await chat.turns.cancel(asker.user_id, response_id)))


@router.delete("/{response_id}", dependencies=without_query)
async def delete_response(response_id: ResponseOf, chat: ChatParts, asker: Asker) -> Response:
    await chat.turns.delete(asker.user_id, response_id)
    return json_response({"id": response_wire_id(response_id), "object": "response", "deleted": True})


@router.get("/{response_id}/input_items")
async def list_input_items(
    response_id: ResponseOf, query: Annotated[InputItemsQuery, Query()], chat: ChatParts, asker: Asker
) -> Response:
    part = ItemQuery(limit=query.limit, after=_after(query.after), order=query.order)
    page = await chat.turns.list_input_items(asker.user_id, response_id, part)
    return json_response(list_document(page, input_item_document))


@router.get("/{response_id}/receipt", dependencies=without_query)
async def get_receipt(response_id: ResponseOf, chat: ChatParts, asker: Asker) -> Response:
    return json_response(await chat.turns.receipt(asker.user_id, response_id))


async def _begin(wanted: CreateResponseBody, chat: Chat, asker: Identity, origin: Origin) -> Turn:
    valid = await to_turn(wanted, asker, chat.catalogue, chat.message_limit_bytes, origin)
    with _own_params():
        return await chat.turns.begin(valid)


@contextmanager
def _own_params() -> Generator[None]:
    """The errors of a turn name the fields of chat completions: these are the same in the words of this API."""
    try:
        yield
    except ChatError as error:
        if error.param not in _OWN_PARAMS:
            raise
        raise type(error)(error.message, param=_OWN_PARAMS[error.param], retry_after_s=error.retry_after_s) from error


def _stream(turn: Turn, starting_after: int | None = None) -> Response:
    reader = turn.reader(KEEP_ALIVE_S)
    return EventStream(reader, response_events(turn, reader, starting_after=starting_after))


async def _whole(turn: Turn, request: Request) -> Response:
    """The answer that is over. One that broke off is given as far as it came; where there is nothing, it is an error."""
    async with turn.reader(KEEP_ALIVE_S):
        await unless_disconnected(request.receive, turn.wait_for_end())
    if turn.outcome is None:
        return nobody_there()
    if turn.outcome.status is Status.FAILED and turn.outcome.error is not None:
        return error_response(turn.outcome.error)
    return json_response(settled_document(turn))


def _begun_document(turn: Turn) -> dict[str, object]:
    """A background response as it is just after its request; one that the same request began before may be over."""
    if turn.outcome is not None:
        return settled_document(turn)
    return response_document(turn.response, Status.IN_PROGRESS if turn.deltas else Status.QUEUED)


def _after(text: str | None) -> ItemKey | None:
    """The item a page begins behind. Raises: NotFound, naming the parameter."""
    try:
        return None if text is None else parse_item_id(text)
    except NotFound as error:
        raise NotFound(error.message, param="after") from error
