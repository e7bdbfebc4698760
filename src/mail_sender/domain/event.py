"""Something that happened to a message, a provider or a webhook, as kept in the timeline.

Neighbours: `worker`, `intake` and `feedback` make events, `store` appends them in the same
commit as the change they tell of, `api` shows them and `events` (webhooks, SSE) sends them on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .message import MessageId
from .value import quickly_made


class EventType(StrEnum):
    """The words of the timeline."""

    QUEUED = "message.queued"  #: durably accepted, due now
    SCHEDULED = "message.scheduled"  #: durably accepted, due later; or its time was changed
    DEFERRED = "message.deferred"  #: an attempt failed for now; data has `next_attempt_at`
    SENT = "message.sent"  #: a provider took responsibility
    UNKNOWN = "message.unknown"  #: nobody knows whether a provider took it
    FAILED = "message.failed"  #: refused for good
    EXPIRED = "message.expired"  #: gave up
    SUPPRESSED = "message.suppressed"  #: recipients on the suppression list were left out
    CANCELLED = "message.cancelled"  #: withdrawn by the client
    RETRIED = "message.retried"  #: a person or a client asked for a new attempt
    RELEASED = "message.released"  #: a held message may go
    SETTLING = "message.settling"  #: a provider was asked about an unknown outcome; data says what
    DELIVERED = "message.delivered"  #: the receiving server took it for a recipient
    DELAYED = "message.delayed"  #: the receiving server said "later" to the provider
    BOUNCED = "message.bounced"  #: refused for good after a provider took it
    REJECTED = "message.rejected"  #: a provider took it and then did not send it
    COMPLAINED = "message.complained"  #: a recipient called it spam
    OPENED = "message.opened"  #: a recipient's program, or a scanner, fetched its pictures
    CLICKED = "message.clicked"  #: a link in it was followed
    UNSUBSCRIBED = "message.unsubscribed"  #: a recipient wants no more
    DEGRADED = "provider.degraded"  #: a breaker opened or a provider was paused
    RECOVERED = "provider.recovered"  #: a breaker closed or a provider was resumed
    WEBHOOK_PAUSED = "webhook.paused"  #: we stopped calling a webhook; data says which and why
    WEBHOOK_TEST = "webhook.test"  #: somebody tries a webhook out; sent there, kept nowhere


@quickly_made
@dataclass(frozen=True, kw_only=True)
class Event:
    """One entry of a timeline.

    Attributes:
        id: Given by the store when it appends; empty before. Sorts in order of appending.
        message_id: None for an event about a provider or a webhook.
        data: JSON values only. No body, no secret.
    """

    type: EventType
    at: datetime
    message_id: MessageId | None = None
    id: str = ""
    data: Mapping[str, object] = field(default_factory=dict)
