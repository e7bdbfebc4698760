"""A client's webhook, and what became of each event that it was to hear of.

Neighbours: `events` publishes, `store` keeps, `api` shows. In the words of the Standard Webhooks
specification (version 1.0): the `webhook-id` header is a `DeliveryId`, and the same one at every
attempt, so that a receiver can tell a repetition.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NewType

from .event import Event, EventType
from .message import KeyId, in_base_32, new_ulid
from .secret import Secret

WebhookId = NewType("WebhookId", str)
"""`whk_` and 26 characters, as in a message's id."""

DeliveryId = NewType("DeliveryId", str)
"""`dlv_` and 26 characters, made from the webhook and the event: see `delivery_id`."""

MAX_ANSWER_BYTES = 4096  #: of an answer's body, kept for people


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"  #: waits for its first or next attempt
    DELIVERED = "delivered"  #: the receiver answered 2xx
    FAILED = "failed"  #: gave up after the last attempt
    SKIPPED = "skipped"  #: left out by the person who resumed a paused webhook


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """An event with what webhooks choose by: the message's key and tags.

    `key_id` is None, `tags` and `metadata` are empty for an event about no message.
    """

    event: Event
    key_id: KeyId | None = None
    tags: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """What a client chose. Of each list one must fit; an empty list fits everything.

    Attributes:
        event_types: Types, or a whole family such as `message.*`.
        tags, key_ids: Of the message; an event about no message has none.
    """

    url: str
    description: str = ""
    event_types: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    key_ids: tuple[KeyId, ...] = ()

    def wants(self, it: Occurrence) -> bool:
        """Whether an event goes to this webhook."""
        type_ = it.event.type
        return (
            (not self.event_types or not {type_, family_of(type_)}.isdisjoint(self.event_types))
            and (not self.tags or not set(self.tags).isdisjoint(it.tags))
            and (not self.key_ids or it.key_id in self.key_ids)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPause:
    """Why nothing is sent to a webhook. `by`: the id of an API key, or `gateway`."""

    reason: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """An endpoint of a client.

    Attributes:
        secret: `whsec_` and base64, as the receiver has it.
        previous: The secret before, which signs too until then.
        pause: None while it is called. Events wait meanwhile.
        failing_since: When the first of the attempts failed that have failed without a success
            in between; None after a success.
        cursor: The id of the newest event of which the deliveries are made; empty: none is.
    """

    id: WebhookId
    settings: WebhookSettings
    secret: Secret
    created_at: datetime
    previous: tuple[Secret, datetime] | None = None
    pause: WebhookPause | None = None
    failing_since: datetime | None = None
    cursor: str = ""

    def secrets(self, now: datetime) -> tuple[Secret, ...]:
        """Return the secrets that sign now, the current one first."""
        if self.previous is None or self.previous[1] <= now:
            return (self.secret,)
        return (self.secret, self.previous[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAttempt:
    """One call.

    Attributes:
        status: Of the answer; None when none came, and `error` says why.
        answer: The first `MAX_ANSWER_BYTES` of its body, as text.
    """

    at: datetime
    duration: timedelta
    status: int | None = None
    answer: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookDelivery:
    """One event on its way to one webhook.

    Attributes:
        event_id: None for a test.
        body: The exact bytes of every attempt.
        tries: Attempts since it became pending: a replay begins the schedule anew.
        next_attempt_at: None unless pending.
    """

    id: DeliveryId
    webhook_id: WebhookId
    event_id: str | None
    event_type: EventType
    body: bytes
    created_at: datetime
    state: DeliveryState = DeliveryState.PENDING
    tries: int = 0
    next_attempt_at: datetime | None = None
    attempts: tuple[WebhookAttempt, ...] = ()


def new_webhook_id(now: datetime) -> WebhookId:
    """Return a new webhook's id."""
    return WebhookId("whk_" + new_ulid(now))


def delivery_id(webhook: WebhookId, event_id: str) -> DeliveryId:
    """Return the id of an event's delivery.

    It follows from the two, so that an event that is published twice, by two nodes or after
    everything about it was forgotten, has the same id for the receiver.
    """
    digest = hashlib.blake2b(f"{webhook} {event_id}".encode(), digest_size=16).digest()
    return DeliveryId("dlv_" + in_base_32(int.from_bytes(digest)))


# ---------------------------------------------------------------- event types


def family_of(type_: str) -> str:
    """Return `message.*` of `message.sent`."""
    return f"{type_.partition('.')[0]}.*"


def parse_event_type(text: str, known: Collection[str] = tuple(EventType)) -> str:
    """Return a type, or a family of them. Raises `ValueError` in words for the client.

    A mistyped one would be a webhook that is never called.
    """
    if text not in known and text not in {family_of(type_) for type_ in known}:
        raise ValueError("no such type of event; expected one such as message.sent or message.*")
    return text
