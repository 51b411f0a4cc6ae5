"""`/v1/me` and `/v1/api_keys`: ours, in OpenAI's manner."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from lambdas.accounts.documents import deleted_key_document, key_list_document, me_document, new_key_document
from lambdas.accounts.schemas import CreateKeyBody, KeysQuery, NoQuery
from parley.accounts import keys
from parley.accounts.model import Identity
from parley.edge.bodies import parse_body
from parley.edge.errors import json_response
from parley.edge.requests import identity_of
from parley.errors import NotFound
from parley.ids import ApiKeyId, parse_api_key_id
from parley.wiring.accounts import Accounts

router = APIRouter(prefix="/v1")


def _accounts(request: Request) -> Accounts:
    return request.app.state.accounts


def _key_id(key_id: str) -> ApiKeyId:
    return parse_api_key_id(key_id)


def _no_query(_: Annotated[NoQuery, Query()]) -> None: ...


def _after(text: str | None) -> ApiKeyId | None:
    """Raises: NotFound, naming the parameter."""
    try:
        return None if text is None else parse_api_key_id(text)
    except NotFound as error:
        raise NotFound(error.message, param="after") from error


AccountsOf = Annotated[Accounts, Depends(_accounts)]
Asking = Annotated[Identity, Depends(identity_of)]
KeyOf = Annotated[ApiKeyId, Depends(_key_id)]
without_query = [Depends(_no_query)]


@router.get("/me", dependencies=without_query)
async def get_me(identity: Asking) -> Response:
    return json_response(me_document(identity))


@router.post("/api_keys", dependencies=without_query)
async def create_key(request: Request, accounts: AccountsOf, identity: Asking) -> Response:
    new = parse_body(CreateKeyBody, await request.body()).to_new(identity)
    key, secret = await keys.create_key(accounts.pool, identity, new)
    return json_response(new_key_document(key, secret), headers={"cache-control": "no-store"})


@router.get("/api_keys")
async def list_keys(query: Annotated[KeysQuery, Query()], accounts: AccountsOf, identity: Asking) -> Response:
    page = await keys.list_keys(accounts.pool, identity, limit=query.limit, after=_after(query.after))
    return json_response(key_list_document(page))


@router.delete("/api_keys/{key_id}", dependencies=without_query)
async def revoke_key(key_id: KeyOf, accounts: AccountsOf, identity: Asking) -> Response:
    await keys.revoke_key(accounts.pool, identity, key_id)
    return json_response(deleted_key_document(key_id))
