"""`/v1/webhooks`: where a client's programs are told of events, and what became of it.

Neighbours: `events.endpoints` does what is asked for, `events.publisher` calls the webhooks.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from ..domain.errors import Fault, NotFound, StateConflict
from ..domain.webhook import DeliveryId, Webhook, WebhookId
from ..store.port import ApiKey, InvalidCursor
from .answers import Answer
from .auth import NEEDS_MANAGE, NEEDS_READ, Behind, CanManage
from .bodies import json_body
from .documented import JSON_BODY, json_request, refusals, returns, together
from .errors import InvalidRequest
from .messages import bad_cursor
from .schemas_webhook import (
    DeliveryListQuery,
    DeliveryOut,
    DeliveryPageOut,
    NewWebhook,
    ReplayedOut,
    SecretRotation,
    WebhookList,
    WebhookOut,
    WebhookPatch,
    WebhookReplay,
    WebhookWithSecret,
    delivery_of,
    delivery_page,
    replayed_of,
    webhook_of,
    webhook_with_secret,
)
from .services import Services

router = APIRouter(tags=["Webhooks"])


@router.post(
    "/v1/webhooks",
    status_code=201,
    response_model=WebhookWithSecret,
    summary="Create a webhook",
    responses=together(
        returns(201, "The webhook, with its secret.", WebhookWithSecret),
        refusals(StateConflict, *JSON_BODY),
    ),
    openapi_extra=json_request(NewWebhook),
)
async def create_webhook(
    key: CanManage, asked: Annotated[NewWebhook, Depends(json_body(NewWebhook))], services: Behind
) -> Response:
    """Have events sent to a URL of yours, from now on, as Standard Webhooks.

    Keep the secret: it is shown this once.
    """
    settings = asked.settings(services.webhooks.rules)
    made = await services.webhooks.create(settings, by=key.id)
    return Answer(webhook_with_secret(made, services.clock.now()), 201)


@router.get(
    "/v1/webhooks", dependencies=[NEEDS_READ], response_model=WebhookList, summary="List webhooks"
)
async def list_webhooks(services: Behind) -> Response:
    """All webhooks and how they stand, never a secret."""
    now = services.clock.now()
    data = [webhook_of(it, now) for it in await services.webhooks.all()]
    return Answer({"data": data, "next_cursor": None})


@router.get(
    "/v1/webhooks/{id}",
    dependencies=[NEEDS_READ],
    response_model=WebhookOut,
    summary="Ask for a webhook",
    responses=refusals(NotFound),
)
async def get_webhook(id: str, services: Behind) -> Response:  # noqa: A002 - wire name
    """Its settings, whether it is called, and since when it fails."""
    return _answer(await services.webhooks.get(WebhookId(id)), services)


@router.patch(
    "/v1/webhooks/{id}",
    response_model=WebhookOut,
    summary="Change a webhook",
    responses=refusals(NotFound, *JSON_BODY),
    openapi_extra=json_request(WebhookPatch),
)
async def change_webhook(
    id: str,  # noqa: A002
    key: CanManage,
    change: Annotated[WebhookPatch, Depends(json_body(WebhookPatch))],
    services: Behind,
) -> Response:
    """Change its URL or filters, pause it, or resume it.

    While it is paused, events wait for it, as long as they are kept; resumed, it gets them, unless
    `skip_missed`. New filters hold for events from then on.
    """
    webhook = await services.webhooks.get(WebhookId(id))
    settings = change.settings(webhook.settings, services.webhooks.rules)
    if settings != webhook.settings:
        webhook = await services.webhooks.change(webhook.id, settings, by=key.id)
    return _answer(await _paused_or_resumed(webhook, change, key, services), services)


async def _paused_or_resumed(
    webhook: Webhook, change: WebhookPatch, key: ApiKey, services: Services
) -> Webhook:
    match change.paused:
        case True:
            return await services.webhooks.pause(webhook.id, change.reason, by=key.id)
        case False:
            skip = change.skip_missed
            return await services.webhooks.resume(webhook.id, skip=skip, by=key.id)
        case None:
            return webhook


@router.delete(
    "/v1/webhooks/{id}",
    response_model=WebhookOut,
    summary="Delete a webhook",
    responses=refusals(NotFound),
)
async def delete_webhook(id: str, key: CanManage, services: Behind) -> Response:  # noqa: A002
    """Call it no more, and forget it and its deliveries; the answer is how it stood."""
    return _answer(await services.webhooks.remove(WebhookId(id), by=key.id), services)


@router.post(
    "/v1/webhooks/{id}/rotate",
    response_model=WebhookWithSecret,
    summary="Rotate a webhook's secret",
    responses=refusals(NotFound, *JSON_BODY),
    openapi_extra=json_request(SecretRotation, required=False),
)
async def rotate_webhook(
    id: str,  # noqa: A002
    key: CanManage,
    how: Annotated[SecretRotation, Depends(json_body(SecretRotation))],
    services: Behind,
) -> Response:
    """Make a new secret, shown this once.

    Until the `overlap` is over, requests carry both signatures: your receiver may know either.
    """
    rotated = await services.webhooks.rotate(WebhookId(id), how.span, by=key.id)
    return Answer(webhook_with_secret(rotated, services.clock.now()))


@router.post(
    "/v1/webhooks/{id}/test",
    dependencies=[NEEDS_MANAGE],
    response_model=DeliveryOut,
    summary="Test a webhook",
    responses=refusals(NotFound),
)
async def test_webhook(id: str, services: Behind) -> Response:  # noqa: A002
    """Send a `webhook.test` event now, once, also to a paused webhook.

    The answer is the delivery: its attempt has status, duration and what your receiver answered.
    """
    return Answer(delivery_of(await services.webhooks.test(WebhookId(id))))


# ---------------------------------------------------------------- deliveries


@router.get(
    "/v1/webhooks/{id}/deliveries",
    dependencies=[NEEDS_READ],
    response_model=DeliveryPageOut,
    summary="List deliveries of a webhook",
    responses=refusals(NotFound, InvalidRequest),
)
async def list_deliveries(
    id: str,  # noqa: A002
    asked: Annotated[DeliveryListQuery, Query()],
    services: Behind,
) -> Response:
    """What was sent, or will be: each with its body, every attempt and what was answered."""
    webhook = await services.webhooks.get(WebhookId(id))
    try:
        page = await services.store.webhooks.deliveries(asked.query(webhook.id))
    except InvalidCursor:
        raise bad_cursor() from None
    return Answer(delivery_page(page))


@router.get(
    "/v1/webhooks/{id}/deliveries/{delivery}",
    dependencies=[NEEDS_READ],
    response_model=DeliveryOut,
    summary="Ask for a delivery",
    responses=refusals(NotFound),
)
async def get_delivery(id: str, delivery: str, services: Behind) -> Response:  # noqa: A002
    """How it stands, with every attempt."""
    return Answer(
        delivery_of(await services.webhooks.delivery(WebhookId(id), DeliveryId(delivery)))
    )


@router.post(
    "/v1/webhooks/{id}/deliveries/{delivery}/replay",
    dependencies=[NEEDS_MANAGE],
    response_model=DeliveryOut,
    summary="Replay a delivery",
    responses=refusals(NotFound, StateConflict),
)
async def replay_delivery(id: str, delivery: str, services: Behind) -> Response:  # noqa: A002
    """Send it again now, whatever became of it, with the same `webhook-id`.

    If that fails, it is retried as at first.
    """
    again = await services.webhooks.replay_one(WebhookId(id), DeliveryId(delivery))
    return Answer(delivery_of(again))


@router.post(
    "/v1/webhooks/{id}/replay",
    dependencies=[NEEDS_MANAGE],
    response_model=ReplayedOut,
    summary="Replay a period",
    responses=refusals(NotFound, StateConflict, *JSON_BODY),
    openapi_extra=json_request(WebhookReplay),
)
async def replay_period(
    id: str,  # noqa: A002
    asked: Annotated[WebhookReplay, Depends(json_body(WebhookReplay))],
    services: Behind,
) -> Response:
    """Send the events of a period again that this webhook wants and has not taken.

    Each keeps its `webhook-id`; events from before the webhook was made are among them.
    """
    period = asked.period(services.clock.now())
    try:
        done = await services.webhooks.replay(WebhookId(id), period, dry_run=asked.dry_run)
    except InvalidCursor:
        fault = Fault("/cursor", "is not a next_cursor of a replay")
        raise InvalidRequest([fault]) from None
    return Answer(replayed_of(done, dry_run=asked.dry_run))


def _answer(webhook: Webhook, services: Services) -> Answer:
    return Answer(webhook_of(webhook, services.clock.now()))
