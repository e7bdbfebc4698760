"""`/health/live`, `/health/ready` and `/metrics`: for load balancers and Prometheus."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import Field
from starlette.responses import Response
from typing_extensions import TypedDict

from ..observability.metrics import CONTENT_TYPE
from ..store.port import Scope
from .answers import Answer
from .auth import Behind, authenticator_of
from .documented import refusals
from .errors import NetworkNotAllowed, NotReady, RateLimited, ScopeMissing, Unauthorized

router = APIRouter(tags=["Health"])


class HealthWord(StrEnum):
    """What a health check says."""

    LIVE = "live"
    READY = "ready"


class Health(TypedDict):
    """A good answer of a health check."""

    status: HealthWord
    version: Annotated[str, Field(examples=["0.1.0"])]


@router.get("/health/live", response_model=Health, summary="Does the process live?")
async def get_live(services: Behind) -> Response:
    """Always `200` while the process answers at all. No key needed."""
    return Answer({"status": HealthWord.LIVE, "version": services.policy.version})


@router.get(
    "/health/ready",
    response_model=Health,
    summary="Does it take mail?",
    responses=refusals(NotReady),
)
async def get_ready(services: Behind) -> Response:
    """`503` while draining or while mail cannot be stored. No key needed."""
    why_not = await services.why_not_ready()
    if why_not is not None:
        raise NotReady(why_not)
    return Answer({"status": HealthWord.READY, "version": services.policy.version})


@router.get(
    "/metrics",
    response_class=Response,
    summary="Prometheus metrics",
    responses={
        200: {
            "description": "The Prometheus text format.",
            "content": {"text/plain": {"schema": {"type": "string"}}},
        },
        **refusals(Unauthorized, NetworkNotAllowed, ScopeMissing, RateLimited),
    },
)
async def get_metrics(request: Request, services: Behind) -> Response:
    """No key needed, unless `server.public_metrics` is off: then one with the scope `read`."""
    if not services.policy.public_metrics:
        await authenticator_of(request).admit(request, Scope.READ)
    return Response(services.metrics.render(), media_type=CONTENT_TYPE)
