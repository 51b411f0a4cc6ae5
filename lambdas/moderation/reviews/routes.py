"""`/v1/admin/reviews`: what moderation flagged, for people to decide."""

from fastapi import APIRouter

router = APIRouter(prefix="/v1/admin/reviews")
