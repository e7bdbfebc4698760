"""From the log of events to webhooks: makes the deliveries, calls, and tries again.

Runs beside the worker, in one process at a time (`WebhookStore.lead`). Nothing on a message's
path waits for it: it reads on from each webhook's cursor. At least once: what was not recorded
when the process died is called again, with the same id. In no order: a failed delivery does not
hold up those behind it.

One receiver cannot harm another: each has a few calls at a time of its own, one that fails has
one, and all else (look-ups, connections, the size of an answer) has limits. Neighbours: `payload`
makes bodies, `webhook` calls, `schedule` decides what follows.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..clock import Clock
from ..domain.errors import StoreUnavailable
from ..domain.event import Event, EventType
from ..domain.webhook import (
    DeliveryId,
    Webhook,
    WebhookDelivery,
    WebhookId,
    WebhookPause,
)
from ..observability import maillog
from ..observability.metrics import Metrics
from ..store.webhooks import DeliveryChange, OccurrenceQuery, WebhookStore
from .payload import deliveries_of
from .schedule import Verdict, verdict
from .webhook import Called, Caller

_EVENTS_AT_ONCE = 500
_PURGE_AT_ONCE = 1000
_TIDY_EVERY = timedelta(seconds=15)
_BY = "gateway"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherPolicy:
    """See `config.WebhooksConfig`.

    Attributes:
        owner: Our name in the store, whose heartbeat the worker keeps.
        in_flight: Calls to one webhook at the same time.
        poll_interval: How often new events are looked for.
    """

    owner: str
    in_flight: int = 8
    pause_after: timedelta = timedelta(days=3)
    keep_deliveries: timedelta = timedelta(days=30)
    poll_interval: timedelta = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublisherTools:
    """What the publisher works with.

    Attributes:
        may_work: Whether our heartbeat is good: without it somebody else may publish.
        chance: Returns a random number in [0, 1).
    """

    store: WebhookStore
    caller: Caller
    clock: Clock
    metrics: Metrics
    may_work: Callable[[], bool]
    chance: Callable[[], float]


class Publisher:
    """See the module."""

    def __init__(self, tools: PublisherTools, policy: PublisherPolicy) -> None:
        self._tools = tools
        self._policy = policy
        self._calls: dict[DeliveryId, asyncio.Task[None]] = {}
        self._calls_of: Counter[WebhookId] = Counter()
        self._loops: list[asyncio.Task[None]] = []
        self._wake = asyncio.Event()

    def start(self) -> None:
        """Begin to publish."""
        self._loops = [
            asyncio.create_task(self._publish_for_ever()),
            asyncio.create_task(self._tidy_for_ever()),
        ]

    async def stop(self, at_most: timedelta) -> None:
        """Begin no call; let those under way end within `at_most`, and leave the rest pending."""
        for loop in self._loops:
            loop.cancel()
        calls = list(self._calls.values())
        if calls:
            await asyncio.wait(calls, timeout=at_most.total_seconds())
        for call in calls:
            call.cancel()
        await asyncio.gather(*self._loops, *calls, return_exceptions=True)

    # ------------------------------------------------ the loops

    async def _publish_for_ever(self) -> None:
        while True:
            self._wake.clear()
            more = await self._guarded("publish", self._turn)
            if not more:
                await self._woken_or_later()

    async def _woken_or_later(self) -> None:
        try:
            async with asyncio.timeout(self._policy.poll_interval.total_seconds()):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _tidy_for_ever(self) -> None:
        while True:
            await self._guarded("tidy_webhooks", self._tidy)
            await asyncio.sleep(_TIDY_EVERY.total_seconds())

    async def _guarded(self, where: str, work: Callable[[], Awaitable[bool]]) -> bool:
        try:
            return await work()
        except StoreUnavailable as error:
            self._tools.metrics.store_errors.inc()
            maillog.trouble(where, str(error))
        except Exception as error:  # noqa: BLE001 - one odd event must not end all webhooks
            maillog.bug(where, error)
        return False

    async def _turn(self) -> bool:
        """Make deliveries of what is new, begin what is due; return whether there is more."""
        if not await self._leads():
            return False
        webhooks = [it for it in await self._tools.store.all() if it.pause is None]
        more = await self._make_deliveries(webhooks)
        await self._begin_calls({it.id: it for it in webhooks})
        return more

    async def _leads(self) -> bool:
        return self._tools.may_work() and await self._tools.store.lead(self._policy.owner)

    # ------------------------------------------------ deliveries of new events

    async def _make_deliveries(self, webhooks: Sequence[Webhook]) -> bool:
        """Move every cursor on. Nearly always they all stand at the same event."""
        standing: dict[str, list[Webhook]] = defaultdict(list)
        for webhook in webhooks:
            standing[webhook.cursor].append(webhook)
        more = False
        for cursor, group in standing.items():
            query = OccurrenceQuery(after=cursor, limit=_EVENTS_AT_ONCE)
            found = await self._tools.store.occurrences(query)
            if not found:
                continue
            now, upto = self._tools.clock.now(), found[-1].event.id
            await asyncio.gather(  # at once, so that they share a commit
                *(
                    self._tools.store.publish(
                        webhook.id,
                        after=cursor,
                        upto=upto,
                        new=list(deliveries_of(webhook, found, now)),
                    )
                    for webhook in group
                )
            )
            more = more or len(found) == _EVENTS_AT_ONCE
        return more

    # ------------------------------------------------ calls

    async def _begin_calls(self, webhooks: Mapping[WebhookId, Webhook]) -> None:
        # What ends while the store is being read may still stand there as pending.
        running = set(self._calls)
        most = {id_: self._slots(it) + self._calls_of[id_] for id_, it in webhooks.items()}
        for delivery in await self._tools.store.due(most):
            webhook = webhooks[delivery.webhook_id]
            if delivery.id not in running and self._calls_of[webhook.id] < self._slots(webhook):
                self._begin(webhook, delivery)

    def _slots(self, webhook: Webhook) -> int:
        """How many calls at a time: one that fails is only asked whether it is back."""
        return 1 if webhook.failing_since is not None else self._policy.in_flight

    def _begin(self, webhook: Webhook, delivery: WebhookDelivery) -> None:
        self._calls_of[webhook.id] += 1
        call = asyncio.create_task(self._deliver(webhook, delivery))
        self._calls[delivery.id] = call

        def ended(call: asyncio.Task[None]) -> None:
            del self._calls[delivery.id]
            self._calls_of[webhook.id] -= 1
            self._wake.set()
            if not call.cancelled() and (error := call.exception()) is not None:
                maillog.bug("webhook", error)

        call.add_done_callback(ended)

    async def _deliver(self, webhook: Webhook, delivery: WebhookDelivery) -> None:
        called = await self._tools.caller.call(webhook, delivery)
        follows = verdict(
            called.attempt,
            tries=delivery.tries + 1,
            chance=self._tools.chance(),
            retry_after=called.retry_after,
            failing_since=webhook.failing_since,
            pause_after=self._policy.pause_after,
        )
        maillog.webhook_attempt(delivery, called.attempt, follows.state, follows.next_attempt_at)
        self._tools.metrics.webhook_attempt(called.attempt)
        if await self._recorded(delivery.id, self._change(webhook, called, follows)):
            maillog.webhook_paused(webhook.id, str(follows.pause), by=_BY)

    def _change(self, webhook: Webhook, called: Called, follows: Verdict) -> DeliveryChange:
        now = self._tools.clock.now()
        pause = follows.pause and WebhookPause(reason=follows.pause, by=_BY, at=now)
        return DeliveryChange(
            attempt=called.attempt,
            state=follows.state,
            next_attempt_at=follows.next_attempt_at,
            pause=pause or None,
            events=(paused_event(webhook, pause),) if pause else (),
        )

    async def _recorded(self, id_: DeliveryId, change: DeliveryChange) -> bool:
        """Record an attempt, however long the store is away: else it would be called again."""
        while True:
            try:
                return await self._tools.store.record(id_, change)
            except StoreUnavailable as error:
                self._tools.metrics.store_errors.inc()
                maillog.trouble("record_webhook", str(error), delivery_id=id_)
                await asyncio.sleep(self._policy.poll_interval.total_seconds())

    # ------------------------------------------------ housekeeping

    async def _tidy(self) -> bool:
        if not await self._leads():
            return False
        store = self._tools.store
        paused = {it.id: it.pause is not None for it in await store.all()}
        self._tools.metrics.webhooks(paused, await store.pending())
        before = self._tools.clock.now() - self._policy.keep_deliveries
        while await store.purge(before, limit=_PURGE_AT_ONCE) == _PURGE_AT_ONCE:
            pass
        return True


def paused_event(webhook: Webhook, pause: WebhookPause) -> Event:
    """Return the notice that a webhook is called no more, for the others and the timeline."""
    return Event(
        type=EventType.WEBHOOK_PAUSED,
        at=pause.at,
        data={
            "webhook_id": webhook.id,
            "url": webhook.settings.url,
            "reason": pause.reason,
            "by": pause.by,
        },
    )
