"""What a store promises about webhooks: cursors, deliveries, and one publisher at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from mail_sender.domain.event import EventType
from mail_sender.domain.message import KeyId
from mail_sender.domain.secret import Secret
from mail_sender.domain.webhook import (
    DeliveryState,
    Webhook,
    WebhookAttempt,
    WebhookDelivery,
    WebhookId,
    WebhookPause,
    WebhookSettings,
)
from mail_sender.store.port import InvalidCursor, Store
from mail_sender.store.webhooks import DeliveryChange, DeliveryQuery, OccurrenceQuery

from ..make import KEY, make_delivery, make_event, make_webhook
from .store_steps import HOUR, LEASE, A, B, MovableClock, about, accepted

ONE, TWO = WebhookId("whk_1"), WebhookId("whk_2")
SECOND = timedelta(seconds=1)
EVERYTHING = OccurrenceQuery()


def failed(at: datetime, *, again: datetime | None, pause: WebhookPause | None = None) -> DeliveryChange:  # fmt: skip  # noqa: E501
    """Return what a 500 came to; with a pause, its event too."""
    attempt = WebhookAttempt(at=at, duration=SECOND, status=500, answer="broken", error="")
    state = DeliveryState.FAILED if again is None else DeliveryState.PENDING
    event = make_event(EventType.WEBHOOK_PAUSED, at=at, webhook_id=ONE)
    return DeliveryChange(
        attempt=attempt, state=state, next_attempt_at=again, pause=pause,
        events=(event,) if pause else (),
    )  # fmt: skip


def delivered(at: datetime) -> DeliveryChange:
    attempt = WebhookAttempt(at=at, duration=SECOND, status=204)
    return DeliveryChange(attempt=attempt, state=DeliveryState.DELIVERED)


async def published(store: Store, webhook: Webhook, *new: WebhookDelivery) -> Webhook:
    """Publish deliveries of an event that happens now, and return the webhook after it."""
    event = make_event(EventType.SENT, at=new[0].created_at if new else webhook.created_at)
    await store.append_event(event)
    newest = (await store.events(newest_first=True, limit=1)).rows[0].id
    assert await store.webhooks.publish(webhook.id, after=webhook.cursor, upto=newest, new=new)
    return replace(webhook, cursor=newest)


async def one_pending(store: Store, clock: MovableClock) -> WebhookDelivery:
    """Return the only delivery of the only webhook; it is due."""
    webhook = await store.webhooks.add(make_webhook(created_at=clock.now()))
    delivery = make_delivery(created_at=clock.now(), due_at=clock.now())
    await published(store, webhook, delivery)
    return delivery


async def ids_due(store: Store, *webhooks: WebhookId, most: int = 10) -> list[str]:
    return [it.id for it in await store.webhooks.due(dict.fromkeys(webhooks or (ONE,), most))]


async def found(store: Store, delivery: WebhookDelivery) -> WebhookDelivery:
    kept = await store.webhooks.delivery(delivery.webhook_id, delivery.id)
    assert kept is not None
    return kept


class WebhookContract:
    # ------------------------------------------------ webhooks

    async def test_a_webhook_is_kept_whole(self, store: Store, clock: MovableClock) -> None:
        """Whoever restarts the gateway signs with the same secret and calls the same place."""
        webhook = make_webhook(
            description="the shop ✓", event_types=("message.*",), tags=("orders",),
            key_ids=(KEY,), created_at=clock.now(),
            previous=(Secret("whsec_b2xk"), clock.now() + HOUR),
        )  # fmt: skip

        assert await store.webhooks.add(webhook) == webhook
        assert await store.webhooks.get(ONE) == webhook
        assert await store.webhooks.get(TWO) is None

    async def test_webhooks_are_listed_newest_first(
        self, store: Store, clock: MovableClock
    ) -> None:
        """As every list here."""
        for id_ in (ONE, TWO):
            await store.webhooks.add(make_webhook(id_, created_at=clock.now()))

        assert [it.id for it in await store.webhooks.all()] == [TWO, ONE]

    async def test_a_new_webhook_hears_of_nothing_that_was_before(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nobody wants a month of events on the first day."""
        await store.append_event(make_event(EventType.DEGRADED, at=clock.now()))

        webhook = await store.webhooks.add(make_webhook(created_at=clock.now()))
        await store.append_event(make_event(EventType.RECOVERED, at=clock.now()))

        news = await store.webhooks.occurrences(OccurrenceQuery(after=webhook.cursor))
        assert [it.event.type for it in news] == [EventType.RECOVERED]

    async def test_settings_are_replaced_and_a_new_url_has_a_clean_record(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What the old address did wrong must not pause the new one."""
        webhook = make_webhook(created_at=clock.now(), failing_since=clock.now())
        await store.webhooks.add(webhook)
        same = WebhookSettings(url=webhook.settings.url, event_types=("provider.*",))
        other = WebhookSettings(url="https://other.example.com", key_ids=(KeyId("key_9"),))

        kept = await store.webhooks.change(ONE, same)
        moved = await store.webhooks.change(ONE, other)

        assert kept is not None
        assert (kept.settings, kept.failing_since) == (same, clock.now())
        assert moved is not None
        assert (moved.settings, moved.failing_since) == (other, None)
        assert await store.webhooks.change(TWO, same) is None

    async def test_a_rotation_keeps_the_secret_before_and_no_older_one(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The receiver changes over while both are good."""
        first = (await store.webhooks.add(make_webhook(created_at=clock.now()))).secret
        second, third = Secret("whsec_c2Vjb25k"), Secret("whsec_dGhpcmQ=")
        until = clock.now() + HOUR

        assert await store.webhooks.rotate(ONE, second, until)
        once = await store.webhooks.get(ONE)
        assert await store.webhooks.rotate(ONE, third, until)
        twice = await store.webhooks.get(ONE)

        assert once is not None
        assert once.secrets(clock.now()) == (second, first)
        assert once.secrets(until) == (second,)
        assert twice is not None
        assert twice.secrets(clock.now()) == (third, second)
        assert not await store.webhooks.rotate(TWO, second, until)

    async def test_the_first_reason_of_a_pause_stays(
        self, store: Store, clock: MovableClock
    ) -> None:
        """And its event is appended once, however many calls failed at the same moment."""
        await store.webhooks.add(make_webhook(created_at=clock.now()))
        first = WebhookPause(reason="gone", by="gateway", at=clock.now())
        second = WebhookPause(reason="holiday", by=KEY, at=clock.now())
        event = make_event(EventType.WEBHOOK_PAUSED, at=clock.now())

        once = await store.webhooks.pause(ONE, first, [event])
        twice = await store.webhooks.pause(ONE, second, [event])

        assert once is not None
        assert twice is not None
        assert (once.pause, twice.pause) == (first, first)
        assert len((await store.events()).rows) == 1
        assert await store.webhooks.pause(TWO, first) is None

    async def test_a_resumed_webhook_goes_on_where_it_stood(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What happened while the receiver was away is not lost."""
        delivery = await one_pending(store, clock)
        await store.webhooks.record(delivery.id, failed(clock.now(), again=clock.now()))
        before = await store.webhooks.get(ONE)
        await store.webhooks.pause(ONE, WebhookPause(reason="", by=KEY, at=clock.now()))
        await store.append_event(make_event(EventType.DEGRADED, at=clock.now()))

        after = await store.webhooks.resume(ONE, skip=False)

        assert before is not None
        assert after is not None
        assert (after.pause, after.failing_since) == (None, None)
        assert after.cursor == before.cursor
        assert await ids_due(store) == [delivery.id]
        assert await store.webhooks.resume(TWO, skip=False) is None

    async def test_a_resumed_webhook_may_leave_out_what_happened_meanwhile(
        self, store: Store, clock: MovableClock
    ) -> None:
        """After three weeks nobody wants to hear of every mail."""
        delivery = await one_pending(store, clock)
        await store.webhooks.pause(ONE, WebhookPause(reason="", by=KEY, at=clock.now()))
        await store.append_event(make_event(EventType.DEGRADED, at=clock.now()))

        after = await store.webhooks.resume(ONE, skip=True)

        assert after is not None
        assert await store.webhooks.occurrences(OccurrenceQuery(after=after.cursor)) == []
        assert (await found(store, delivery)).state is DeliveryState.SKIPPED
        assert await ids_due(store) == []

    async def test_resuming_what_is_not_paused_skips_nothing(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A second click must not lose the events between the two."""
        delivery = await one_pending(store, clock)

        await store.webhooks.resume(ONE, skip=True)

        assert await ids_due(store) == [delivery.id]

    async def test_a_removed_webhook_takes_its_deliveries_along(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nothing is sent to it any more, and its bodies are gone."""
        delivery = await one_pending(store, clock)
        other = make_webhook(TWO, created_at=clock.now())
        await store.webhooks.add(other)

        removed = await store.webhooks.remove(ONE)

        assert removed is not None
        assert removed.id == ONE
        assert await store.webhooks.delivery(ONE, delivery.id) is None
        assert not await store.webhooks.record(delivery.id, delivered(clock.now()))
        assert await ids_due(store, ONE, TWO) == []
        assert [it.id for it in await store.webhooks.all()] == [TWO]
        assert await store.webhooks.remove(ONE) is None

    # ------------------------------------------------ publishing

    async def test_one_owner_publishes_at_a_time(self, store: Store, clock: MovableClock) -> None:
        """Two nodes that both call would double every event."""
        for owner in (A, B):
            await store.heartbeat(owner, LEASE)

        assert [await store.webhooks.lead(owner) for owner in (A, B, A)] == [True, False, True]

        clock.advance(LEASE + SECOND)
        await store.heartbeat(B, LEASE)

        assert [await store.webhooks.lead(owner) for owner in (B, A)] == [True, False]

    async def test_a_process_that_knows_to_be_alone_takes_over_at_once(
        self, store: Store, clock: MovableClock
    ) -> None:
        """After a kill -9 nobody waits for a lease to run out."""
        await store.heartbeat(A, LEASE)
        assert await store.webhooks.lead(A)

        await store.heartbeat(B, LEASE)
        await store.expire_other_owners(B)

        assert await store.webhooks.lead(B)

    async def test_events_come_with_what_webhooks_choose_by(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Tags and key of the message; an event about a provider has none."""
        await accepted(store, clock, tags=("orders",), metadata=(("order", "7"),))
        await store.append_event(make_event(EventType.DEGRADED, at=clock.now()))

        of_message, of_provider = await store.webhooks.occurrences(EVERYTHING)

        assert of_message.event == (await store.events()).rows[0]
        assert (of_message.key_id, of_message.tags) == (KEY, ("orders",))
        assert of_message.metadata == {"order": "7"}
        assert (of_provider.key_id, of_provider.tags, of_provider.metadata) == (None, (), {})

    async def test_events_are_read_on_from_one_and_within_a_period(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A cursor for the publisher, a period for a replay."""
        start = clock.now()
        for hours in range(4):
            await store.append_event(make_event(EventType.DEGRADED, at=start + hours * HOUR))
        ids = [it.id for it in (await store.events()).rows]

        async def read(**query: object) -> list[str]:
            found = await store.webhooks.occurrences(OccurrenceQuery(**query))  # type: ignore[arg-type]
            return [it.event.id for it in found]

        assert await read() == ids
        assert await read(after=ids[1]) == ids[2:]
        assert await read(limit=2) == ids[:2]
        assert await read(since=start + HOUR, until=start + 3 * HOUR) == ids[1:3]
        assert await read(since=start + HOUR, after=ids[2]) == ids[3:]

    async def test_deliveries_are_made_in_the_commit_that_moves_the_cursor(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A publisher that lost its role writes nothing: its cursor is not the store's any more."""
        webhook = await store.webhooks.add(make_webhook(created_at=clock.now()))
        delivery = make_delivery(created_at=clock.now(), due_at=clock.now())

        after = await published(store, webhook, delivery)
        late = make_delivery("dlv_2", created_at=clock.now())
        stale = await store.webhooks.publish(
            ONE, after=webhook.cursor, upto=after.cursor, new=[late]
        )

        assert not stale
        assert await store.webhooks.get(ONE) == after
        assert await store.webhooks.delivery(ONE, late.id) is None
        assert await found(store, delivery) == delivery

    async def test_an_event_that_is_published_twice_is_one_delivery(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Its id follows from webhook and event; what was delivered stays so."""
        delivery = await one_pending(store, clock)
        await store.webhooks.record(delivery.id, delivered(clock.now()))
        webhook = await store.webhooks.get(ONE)
        assert webhook is not None

        await published(store, webhook, delivery)

        assert (await found(store, delivery)).state is DeliveryState.DELIVERED

    async def test_deliveries_are_due_when_their_time_has_come(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The longest waiting first, so many of each webhook, and of no other."""
        for id_ in (ONE, TWO):
            webhook = await store.webhooks.add(make_webhook(id_, created_at=clock.now()))
            new = [
                make_delivery(
                    f"dlv_{id_}_{n}", id_, created_at=clock.now(), due_at=clock.now() + n * HOUR
                )
                for n in (2, 1, 0)
            ]
            await published(store, webhook, *new)

        assert await ids_due(store, ONE) == ["dlv_whk_1_0"]
        clock.advance(3 * HOUR)
        assert await ids_due(store, ONE, most=2) == ["dlv_whk_1_0", "dlv_whk_1_1"]
        assert len(await ids_due(store, ONE, TWO)) == 6
        assert await store.webhooks.pending() == {ONE: 3, TWO: 3}

    async def test_a_failed_attempt_is_kept_and_comes_again_at_its_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Somebody will ask what the receiver said."""
        delivery = await one_pending(store, clock)
        again = clock.now() + HOUR
        change = failed(clock.now(), again=again)

        await store.webhooks.record(delivery.id, change)

        kept = await found(store, delivery)
        assert (kept.state, kept.tries, kept.next_attempt_at) == (DeliveryState.PENDING, 1, again)
        assert kept.attempts == (change.attempt,)
        assert await ids_due(store) == []

    async def test_a_late_failure_does_not_bring_back_what_has_ended(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two nodes called at once, and the slower one met a 500: the receiver has the event."""
        delivery = await one_pending(store, clock)
        late = failed(clock.now(), again=clock.now() + HOUR)

        await store.webhooks.record(delivery.id, delivered(clock.now()))
        await store.webhooks.record(delivery.id, late)

        kept, webhook = await found(store, delivery), await store.webhooks.get(ONE)
        assert (kept.state, kept.next_attempt_at) == (DeliveryState.DELIVERED, None)
        assert len(kept.attempts) == 2
        assert webhook is not None
        assert webhook.failing_since is None

    async def test_a_late_success_counts_whatever_was_decided_meanwhile(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Given up, and then the answer came after all."""
        delivery = await one_pending(store, clock)

        await store.webhooks.record(delivery.id, failed(clock.now(), again=None))
        await store.webhooks.record(delivery.id, delivered(clock.now()))

        assert (await found(store, delivery)).state is DeliveryState.DELIVERED

    async def test_a_webhook_fails_since_the_first_failure_after_a_success(
        self, store: Store, clock: MovableClock
    ) -> None:
        """That is how long until it is paused."""
        delivery = await one_pending(store, clock)
        start = clock.now()
        since = []
        for change in (failed, failed, delivered, failed):
            at = clock.now()
            await store.webhooks.replay([delivery])
            made = delivered(at) if change is delivered else failed(at, again=at)
            await store.webhooks.record(delivery.id, made)
            webhook = await store.webhooks.get(ONE)
            assert webhook is not None
            since.append(webhook.failing_since)
            clock.advance(HOUR)

        assert since[:3] == [start, start, None]
        assert about(since[3], start + 3 * HOUR)

    async def test_an_attempt_pauses_its_webhook_once(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Eight calls that meet 410 at the same moment are one notice."""
        delivery = await one_pending(store, clock)
        before = len((await store.events()).rows)
        pause = WebhookPause(reason="410 Gone", by="gateway", at=clock.now())
        change = failed(clock.now(), again=clock.now(), pause=pause)

        assert [await store.webhooks.record(delivery.id, change) for _ in range(2)] == [True, False]

        webhook = await store.webhooks.get(ONE)
        assert webhook is not None
        assert webhook.pause == pause
        events = (await store.events()).rows[before:]
        assert [it.type for it in events] == [EventType.WEBHOOK_PAUSED]

    # ------------------------------------------------ looking and doing again

    async def test_deliveries_are_listed_by_state_and_type_in_pages(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Newest first, with every attempt; never those of another webhook."""
        webhook = await store.webhooks.add(make_webhook(created_at=clock.now()))
        new = [make_delivery(f"dlv_{n}", created_at=clock.now()) for n in range(5)]
        new[4] = replace(new[4], event_type=EventType.FAILED)
        await published(store, webhook, *new)
        await store.webhooks.record(new[0].id, delivered(clock.now()))

        async def listed(**query: object) -> list[str]:
            page = await store.webhooks.deliveries(DeliveryQuery(webhook_id=ONE, **query))  # type: ignore[arg-type]
            return [it.id for it in page.rows]

        first = await store.webhooks.deliveries(DeliveryQuery(webhook_id=ONE, limit=3))
        assert [it.id for it in first.rows] == ["dlv_4", "dlv_3", "dlv_2"]
        assert first.next_cursor is not None
        rest = await store.webhooks.deliveries(
            DeliveryQuery(webhook_id=ONE, limit=3, cursor=first.next_cursor)
        )
        assert [it.id for it in rest.rows] == ["dlv_1", "dlv_0"]
        assert rest.next_cursor is None
        assert len(rest.rows[1].attempts) == 1
        assert await listed(state=DeliveryState.DELIVERED) == ["dlv_0"]
        assert await listed(event_type=EventType.FAILED) == ["dlv_4"]
        assert await listed(state=DeliveryState.SKIPPED) == []
        other = await store.webhooks.deliveries(DeliveryQuery(webhook_id=TWO))
        assert other.rows == []
        assert await store.webhooks.delivery(TWO, new[0].id) is None
        with pytest.raises(InvalidCursor):
            await listed(cursor="made up")

    async def test_a_replay_begins_anew_with_the_same_id(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The receiver can tell it; what was tried before stays on record."""
        delivery = await one_pending(store, clock)
        await store.webhooks.record(delivery.id, failed(clock.now(), again=None))
        missing = make_delivery("dlv_2", created_at=clock.now(), due_at=clock.now())
        of_nobody = make_delivery("dlv_3", TWO, created_at=clock.now())
        clock.advance(HOUR)

        await store.webhooks.replay([delivery, missing, of_nobody])

        again = await found(store, delivery)
        assert (again.state, again.tries, len(again.attempts)) == (DeliveryState.PENDING, 0, 1)
        assert about(again.next_attempt_at, clock.now())
        assert set(await ids_due(store, ONE, TWO)) == {delivery.id, missing.id}
        assert await store.webhooks.states([delivery.id, missing.id, of_nobody.id]) == {
            delivery.id: DeliveryState.PENDING,
            missing.id: DeliveryState.PENDING,
        }

    async def test_a_test_is_kept_with_its_attempt(self, store: Store, clock: MovableClock) -> None:
        """It stands in the list with the others."""
        await store.webhooks.add(make_webhook(created_at=clock.now()))
        attempt = WebhookAttempt(at=clock.now(), duration=SECOND, error="connection refused")
        tried = make_delivery(
            created_at=clock.now(), due_at=None, event_id=None, state=DeliveryState.FAILED,
            event_type=EventType.WEBHOOK_TEST, tries=1, attempts=(attempt,),
        )  # fmt: skip

        await store.webhooks.add_tried(tried)

        assert await found(store, tried) == tried

    async def test_deliveries_are_forgotten_when_nothing_happened_for_long(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Bodies hold addresses; what was replayed lately is kept."""
        webhook = await store.webhooks.add(make_webhook(created_at=clock.now()))
        new = [make_delivery(f"dlv_{n}", created_at=clock.now()) for n in range(3)]
        await published(store, webhook, *new)
        clock.advance(2 * HOUR)
        await store.webhooks.replay([new[2]])
        limit = clock.now() - HOUR

        assert await store.webhooks.purge(limit, limit=1) == 1
        assert await store.webhooks.purge(limit, limit=10) == 1
        assert await store.webhooks.purge(limit, limit=10) == 0
        assert list(await store.webhooks.states([it.id for it in new])) == [new[2].id]
