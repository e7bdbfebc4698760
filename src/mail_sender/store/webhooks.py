"""What every store promises about webhooks. `tests/contracts/store_webhooks.py` says it as tests.

A part of `port.Store` (its `webhooks`), on the same engine and under the same rules: each method
is one transaction, durable when it returns, and raises `StoreUnavailable` when it cannot be.

Nothing here is written when a message is accepted or sent: the log of events is durable already,
and each webhook has a cursor into it. The deliveries of an event are made in the commit that
moves the cursor past it, so that a kill at any point neither loses nor doubles one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ..domain.event import Event, EventType
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OccurrenceQuery:
    """Which events to read, oldest first.

    Attributes:
        after: An event's id; empty: from the beginning.
        since, until: Happened at or after, and before.
    """

    after: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryQuery:
    """Which deliveries of a webhook to list, newest first; all that is given must hold."""

    webhook_id: WebhookId
    state: DeliveryState | None = None
    event_type: EventType | None = None
    limit: int = 50
    cursor: str | None = None  #: from `Page.next_cursor`; `InvalidCursor` when it is not


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryChange:
    """What an attempt came to.

    Attributes:
        state: PENDING needs `next_attempt_at`.
        pause: Given when the webhook is to be called no more; `events` are then appended.
    """

    attempt: WebhookAttempt
    state: DeliveryState
    next_attempt_at: datetime | None = None
    pause: WebhookPause | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Some deliveries, and where to go on; None at the end."""

    rows: Sequence[WebhookDelivery]
    next_cursor: str | None


class WebhookStore(Protocol):
    """Webhooks, their deliveries, and who publishes."""

    async def add(self, webhook: Webhook) -> Webhook:
        """Keep a new webhook; it hears of events from now on. Returns it with its cursor."""
        ...

    async def all(self) -> Sequence[Webhook]:
        """Return every webhook, newest first."""
        ...

    async def get(self, id_: WebhookId) -> Webhook | None:
        """Return a webhook."""
        ...

    async def change(self, id_: WebhookId, settings: WebhookSettings) -> Webhook | None:
        """Replace what the client chose. None: no such webhook.

        A new URL begins with a clean record: `failing_since` is forgotten.
        """
        ...

    async def rotate(self, id_: WebhookId, secret: Secret, previous_until: datetime) -> bool:
        """Sign with `secret`, and until then with the one before too; an older one is forgotten.

        False: no such webhook.
        """
        ...

    async def pause(
        self, id_: WebhookId, pause: WebhookPause, events: Sequence[Event] = ()
    ) -> Webhook | None:
        """Stop calling it, if that is not so yet: then the first reason stays."""
        ...

    async def resume(self, id_: WebhookId, *, skip: bool) -> Webhook | None:
        """Call it again, with a clean record. A second time changes nothing.

        Args:
            id_: Which.
            skip: Leave out what happened meanwhile: what is pending becomes SKIPPED, and the
                cursor goes to the newest event.
        """
        ...

    async def remove(self, id_: WebhookId) -> Webhook | None:
        """Forget a webhook and its deliveries. Returns it; None: there was none."""
        ...

    # ------------------------------------------------ publishing

    async def lead(self, owner: str) -> bool:
        """Return whether `owner` is the one that publishes.

        It becomes that when nobody is, or when whoever was has no good heartbeat any more
        (`Store.heartbeat`), and stays it.
        """
        ...

    async def occurrences(self, query: OccurrenceQuery) -> Sequence[Occurrence]:
        """Return events in order of appending, with what webhooks choose by.

        An event is only returned when none can still appear before it: a cursor must be able
        to move past it.
        """
        ...

    async def publish(
        self, id_: WebhookId, *, after: str, upto: str, new: Sequence[WebhookDelivery]
    ) -> bool:
        """Keep the deliveries of the events from `after` to `upto`, and move the cursor there.

        One that is there already is left as it is. False, and nothing is kept: the cursor does
        not stand at `after`, or there is no such webhook.
        """
        ...

    async def due(self, most: Mapping[WebhookId, int]) -> Sequence[WebhookDelivery]:
        """Return pending deliveries whose time has come, the longest waiting first.

        Args:
            most: How many of each webhook, at most; others are not asked about.
        """
        ...

    async def record(self, id_: DeliveryId, change: DeliveryChange) -> bool:
        """Keep an attempt and what it came to; count it for the webhook's `failing_since`.

        Returns whether the webhook was paused by it: False too when it was paused before.
        A delivery that is gone is forgotten. One that is not pending any more (delivered by
        another node, skipped) only gets the attempt, unless that delivered it.
        """
        ...

    async def pending(self) -> Mapping[WebhookId, int]:
        """Count the pending deliveries of each webhook that has some."""
        ...

    # ------------------------------------------------ looking and doing again

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        """Return a page of a webhook's deliveries, with their attempts."""
        ...

    async def delivery(self, webhook: WebhookId, id_: DeliveryId) -> WebhookDelivery | None:
        """Return a delivery of a webhook, with its attempts."""
        ...

    async def states(self, ids: Sequence[DeliveryId]) -> Mapping[DeliveryId, DeliveryState]:
        """Return how those of the deliveries stand that are there."""
        ...

    async def replay(self, again: Sequence[WebhookDelivery]) -> None:
        """Make the deliveries pending and due now, with their schedule from its beginning.

        Those that are not there are added. Those of a webhook that is gone are not kept.
        """
        ...

    async def add_tried(self, delivery: WebhookDelivery) -> None:
        """Keep a delivery that has ended, with its attempts: a test."""
        ...

    async def purge(self, before: datetime, *, limit: int) -> int:
        """Delete up to `limit` deliveries that nothing happened to since then; return how many."""
        ...
