"""What the routes have in common: the function's parts, who asks, and the answer for nobody."""

from typing import Annotated

from fastapi import Depends, Request, Response

from parley.accounts.model import Identity
from parley.edge.requests import identity_of
from parley.wiring.chat import Chat

# Proxies drop a connection that is silent for long: CloudFront after 30 s by default.
KEEP_ALIVE_S = 15


# Dependencies are async, for FastAPI runs others in a thread of its pool.
async def chat_of(request: Request) -> Chat:
    return request.app.state.chat


async def asker_of(request: Request) -> Identity:
    """Raises: Unauthenticated."""
    return identity_of(request)


ChatParts = Annotated[Chat, Depends(chat_of)]
Asker = Annotated[Identity, Depends(asker_of)]


def nobody_there() -> Response:
    """The client has left: this goes nowhere but into the access log, as nginx writes it."""
    return Response(status_code=499)
