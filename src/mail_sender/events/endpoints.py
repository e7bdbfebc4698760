"""What clients do with their webhooks: make, change, pause, rotate, test, replay.

Neighbours: `api` translates and calls; `store` keeps; `publisher` does the calling, but for a
test, which whoever asks for it waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..clock import Clock
from ..domain.errors import NotFound, StateConflict
from ..domain.event import EventType
from ..domain.message import new_ulid
from ..domain.secret import Secret
from ..domain.webhook import (
    DeliveryId,
    DeliveryState,
    Webhook,
    WebhookDelivery,
    WebhookId,
    WebhookPause,
    WebhookSettings,
    delivery_id,
    family_of,
    new_webhook_id,
)
from ..observability import maillog
from ..store.webhooks import OccurrenceQuery, WebhookStore
from .payload import deliveries_of, test_body
from .publisher import paused_event
from .signature import new_secret
from .targets import TargetRules
from .webhook import Caller

MOST_WEBHOOKS = 100
_REPLAYED_AT_ONCE = 500  #: events in one commit
_MOST_REPLAYED = 10_000  #: events looked at in one request


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Which events to deliver again.

    Attributes:
        since, until: Happened at or after, and before.
        event_types: As in the settings; empty: whatever the webhook wants.
        delivered: Also those that the receiver has taken.
        after: Where an earlier request stopped.
    """

    since: datetime
    until: datetime
    event_types: tuple[str, ...] = ()
    delivered: bool = False
    after: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """How many deliveries begin anew, and where to go on; None at the end."""

    count: int
    after: str | None


