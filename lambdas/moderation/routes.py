"""`/v1/moderations`, as OpenAI has it."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from lambdas.moderation.documents import moderation_document
from lambdas.moderation.schemas import ModerationBody
from parley.edge.bodies import parse_body
from parley.edge.errors import json_response
from parley.edge.requests import identity_of
from parley.errors import ModerationUnavailable, RequestTooLarge
from parley.moderation.scoring import score_with_keywords
from parley.wiring.moderation import ModerationParts

router = APIRouter(prefix="/v1/moderations")

# API Gateway waits 29 s. A text takes some seconds at most, and is not broken off.
SCORED_WITHIN_S = 20


async def _parts(request: Request) -> ModerationParts:
    return request.app.state.moderation


Parts = Annotated[ModerationParts, Depends(_parts)]


@router.post("")
async def create_moderation(request: Request, parts: Parts) -> Response:
    tier = identity_of(request).tier
    body = parse_body(ModerationBody, await request.body(), may_hold_nul=True)
    texts = body.to_texts(parts.text_limit_bytes)
    if parts.classifier is None:
        raise ModerationUnavailable("There is no classifier here, and the keywords alone are no moderation.")
    body.check_model(parts.classifier.version)
    try:
        async with asyncio.timeout(SCORED_WITHIN_S):
            scores = await score_with_keywords(parts.keywords, parts.classifier, texts, tier)
    except TimeoutError as error:
        message = f"This is more than can be moderated in {SCORED_WITHIN_S} seconds: send fewer or shorter texts."
        raise RequestTooLarge(message, param="input") from error
    return json_response(moderation_document(parts.classifier.version, scores, parts.keywords.policy.of(tier)))
