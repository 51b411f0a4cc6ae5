"""The routes of chat completions and models."""

from typing import Any

from fastapi import APIRouter, Request, Response

from lambdas.chat.completions import completion, completion_chunks
from lambdas.chat.dependencies import KEEP_ALIVE_S, Asker, ChatParts, asker_of, chat_of, nobody_there
from lambdas.chat.documents import model_document
from lambdas.chat.origin import Origin, origin_of
from lambdas.chat.requests import to_turn
from lambdas.chat.schemas import CompletionRequest
from parley.accounts.model import Identity
from parley.edge.bodies import parse_body
from parley.edge.errors import error_response, json_response
from parley.edge.streams import EventStream, unless_disconnected
from parley.turns.turn import Turn
from parley.wiring.chat import Chat

router = APIRouter()


async def create_completion(request: Request) -> Response:
    chat, asker = await chat_of(request), await asker_of(request)
    content = await request.body()
    wanted = parse_body(CompletionRequest, content)
    beginning = _begin(wanted, chat, asker, origin_of(request, content))
    turn = await unless_disconnected(request.receive, beginning)
    if turn is None:
        return nobody_there()
    if wanted.stream:
        reader = turn.reader(KEEP_ALIVE_S)
        include_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        return EventStream(reader, completion_chunks(turn, reader, include_usage=include_usage))
    return await _whole(turn, request)


# A plain route: the body is parsed here, and FastAPI's search for parameters was 2.5 % of a short turn (py-spy).
router.add_route("/v1/chat/completions", create_completion, methods=["POST"])


async def _begin(wanted: CompletionRequest, chat: Chat, asker: Identity, origin: Origin) -> Turn:
    valid = await to_turn(wanted, asker, chat.catalogue, chat.message_limit_bytes, origin)
    return await chat.turns.begin(valid)


async def _whole(turn: Turn, request: Request) -> Response:
    async with turn.reader(KEEP_ALIVE_S):
        await unless_disconnected(request.receive, turn.wait_for_end())
    if turn.outcome is None:
        return nobody_there()
    return error_response(turn.outcome.error) if turn.outcome.error else json_response(completion(turn))


@router.get("/v1/models")
async def list_models(chat: ChatParts, asker: Asker) -> Response:
    models = await chat.catalogue.list_models(asker.tier)
    return json_response({"object": "list", "data": [model_document(model) for model in models]})


@router.get("/v1/models/{name:path}")
async def get_model(name: str, chat: ChatParts, asker: Asker) -> Response:
    return json_response(model_document(await chat.catalogue.get(name, asker.tier)))


@router.get("/healthz")
async def get_health() -> dict[str, Any]:
    """For Lambda Web Adapter: the process serves. A failing answer would make it wait for ever, so no part is asked."""
    return {"status": "ok"}
