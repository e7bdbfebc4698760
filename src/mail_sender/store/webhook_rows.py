"""Between webhooks and rows: what is written into columns, and read back from them.

Pure; both engines share it. Neighbours: `rows` is the same for messages; `sqlite_endpoints`,
`sqlite_deliveries` and their likes in `postgres` write and read.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec

from ..domain.event import EventType
from ..domain.message import KeyId
from ..domain.secret import Secret
from ..domain.webhook import (
    DeliveryId,
    DeliveryState,
    Occurrence,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookId,
    WebhookPause,
    WebhookSettings,
)
from .listing import listed_tags
from .micros import instant, micros, micros_of, optional_instant, optional_micros
from .paging import event_id
from .rows import Columns, event_of, json_text, storable

_decode = msgspec.json.Decoder().decode

# ---------------------------------------------------------------- occurrences


def occurrence_of(row: Sequence[Any]) -> Occurrence:
    """Read what `rows.event_of` reads, then (key id, what a list shows of the content)."""
    *event, key_id, listed = row
    tags, metadata = listed_tags(listed)
    return Occurrence(event=event_of(tuple(event)), key_id=key_id, tags=tags, metadata=metadata)


# ---------------------------------------------------------------- webhooks

WEBHOOK = (
    "id, url, description, event_types, tags, key_ids, secret, previous_secret, previous_until, "
    "created_at, pause_reason, paused_by, paused_at, failing_since, cursor"
)


def settings_columns(it: WebhookSettings) -> Columns:
    """Return url, description, event_types, tags and key_ids."""
    lists = (json_text(value) for value in (it.event_types, it.tags, it.key_ids))
    return (it.url, storable(it.description), *lists)


def webhook_columns(it: Webhook) -> Columns:
    """Return the columns of `WEBHOOK` but for the cursor."""
    secret, until = it.previous or (None, None)
    return (
        it.id,
        *settings_columns(it.settings),
        it.secret.reveal(),
        secret.reveal() if secret else None,
        optional_micros(until),
        micros(it.created_at),
        *((it.pause.reason, it.pause.by, micros(it.pause.at)) if it.pause else (None, None, None)),
        optional_micros(it.failing_since),
    )


def webhook_of(row: Sequence[Any]) -> Webhook:
    """Read the columns of `WEBHOOK`."""
    id_, url, description, event_types, tags, key_ids, secret, previous, until = row[:9]
    created_at, reason, by, paused_at, failing_since, cursor = row[9:]
    return Webhook(
        id=WebhookId(id_),
        settings=WebhookSettings(
            url=url,
            description=description,
            event_types=tuple(_decode(event_types)),
            tags=tuple(_decode(tags)),
            key_ids=tuple(map(KeyId, _decode(key_ids))),
        ),
        secret=Secret(secret),
        previous=(Secret(previous), instant(until)) if previous is not None else None,
        created_at=instant(created_at),
        pause=WebhookPause(reason=reason, by=by, at=instant(paused_at)) if paused_at else None,
        failing_since=optional_instant(failing_since),
        cursor=event_id(cursor) if cursor else "",
    )


# ---------------------------------------------------------------- deliveries

DELIVERY = (
    "id, webhook_id, event_id, event_type, body, created_at, updated_at, state, tries, "
    "next_attempt_at"
)


def delivery_columns(it: WebhookDelivery, updated_at: int) -> Columns:
    """Return the columns of `DELIVERY`."""
    return (
        it.id,
        it.webhook_id,
        it.event_id,
        it.event_type.value,
        it.body,
        micros(it.created_at),
        updated_at,
        it.state.value,
        it.tries,
        optional_micros(it.next_attempt_at),
    )


def delivery_of(row: Sequence[Any], attempts: Sequence[WebhookAttempt]) -> WebhookDelivery:
    """Read the columns of `DELIVERY`."""
    id_, webhook_id, event_id, type_, body, created_at, _, state, tries, next_attempt_at = row
    return WebhookDelivery(
        id=DeliveryId(id_),
        webhook_id=WebhookId(webhook_id),
        event_id=event_id,
        event_type=EventType(type_),
        body=body,
        created_at=instant(created_at),
        state=DeliveryState(state),
        tries=tries,
        next_attempt_at=optional_instant(next_attempt_at),
        attempts=tuple(attempts),
    )


WEBHOOK_ATTEMPT = "delivery, at, duration, status, answer, error"


def webhook_attempt_columns(delivery: int, it: WebhookAttempt) -> Columns:
    """Return the columns of `WEBHOOK_ATTEMPT`."""
    return (
        delivery,
        micros(it.at),
        micros_of(it.duration),
        it.status,
        storable(it.answer),
        storable(it.error),
    )


def webhook_attempt_of(row: Sequence[Any]) -> WebhookAttempt:
    """Read the columns of `WEBHOOK_ATTEMPT` behind `delivery`."""
    at, duration, status, answer, error = row
    return WebhookAttempt(
        at=instant(at),
        duration=timedelta(microseconds=duration),
        status=status,
        answer=answer,
        error=error,
    )
