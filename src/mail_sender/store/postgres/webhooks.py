"""Webhooks in PostgreSQL: each promise of `store.webhooks.WebhookStore` meets its statement.

Neighbours: `store.PostgresStore` lends its connections; `endpoints` and `deliveries` hold the
statements.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Protocol, TypeVar

from ...domain.event import Event
from ...domain.secret import Secret
from ...domain.webhook import (
    DeliveryId,
    DeliveryState,
    Occurrence,
    Webhook,
    WebhookDelivery,
    WebhookId,
    WebhookPause,
    WebhookSettings,
)
from ..micros import micros
from ..webhooks import DeliveryChange, DeliveryPage, DeliveryQuery, OccurrenceQuery
from . import deliveries, endpoints
from .hosts import Connection

Answer = TypeVar("Answer")


class Runs(Protocol):
    """Does work on a connection, as `PostgresStore` reads and writes."""

    async def __call__(self, work: Callable[[Connection], Awaitable[Answer]], /) -> Answer:
        """Return what the work returns. Raises `StoreUnavailable`."""
        ...


class PostgresWebhooks:
    """See `webhooks.WebhookStore`."""

    def __init__(self, write: Runs, read: Runs) -> None:
        self._write = write
        self._read = read

    async def add(self, webhook: Webhook) -> Webhook:
        """See `WebhookStore.add`."""
        return await self._write(partial(endpoints.add, webhook=webhook))

    async def all(self) -> Sequence[Webhook]:
        """See `WebhookStore.all`."""
        return await self._read(endpoints.every)

    async def get(self, id_: WebhookId) -> Webhook | None:
        """See `WebhookStore.get`."""
        return await self._read(partial(endpoints.get, id_=id_))

    async def change(self, id_: WebhookId, settings: WebhookSettings) -> Webhook | None:
        """See `WebhookStore.change`."""
        return await self._write(partial(endpoints.change, id_=id_, settings=settings))

    async def rotate(self, id_: WebhookId, secret: Secret, previous_until: datetime) -> bool:
        """See `WebhookStore.rotate`."""
        return await self._write(
            partial(endpoints.rotate, id_=id_, secret=secret, previous_until=previous_until)
        )

    async def pause(
        self, id_: WebhookId, pause: WebhookPause, events: Sequence[Event] = ()
    ) -> Webhook | None:
        """See `WebhookStore.pause`."""
        return await self._write(partial(endpoints.pause, id_=id_, pause=pause, told=events))

    async def resume(self, id_: WebhookId, *, skip: bool) -> Webhook | None:
        """See `WebhookStore.resume`."""
        return await self._write(partial(endpoints.resume, id_=id_, skip=skip))

    async def remove(self, id_: WebhookId) -> Webhook | None:
        """See `WebhookStore.remove`."""
        return await self._write(partial(endpoints.remove, id_=id_))

    # ------------------------------------------------ publishing

    async def lead(self, owner: str) -> bool:
        """See `WebhookStore.lead`. Whoever leads only reads."""
        if await self._read(endpoints.leader) == owner:
            return True
        return await self._write(partial(endpoints.lead, owner=owner))

    async def occurrences(self, query: OccurrenceQuery) -> Sequence[Occurrence]:
        """See `WebhookStore.occurrences`."""
        return await self._read(partial(deliveries.occurrences, query=query))

    async def publish(
        self, id_: WebhookId, *, after: str, upto: str, new: Sequence[WebhookDelivery]
    ) -> bool:
        """See `WebhookStore.publish`."""
        return await self._write(
            partial(deliveries.publish, id_=id_, after=after, upto=upto, new=new)
        )

    async def due(self, most: Mapping[WebhookId, int]) -> Sequence[WebhookDelivery]:
        """See `WebhookStore.due`."""
        return await self._read(partial(deliveries.due, most=most))

    async def record(self, id_: DeliveryId, change: DeliveryChange) -> bool:
        """See `WebhookStore.record`."""
        return await self._write(partial(deliveries.record, id_=id_, change=change))

    async def pending(self) -> Mapping[WebhookId, int]:
        """See `WebhookStore.pending`."""
        return await self._read(deliveries.pending)

    # ------------------------------------------------ looking and doing again

    async def deliveries(self, query: DeliveryQuery) -> DeliveryPage:
        """See `WebhookStore.deliveries`."""
        return await self._read(partial(deliveries.deliveries, query=query))

    async def delivery(self, webhook: WebhookId, id_: DeliveryId) -> WebhookDelivery | None:
        """See `WebhookStore.delivery`."""
        return await self._read(partial(deliveries.delivery, webhook=webhook, id_=id_))

    async def states(self, ids: Sequence[DeliveryId]) -> Mapping[DeliveryId, DeliveryState]:
        """See `WebhookStore.states`."""
        return await self._read(partial(deliveries.states, ids=ids))

    async def replay(self, again: Sequence[WebhookDelivery]) -> None:
        """See `WebhookStore.replay`."""
        await self._write(partial(deliveries.replay, again=again))

    async def add_tried(self, delivery: WebhookDelivery) -> None:
        """See `WebhookStore.add_tried`."""
        await self._write(partial(deliveries.add_tried, it=delivery))

    async def purge(self, before: datetime, *, limit: int) -> int:
        """See `WebhookStore.purge`."""
        return await self._write(partial(deliveries.purge, before=micros(before), limit=limit))
