"""`/v1/moderations`, as OpenAI has it."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request

from parley.wiring.moderation import ModerationParts

router = APIRouter(prefix="/v1/moderations")


async def _parts(request: Request) -> ModerationParts:
    return request.app.state.moderation


Parts = Annotated[ModerationParts, Depends(_parts)]
