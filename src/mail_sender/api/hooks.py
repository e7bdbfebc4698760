"""`POST /hooks/{provider}`: where providers send their events.

Neighbours: `feedback.hooks` judges and keeps a call before it is answered, each provider's own
`webhook` knows its signature. There is no API key: a provider cannot send one. What it says is
read later, so that the answer waits for nothing but the disk.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request
from starlette.responses import Response
from typing_extensions import TypedDict

from ..domain.errors import (
    HookNotNow,
    HookUndecided,
    InvalidHook,
    NotFound,
    NotGenuine,
    StoreUnavailable,
)
from ..feedback.hooks import MAX_BODY_BYTES
from ..providers.webhook import WebhookCall
from .answers import Answer
from .auth import Behind
from .bodies import any_bytes
from .documented import refusals
from .errors import BodyTooLarge, WrongMediaType

router = APIRouter(tags=["Events"])


class Taken(TypedDict):
    """The call is durable, or was before."""

    taken: bool


class Takes(TypedDict):
    """Events of this provider are taken here."""

    takes_events: bool


@router.post(
    "/hooks/{provider}",
    response_model=Taken,
    summary="Take a provider's event",
    responses=refusals(
        NotFound, NotGenuine, InvalidHook, BodyTooLarge, WrongMediaType, HookNotNow, HookUndecided,
        StoreUnavailable,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "What the provider sends, as it sends it.",
            "content": {"application/json": {"schema": {}}, "text/plain": {"schema": {}},
                "application/x-www-form-urlencoded": {"schema": {}}},
        }
    },
)  # fmt: skip
async def take_hook(
    request: Request,
    provider: Annotated[str, Path(description="Its name in the configuration.", examples=["ses"])],
    services: Behind,
) -> Response:
    """The address to give to a provider. `200` once the call is durable; each counts once.

    `401` when the signature does not fit or is too old, `503` when it should come again (`429` to
    a provider that a `503` makes give up).
    """
    body = await any_bytes(request, MAX_BODY_BYTES)
    call = WebhookCall(headers=dict(request.headers), body=body)
    await services.hooks.take(provider, call)
    return Answer({"taken": True})


@router.get(
    "/hooks/{provider}",
    response_model=Takes,
    summary="Say whether a provider's events are taken",
    responses=refusals(NotFound),
)
async def has_hook(
    provider: Annotated[str, Path(description="Its name in the configuration.", examples=["ses"])],
    services: Behind,
) -> Response:
    """Some providers look whether an address is there before they let it be registered."""
    if not services.hooks.takes(provider):
        raise NotFound(provider)
    return Answer({"takes_events": True})
