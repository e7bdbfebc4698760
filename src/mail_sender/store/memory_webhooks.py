"""Webhooks in memory. Neighbour: `memory.MemoryStore` lends its log of events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..clock import Clock
from ..domain.event import Event
from ..domain.secret import Secret
from ..domain.webhook import (
    DeliveryId,
    DeliveryState,
    Occurrence,
    Webhook,
    WebhookDelivery,
    WebhookId,
    WebhookPause,
    WebhookSettings,
)
from .paging import cursor_at, position
from .webhooks import DeliveryChange, DeliveryPage, DeliveryQuery, OccurrenceQuery


@dataclass(slots=True)
class _Kept:
    number: int
    delivery: WebhookDelivery
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the rest of the store lends.

    Attributes:
        newest: Returns the id of the newest event; empty when there was none.
        occurrences: Returns the events after one, oldest first.
        append: Appends events.
        is_alive: Whether an owner's heartbeat is good.
    """

    newest: Callable[[], str]
    occurrences: Callable[[str], Sequence[Occurrence]]
    append: Callable[[Sequence[Event]], None]
    is_alive: Callable[[str], bool]


class MemoryWebhooks:
    """See `webhooks.WebhookStore`."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._webhooks: dict[WebhookId, Webhook] = {}
        self._deliveries: dict[DeliveryId, _Kept] = {}
        self._last = 0
        self._leader: str | None = None

    async def add(self, webhook: Webhook) -> Webhook:
        """See `WebhookStore.add`."""
        return self._put(replace(webhook, cursor=self._log.newest()))

    def _put(self, webhook: Webhook) -> Webhook:
        self._webhooks[webhook.id] = webhook
        return webhook

    async def all(self) -> Sequence[Webhook]:
        """See `WebhookStore.all`."""
        return list(reversed(self._webhooks.values()))

    async def get(self, id_: WebhookId) -> Webhook | None:
        """See `WebhookStore.get`."""
        return self._webhooks.get(id_)

    async def change(self, id_: WebhookId, settings: WebhookSettings) -> Webhook | None:
        """See `WebhookStore.change`."""
        found = self._webhooks.get(id_)
        if found is None:
            return None
        same = found.settings.url == settings.url
        since = found.failing_since if same else None
        return self._put(replace(found, settings=settings, failing_since=since))

    async def rotate(self, id_: WebhookId, secret: Secret, previous_until: datetime) -> bool:
        """See `WebhookStore.rotate`."""
        found = self._webhooks.get(id_)
        if found is None:
            return False
        self._put(replace(found, secret=secret, previous=(found.secret, previous_until)))
        return True

    async def pause(
        self, id_: WebhookId, pause: WebhookPause, events: Sequence[Event] = ()
    ) -> Webhook | None:
        """See `WebhookStore.pause`."""
        self._pause(id_, pause, events)
        return self._webhooks.get(id_)

    def _pause(self, id_: WebhookId, pause: WebhookPause, events: Sequence[Event]) -> bool:
        found = self._webhooks.get(id_)
        if found is None or found.pause is not None:
            return False
        self._put(replace(found, pause=pause))
        self._log.append(events)
        return True

    async def resume(self, id_: WebhookId, *, skip: bool) -> Webhook | None:
        """See `WebhookStore.resume`."""
        found = self._webhooks.get(id_)
        if found is None or found.pause is None:
            return found
        cursor = self._log.newest() if skip else found.cursor
        for kept in self._of(id_) if skip else ():
            if kept.delivery.state is DeliveryState.PENDING:
                self._update(kept, state=DeliveryState.SKIPPED, next_attempt_at=None)
        return self._put(replace(found, pause=None, failing_since=None, cursor=cursor))

    def _of(self, id_: WebhookId) -> list[_Kept]:
        return [kept for kept in self._deliveries.values() if kept.delivery.webhook_id == id_]

    def _update(self, kept: _Kept, **changes: object) -> None:
        kept.delivery = replace(kept.delivery, **changes)  # type: ignore[arg-type]
        kept.updated_at = self._clock.now()

    async def remove(self, id_: WebhookId) -> Webhook | None:
        """See `WebhookStore.remove`."""
        for kept in self._of(id_):
            del self._deliveries[kept.delivery.id]
        return self._webhooks.pop(id_, None)

    # ------------------------------------------------ publishing

    async def lead(self, owner: str) -> bool:
        """See `WebhookStore.lead`."""
        if self._leader is None or not self._log.is_alive(self._leader):
            self._leader = owner
        return self._leader == owner

    async def occurrences(self, query: OccurrenceQuery) -> Sequence[Occurrence]:
        """See `WebhookStore.occurrences`."""
        found = [
            it
            for it in self._log.occurrences(query.after)
            if (query.since is None or query.since <= it.event.at)
            and (query.until is None or it.event.at < query.until)
        ]
        return found[: query.limit]

    async def publish(
        self, id_: WebhookId, *, after: str, upto: str, new: Sequence[WebhookDelivery]
    ) -> bool:
        """See `WebhookStore.publish`."""
        found = self._webhooks.get(id_)
        if found is None or found.cursor != after:
            return False
        self._put(replace(found, cursor=upto))
        for delivery in new:
            self._add(delivery)
        return True

    def _add(self, delivery: WebhookDelivery) -> _Kept:
        known = self._deliveries.get(delivery.id)
        if known is None:
            self._last += 1
            known = self._deliveries[delivery.id] = _Kept(self._last, delivery, self._clock.now())
        return known

    async def due(self, most: Mapping[WebhookId, int]) -> Sequence[WebhookDelivery]:
        """See `WebhookStore.due`."""
        now = self._clock.now()
        chosen: list[WebhookDelivery] = []
        for id_, limit in most.items():
            waiting = [
                (kept.delivery.next_attempt_at, kept.number, kept.delivery)
                for kept in self._of(id_)
                if kept.delivery.next_attempt_at is not None
                and kept.delivery.next_attempt_at <= now
            ]
            chosen += [it for *_, it in sorted(waiting, key=lambda row: row[:2])][:limit]
        return chosen

    async def record(self, id_: DeliveryId, change: DeliveryChange) -> bool:
        """See `WebhookStore.record`."""
        kept = self._deliveries.get(id_)
        if kept is None:
            return False
        attempts = (*kept.delivery.attempts, change.attempt)
        delivered = change.state is DeliveryState.DELIVERED
        if not delivered and kept.delivery.state is not DeliveryState.PENDING:
            kept.delivery = replace(kept.delivery, attempts=attempts)
            return False
        self._update(
            kept,
            state=change.state,
            next_attempt_at=change.next_attempt_at,
            tries=kept.delivery.tries + 1,
            attempts=attempts,
        )
        webhook = self._webhooks[kept.delivery.webhook_id]
        since = None if delivered else webhook.failing_since or change.attempt.at
        self._put(replace(webhook, failing_since=since))
        return change.pause is not None and self._pause(webhook.id, change.pause, change.events)

    async def pending(self) -> Mapping[WebhookId, int]:
        """See `WebhookStore.pending`."""
        deliveries = (kept.delivery for kept in self._deliveries.values())
        return Counter(it.webhook_id for it in deliveries if it.state is DeliveryState.PENDING)

    # ------------------------------------------------ looking and doing again

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        """See `WebhookStore.deliveries`."""
        before = position(query.cursor)[1] if query.cursor else self._last + 1
        found = [
            kept
            for kept in sorted(self._of(query.webhook_id), key=lambda it: it.number, reverse=True)
            if kept.number < before
            and query.state in {None, kept.delivery.state}
            and query.event_type in {None, kept.delivery.event_type}
        ]
        rows = found[: query.limit]
        more = rows and len(found) > len(rows)
        cursor = cursor_at(rows[-1].delivery.created_at, rows[-1].number) if more else None
        return DeliveryPage([kept.delivery for kept in rows], cursor)

    async def delivery(self, webhook: WebhookId, id_: DeliveryId) -> WebhookDelivery | None:
        """See `WebhookStore.delivery`."""
        kept = self._deliveries.get(id_)
        return kept.delivery if kept and kept.delivery.webhook_id == webhook else None

    async def states(self, ids: Sequence[DeliveryId]) -> Mapping[DeliveryId, DeliveryState]:
        """See `WebhookStore.states`."""
        known = self._deliveries
        return {id_: known[id_].delivery.state for id_ in ids if id_ in known}

    async def replay(self, again: Sequence[WebhookDelivery]) -> None:
        """See `WebhookStore.replay`."""
        now = self._clock.now()
        for delivery in again:
            if delivery.webhook_id in self._webhooks:
                kept = self._add(delivery)
                self._update(kept, state=DeliveryState.PENDING, tries=0, next_attempt_at=now)

    async def add_tried(self, delivery: WebhookDelivery) -> None:
        """See `WebhookStore.add_tried`."""
        self._add(delivery)

    async def purge(self, before: datetime, *, limit: int) -> int:
        """See `WebhookStore.purge`."""
        old = [id_ for id_, kept in self._deliveries.items() if kept.updated_at < before][:limit]
        for id_ in old:
            del self._deliveries[id_]
        return len(old)
