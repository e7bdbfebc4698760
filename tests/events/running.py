"""A publisher that runs, with a store in memory and receivers on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mail_sender.clock import Clock
from mail_sender.domain.event import EventType
from mail_sender.domain.webhook import (
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookId,
    WebhookSettings,
)
from mail_sender.events.endpoints import Endpoints
from mail_sender.events.publisher import Publisher, PublisherPolicy, PublisherTools
from mail_sender.events.resolver import CheckedResolver, Lookup
from mail_sender.events.targets import TargetRules, networks
from mail_sender.events.webhook import Caller, webhook_client
from mail_sender.observability.metrics import Metrics
from mail_sender.store.memory import MemoryStore
from mail_sender.store.webhooks import DeliveryQuery, WebhookStore

from ..make import make_event

LOOPBACK = TargetRules(allow_http=True, allowed=networks(["127.0.0.1/32", "::1/128"]))
TIMEOUT = timedelta(seconds=5)
SOON = timedelta(milliseconds=5)


async def until(condition: Callable[[], Any]) -> None:
    """Wait until it holds; fail after 10 s. It may be a coroutine function."""
    async with asyncio.timeout(10):
        while True:
            held = condition()
            if await held if asyncio.iscoroutine(held) else held:
                return
            await asyncio.sleep(0.002)


@dataclass(slots=True, kw_only=True)
class Running:
    """What a test looks at."""

    store: MemoryStore
    clock: Clock
    endpoints: Endpoints
    publisher: Publisher
    metrics: Metrics

    async def webhook(self, url: str, **settings: Any) -> Webhook:  # noqa: ANN401
        return await self.endpoints.create(WebhookSettings(url=url, **settings), by="key_1")

    async def happens(self, type_: EventType = EventType.DEGRADED, **data: object) -> None:
        await self.store.append_event(make_event(type_, None, at=self.clock.now(), **data))

    async def deliveries(self, id_: WebhookId) -> list[WebhookDelivery]:
        """Return the deliveries of a webhook, oldest first."""
        page = await self.store.webhooks.deliveries(DeliveryQuery(webhook_id=id_, limit=1000))
        return list(reversed(page.rows))

    async def tried(self, webhook: Webhook, attempts: int = 1) -> WebhookDelivery:
        """Return the first delivery once so many attempts at it are recorded."""

        async def enough() -> bool:
            found = await self.deliveries(webhook.id)
            return bool(found) and len(found[0].attempts) >= attempts

        await until(enough)
        return (await self.deliveries(webhook.id))[0]

    async def all_delivered(self, webhook: Webhook, count: int) -> None:
        async def done() -> bool:
            found = await self.deliveries(webhook.id)
            return [it.state for it in found] == [DeliveryState.DELIVERED] * count

        await until(done)


@contextlib.asynccontextmanager
async def publishing(
    clock: Clock,
    *,
    store: MemoryStore | None = None,
    webhooks: WebhookStore | None = None,
    owner: str = "a",
    lookup: Lookup | None = None,
    answer_within: timedelta = TIMEOUT,
    **policy: Any,  # noqa: ANN401
) -> AsyncIterator[Running]:
    """Start a publisher and stop it again; calls under way are cut."""
    store = store or MemoryStore(clock)
    resolve = CheckedResolver(LOOPBACK, lookup or asyncio.get_running_loop().getaddrinfo)
    http, metrics = webhook_client(resolve), Metrics()
    caller = Caller(http, clock, LOOPBACK, answer_within)
    publisher = Publisher(
        PublisherTools(
            store=webhooks or store.webhooks,
            caller=caller,
            clock=clock,
            metrics=metrics,
            may_work=lambda: True,
            chance=lambda: 0.5,
        ),
        PublisherPolicy(owner=owner, poll_interval=SOON, **policy),
    )
    publisher.start()
    try:
        yield Running(
            store=store,
            clock=clock,
            endpoints=Endpoints(store.webhooks, caller, clock),
            publisher=publisher,
            metrics=metrics,
        )
    finally:
        await publisher.stop(timedelta(0))
        await http.close()
