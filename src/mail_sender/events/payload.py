"""What a webhook is told: the body of an event, in the form of Standard Webhooks.

Pure. Neighbours: `publisher` makes the body once, so that every attempt sends the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from ..domain.event import EventType
from ..domain.webhook import (
    Occurrence,
    Webhook,
    WebhookDelivery,
    WebhookId,
    delivery_id,
)

_encode = msgspec.json.Encoder().encode


def deliveries_of(
    webhook: Webhook, found: Iterable[Occurrence], now: datetime
) -> Iterator[WebhookDelivery]:
    """Yield a delivery, due now, for each event that the webhook wants."""
    for it in found:
        if webhook.settings.wants(it):
            yield WebhookDelivery(
                id=delivery_id(webhook.id, it.event.id),
                webhook_id=webhook.id,
                event_id=it.event.id,
                event_type=it.event.type,
                body=body_of(it),
                created_at=now,
                next_attempt_at=now,
            )


def body_of(it: Occurrence) -> bytes:
    """Return the body: `type`, `timestamp` and `data`, as the specification has them.

    `data` is the event's own, with what a receiver needs to know whose event it is.
    """
    event = it.event
    whose: dict[str, object] = {"event_id": event.id}
    if event.message_id is not None:
        whose |= {"message_id": event.message_id, "tags": it.tags, "metadata": it.metadata}
    return _encode({"type": event.type, "timestamp": event.at, "data": {**event.data, **whose}})


def test_body(webhook: WebhookId, now: datetime) -> bytes:
    """Return the body of a test."""
    data = {"webhook_id": webhook}
    return _encode({"type": EventType.WEBHOOK_TEST, "timestamp": now, "data": data})
