"""Webhooks in the SQLite file: each promise of `webhooks.WebhookStore` meets its statement.

Neighbours: `sqlite.SqliteStore` lends its file; `sqlite_endpoints` and `sqlite_deliveries` hold
the statements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from . import sqlite_deliveries as deliveries
from . import sqlite_endpoints as endpoints
from .micros import micros
from .sqlite_reader import Read
from .sqlite_writer import Write, one_by_one
from .webhooks import DeliveryChange, DeliveryPage, DeliveryQuery, OccurrenceQuery

_add = one_by_one(endpoints.add)
_change = one_by_one(endpoints.change)
_rotate = one_by_one(endpoints.rotate)
_pause = one_by_one(endpoints.pause)
_resume = one_by_one(endpoints.resume)
_remove = one_by_one(endpoints.remove)
_lead = one_by_one(endpoints.lead)
_publish = one_by_one(deliveries.publish)
_record = one_by_one(deliveries.record)
_replay = one_by_one(deliveries.replay)
_add_tried = one_by_one(deliveries.add_tried)
_purge = one_by_one(deliveries.purge)


class SqliteWebhooks:
    """See `webhooks.WebhookStore`."""

    def __init__(self, write: Write, read: Read, clock: Clock) -> None:
        self._write = write
        self._read = read
        self._clock = clock

    def _now(self) -> int:
        return micros(self._clock.now())

    async def add(self, webhook: Webhook) -> Webhook:
        """See `WebhookStore.add`."""
        return await self._write(_add, webhook)

    async def all(self) -> Sequence[Webhook]:
        """See `WebhookStore.all`."""
        return await self._read(endpoints.every)

    async def get(self, id_: WebhookId) -> Webhook | None:
        """See `WebhookStore.get`."""
        return await self._read(lambda connection: endpoints.get(connection, id_))

    async def change(self, id_: WebhookId, settings: WebhookSettings) -> Webhook | None:
        """See `WebhookStore.change`."""
        return await self._write(_change, endpoints.Settings(id_, settings))

    async def rotate(self, id_: WebhookId, secret: Secret, previous_until: datetime) -> bool:
        """See `WebhookStore.rotate`."""
        return await self._write(_rotate, endpoints.Rotation(id_, secret, previous_until))

    async def pause(
        self, id_: WebhookId, pause: WebhookPause, events: Sequence[Event] = ()
    ) -> Webhook | None:
        """See `WebhookStore.pause`."""
        return await self._write(_pause, endpoints.Pausing(id_, pause, events))

    async def resume(self, id_: WebhookId, *, skip: bool) -> Webhook | None:
        """See `WebhookStore.resume`."""
        return await self._write(_resume, endpoints.Resuming(id_, skip, self._now()))

    async def remove(self, id_: WebhookId) -> Webhook | None:
        """See `WebhookStore.remove`."""
        return await self._write(_remove, id_)

    # ------------------------------------------------ publishing

    async def lead(self, owner: str) -> bool:
        """See `WebhookStore.lead`. Whoever leads only reads."""
        if await self._read(endpoints.leader) == owner:
            return True
        return await self._write(_lead, endpoints.Candidate(owner, self._now()))

    async def occurrences(self, query: OccurrenceQuery) -> Sequence[Occurrence]:
        """See `WebhookStore.occurrences`. With one writer, numbers come in their order."""
        return await self._read(lambda connection: deliveries.occurrences(connection, query))

    async def publish(
        self, id_: WebhookId, *, after: str, upto: str, new: Sequence[WebhookDelivery]
    ) -> bool:
        """See `WebhookStore.publish`."""
        publication = deliveries.Publication(id_, after, upto, new, self._now())
        return await self._write(_publish, publication)

    async def due(self, most: Mapping[WebhookId, int]) -> Sequence[WebhookDelivery]:
        """See `WebhookStore.due`."""
        now = self._now()
        return await self._read(lambda connection: deliveries.due(connection, most, now))

    async def record(self, id_: DeliveryId, change: DeliveryChange) -> bool:
        """See `WebhookStore.record`."""
        return await self._write(_record, deliveries.Record(id_, change, self._now()))

    async def pending(self) -> Mapping[WebhookId, int]:
        """See `WebhookStore.pending`."""
        return await self._read(deliveries.pending)

    # ------------------------------------------------ looking and doing again

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        """See `WebhookStore.deliveries`."""
        return await self._read(lambda connection: deliveries.deliveries(connection, query))

    async def delivery(self, webhook: WebhookId, id_: DeliveryId) -> WebhookDelivery | None:
        """See `WebhookStore.delivery`."""
        return await self._read(lambda connection: deliveries.delivery(connection, webhook, id_))

    async def states(self, ids: Sequence[DeliveryId]) -> Mapping[DeliveryId, DeliveryState]:
        """See `WebhookStore.states`."""
        return await self._read(lambda connection: deliveries.states(connection, ids))

    async def replay(self, again: Sequence[WebhookDelivery]) -> None:
        """See `WebhookStore.replay`."""
        await self._write(_replay, deliveries.Replay(again, self._now()))

    async def add_tried(self, delivery: WebhookDelivery) -> None:
        """See `WebhookStore.add_tried`."""
        await self._write(_add_tried, delivery)

    async def purge(self, before: datetime, *, limit: int) -> int:
        """See `WebhookStore.purge`."""
        return await self._write(_purge, deliveries.Purge(micros(before), limit))
