"""`/v1/admin/reviews`: what moderation flagged, for people to decide."""

from collections.abc import Mapping
from typing import Annotated

from aws_lambda_powertools import Logger
from fastapi import APIRouter, Depends, Query, Request, Response

from lambdas.moderation.reviews.documents import decided_document, labels_document, opened_document, review_document
from lambdas.moderation.reviews.schemas import DecisionBody, LabelsQuery, NoQuery, ReviewsQuery
from parley.accounts.model import Credential, Role
from parley.conversations.model import Page
from parley.edge.bodies import parse_body
from parley.edge.errors import json_response
from parley.edge.items import list_document
from parley.edge.requests import identity_of
from parley.errors import NotFound, PermissionDenied
from parley.kit.postgres import Pool
from parley.kit.telemetry import count_metric
from parley.reviews import service
from parley.reviews.model import Decision, Reviewer, ReviewId, parse_review_id

router = APIRouter(prefix="/v1/admin/reviews")

_METRIC_OF: Mapping[Decision, str] = {
    "approve": "ReviewsApproved",
    "uphold": "ReviewsUpheld",
    "escalate": "ReviewsEscalated",
}


def _pool(request: Request) -> Pool:
    return request.app.state.moderation.pool


def _logger(request: Request) -> Logger:
    return request.app.state.logger


def _reviewer(request: Request) -> Reviewer:
    """Raises: PermissionDenied."""
    identity = identity_of(request)
    # Keys have no roles; one that came with some would be a mistake of the authorizer's.
    if identity.credential is not Credential.TOKEN or not identity.roles & {Role.REVIEWER, Role.ADMIN}:
        raise PermissionDenied("Reviews are for reviewers and admins who have signed in.")
    return Reviewer(identity.user_id, is_admin=Role.ADMIN in identity.roles)


def _review_id(review_id: str) -> ReviewId:
    return parse_review_id(review_id)


def _no_query(_: Annotated[NoQuery, Query()]) -> None: ...


def _after(text: str | None) -> ReviewId | None:
    """The place a page begins behind. Raises: NotFound, naming the parameter."""
    try:
        return None if text is None else parse_review_id(text)
    except NotFound as error:
        raise NotFound(error.message, param="after") from error


# In this order: who may not look learns nothing of what he asked for.
ReviewerOf = Annotated[Reviewer, Depends(_reviewer)]
PoolOf = Annotated[Pool, Depends(_pool)]
ReviewOf = Annotated[ReviewId, Depends(_review_id)]
without_query = [Depends(_reviewer), Depends(_no_query)]


@router.get("")
async def list_reviews(reviewer: ReviewerOf, query: Annotated[ReviewsQuery, Query()], pool: PoolOf) -> Response:
    page = await service.list_reviews(pool, reviewer, query.to_query(_after(query.after)))
    return json_response(list_document(Page(page.data, page.has_more), review_document))


@router.get("/labels")
async def list_labels(reviewer: ReviewerOf, query: Annotated[LabelsQuery, Query()], pool: PoolOf) -> Response:
    page = await service.list_labels(pool, reviewer, limit=query.limit, after=_after(query.after))
    return json_response(labels_document(page))


@router.get("/{review_id}", dependencies=without_query)
async def open_review(reviewer: ReviewerOf, review_id: ReviewOf, pool: PoolOf) -> Response:
    return json_response(opened_document(await service.open_review(pool, reviewer, review_id)))


@router.post("/{review_id}/decision", dependencies=without_query)
async def decide_review(
    request: Request,
    reviewer: ReviewerOf,
    review_id: ReviewOf,
    pool: PoolOf,
    logger: Annotated[Logger, Depends(_logger)],
) -> Response:
    body = parse_body(DecisionBody, await request.body())
    review, events = await service.decide_review(pool, reviewer, review_id, body.decision, body.note)
    count_metric(logger, _METRIC_OF[body.decision])
    return json_response(decided_document(review, events))
