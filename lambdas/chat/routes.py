"""The routes of the chat function."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from lambdas.chat.completions import completion, completion_chunks
from lambdas.chat.documents import model_document, response_document
from lambdas.chat.requests import to_turn
from lambdas.chat.schemas import CompletionRequest
from parley.accounts.model import Identity
from parley.edge.bodies import parse_body
from parley.edge.errors import error_response, json_response
from parley.edge.requests import identity_of
from parley.edge.streams import EventStream, unless_disconnected
from parley.ids import parse_response_id
from parley.turns.turn import Turn
from parley.wiring.chat import Chat

# Proxies drop a connection that is silent for long: CloudFront after 30 s by default.
KEEP_ALIVE_S = 15

router = APIRouter()


# Dependencies are async, for FastAPI runs others in a thread of its pool.
async def _chat(request: Request) -> Chat:
    return request.app.state.chat


async def _asker(request: Request) -> Identity:
    return identity_of(request)


ChatParts = Annotated[Chat, Depends(_chat)]
Asker = Annotated[Identity, Depends(_asker)]


async def create_completion(request: Request) -> Response:
    chat, asker = await _chat(request), await _asker(request)
    wanted = parse_body(CompletionRequest, await request.body())
    turn = await unless_disconnected(request.receive, _begin(wanted, chat, asker))
    if turn is None:
        return _nobody_there()
    if wanted.stream:
        reader = turn.reader(KEEP_ALIVE_S)
        include_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        return EventStream(reader, completion_chunks(turn, reader, include_usage=include_usage))
    return await _whole(turn, request)


# A plain route: the body is parsed here, and FastAPI's search for parameters was 2.5 % of a short turn (py-spy).
router.add_route("/v1/chat/completions", create_completion, methods=["POST"])


async def _begin(wanted: CompletionRequest, chat: Chat, asker: Identity) -> Turn:
    valid = await to_turn(wanted, asker.user_id, chat.catalogue, chat.message_limit_bytes)
    return await chat.turns.begin(valid)


async def _whole(turn: Turn, request: Request) -> Response:
    async with turn.reader(KEEP_ALIVE_S):
        await unless_disconnected(request.receive, turn.wait_for_end())
    if turn.outcome is None:
        return _nobody_there()
    return error_response(turn.outcome.error) if turn.outcome.error else json_response(completion(turn))


def _nobody_there() -> Response:
    """The client has left: this goes nowhere but into the access log, as nginx writes it."""
    return Response(status_code=499)


@router.post("/v1/responses/{response_id}/cancel")
async def cancel_response(response_id: str, chat: ChatParts, asker: Asker) -> Response:
    response = await chat.turns.cancel(asker.user_id, parse_response_id(response_id))
    return json_response(response_document(response))


@router.get("/v1/models")
async def list_models(chat: ChatParts, _: Asker) -> Response:
    models = await chat.catalogue.list_models()
    return json_response({"object": "list", "data": [model_document(model) for model in models]})


@router.get("/v1/models/{name:path}")
async def get_model(name: str, chat: ChatParts, _: Asker) -> Response:
    return json_response(model_document(await chat.catalogue.get(name)))


@router.get("/healthz")
async def get_health() -> dict[str, Any]:
    """For Lambda Web Adapter: the process serves. A failing answer would make it wait for ever, so no part is asked."""
    return {"status": "ok"}