class Endpoints:
    """See the module. Every method raises `NotFound` for a webhook that is not there."""

    def __init__(self, store: WebhookStore, caller: Caller, clock: Clock) -> None:
        self._store = store
        self._caller = caller
        self._clock = clock

    @property
    def rules(self) -> TargetRules:
        """Where webhooks may lead."""
        return self._caller.rules

    async def create(self, settings: WebhookSettings, *, by: str) -> Webhook:
        """Make a webhook with a new secret. Raises `StateConflict` when there are too many."""
        if len(await self._store.all()) >= MOST_WEBHOOKS:
            raise StateConflict(f"There are {MOST_WEBHOOKS} webhooks; delete one first.")
        now = self._clock.now()
        webhook = Webhook(
            id=new_webhook_id(now), settings=settings, secret=new_secret(), created_at=now
        )
        kept = await self._store.add(webhook)
        maillog.webhook_changed("webhook_created", kept.id, by=by)
        return kept

    async def all(self) -> Sequence[Webhook]:
        """Return every webhook, newest first."""
        return await self._store.all()

    async def get(self, id_: WebhookId) -> Webhook:
        """Return one."""
        return _there(id_, await self._store.get(id_))

    async def change(self, id_: WebhookId, settings: WebhookSettings, *, by: str) -> Webhook:
        """Replace what the client chose."""
        changed = _there(id_, await self._store.change(id_, settings))
        maillog.webhook_changed("webhook_changed", id_, by=by)
        return changed

    async def pause(self, id_: WebhookId, reason: str, *, by: str) -> Webhook:
        """Stop calling it; events wait. A second time changes nothing."""
        webhook = await self.get(id_)
        pause = WebhookPause(reason=reason, by=by, at=self._clock.now())
        paused = _there(id_, await self._store.pause(id_, pause, [paused_event(webhook, pause)]))
        if webhook.pause is None:
            maillog.webhook_paused(id_, reason, by=by)
        return paused

    async def resume(self, id_: WebhookId, *, skip: bool, by: str) -> Webhook:
        """Call it again, from where it stood or (`skip`) from now on."""
        resumed = _there(id_, await self._store.resume(id_, skip=skip))
        maillog.webhook_changed("webhook_resumed", id_, by=by)
        return resumed

    async def rotate(self, id_: WebhookId, overlap: timedelta, *, by: str) -> Webhook:
        """Give it a new secret; the one before signs too for `overlap`."""
        secret: Secret = new_secret()
        if not await self._store.rotate(id_, secret, self._clock.now() + overlap):
            raise NotFound(id_)
        maillog.webhook_changed("webhook_rotated", id_, by=by)
        return replace(await self.get(id_), secret=secret)

    async def remove(self, id_: WebhookId, *, by: str) -> Webhook:
        """Forget it and its deliveries."""
        removed = _there(id_, await self._store.remove(id_))
        maillog.webhook_changed("webhook_removed", id_, by=by)
        return removed

    async def test(self, id_: WebhookId) -> WebhookDelivery:
        """Send a `webhook.test` now, once, also to one that is paused; keep what came back."""
        webhook, now = await self.get(id_), self._clock.now()
        delivery = WebhookDelivery(
            id=delivery_id(id_, new_ulid(now)),
            webhook_id=id_,
            event_id=None,
            event_type=EventType.WEBHOOK_TEST,
            body=test_body(id_, now),
            created_at=now,
            tries=1,
        )
        attempt = (await self._caller.call(webhook, delivery)).attempt
        worked = attempt.status is not None and 200 <= attempt.status < 300
        state = DeliveryState.DELIVERED if worked else DeliveryState.FAILED
        tried = replace(delivery, state=state, attempts=(attempt,))
        await self._store.add_tried(tried)
        return tried

    async def delivery(self, id_: WebhookId, delivery: DeliveryId) -> WebhookDelivery:
        """Return a delivery."""
        found = await self._store.delivery(id_, delivery)
        if found is None:
            raise NotFound(delivery)
        return found

    async def replay_one(self, id_: WebhookId, delivery: DeliveryId) -> WebhookDelivery:
        """Begin a delivery anew, whatever became of it, with the same id.

        Raises:
            StateConflict: The webhook is paused.
        """
        await self._called(id_)
        await self._store.replay([await self.delivery(id_, delivery)])
        return await self.delivery(id_, delivery)

    async def replay(self, id_: WebhookId, period: Period, *, dry_run: bool) -> Replayed:
        """Deliver the events of a period again: those that failed, were skipped or never made.

        Pending ones stay as they are. Ids are the same as at first.

        Raises:
            StateConflict: The webhook is paused, and it is not a dry run.
            InvalidCursor: `period.after` is not an event's id.
        """
        webhook = await self.get(id_) if dry_run else await self._called(id_)
        count, after = 0, period.after
        for _ in range(_MOST_REPLAYED // _REPLAYED_AT_ONCE):
            found = await self._store.occurrences(
                OccurrenceQuery(
                    after=after, since=period.since, until=period.until, limit=_REPLAYED_AT_ONCE
                )
            )
            meant = [it for it in found if _is_meant(it.event.type, period)]
            again = await self._open(list(deliveries_of(webhook, meant, self._clock.now())), period)
            count += len(again)
            if again and not dry_run:
                await self._store.replay(again)
            if len(found) < _REPLAYED_AT_ONCE:
                return Replayed(count=count, after=None)
            after = found[-1].event.id
        return Replayed(count=count, after=after)

    async def _called(self, id_: WebhookId) -> Webhook:
        webhook = await self.get(id_)
        if webhook.pause is not None:
            raise StateConflict("This webhook is paused: resume it first.")
        return webhook

    async def _open(
        self, deliveries: Sequence[WebhookDelivery], period: Period
    ) -> list[WebhookDelivery]:
        """Return those that are to begin anew."""
        stays = {DeliveryState.PENDING}
        if not period.delivered:
            stays.add(DeliveryState.DELIVERED)
        states = await self._store.states([it.id for it in deliveries])
        return [it for it in deliveries if states.get(it.id) not in stays]


def _there(id_: WebhookId, found: Webhook | None) -> Webhook:
    if found is None:
        raise NotFound(id_)
    return found


def _is_meant(type_: EventType, period: Period) -> bool:
    chosen = period.event_types
    return not chosen or type_ in chosen or family_of(type_) in chosen
