"""What a store promises to whoever asks: status, lists, events, depth and statistics."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.event import EventType
from mail_sender.domain.message import Attachment, KeyId, Mailbox, MessageId, Priority
from mail_sender.domain.status import State
from mail_sender.store.listing import without_body
from mail_sender.store.port import Change, InvalidCursor, Query, Store

from ..make import ANN, BOB, mailboxes, make_attempt, make_event
from .store_steps import (
    HOUR,
    LEASE,
    MovableClock,
    accepted,
    as_deferred,
    as_failed,
    as_sent,
    as_unknown,
    claimed,
    leased,
    listed,
    seen,
)

SECOND = timedelta(seconds=1)


class ReadingContract:
    async def test_a_list_shows_the_newest_first_and_no_bodies(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A page of a list stays small, however large the attachments are."""
        file = Attachment(filename="a", content_type="x/y", content=b"x" * 1000)
        old = await accepted(
            store,
            clock,
            html="<p>",
            attachments=(file,),
            headers=(("X-A", "1"),),
            cc=mailboxes([BOB]),
            tags=("a",),
            metadata=(("order", "7"),),
            send_at=clock.now(),
        )
        clock.advance(SECOND)
        new = await accepted(store, clock)
        lease = (await claimed(store, limit=1))[0]
        await store.record(lease, as_sent(lease))

        newest, oldest = (await store.find(Query())).rows

        assert newest.message.id == new.id
        assert oldest.message.content == without_body(old.content)
        whole = await seen(store, old)
        assert whole.message.content == old.content
        assert (oldest.state, oldest.attempts) == (State.SENT, whole.attempts)
        assert oldest.recipients == whole.recipients
        assert (oldest.provider, oldest.updated_at) == ("ses", whole.updated_at)

    async def test_a_list_is_filtered_by_state(self, store: Store, clock: MovableClock) -> None:
        """An operator looks at what failed."""
        for id_ in ("sent", "failed", "unknown", "cancelled"):
            await accepted(store, clock, id_)
            clock.advance(SECOND)
        sent, failed, unknown, cancelled = await claimed(store)
        await accepted(store, clock, "queued")
        await store.record(sent, as_sent(sent))
        await store.record(failed, as_failed(failed))
        await store.record(unknown, as_unknown(unknown, None))
        await store.cancel(cancelled.message.id, make_event(EventType.CANCELLED))

        for state in ("sent", "failed", "unknown", "cancelled", "queued"):
            assert await listed(store, states=frozenset({State(state)})) == [state]
        both = frozenset({State.SENT, State.UNKNOWN, State.EXPIRED})
        assert await listed(store, states=both) == ["unknown", "sent"]
        assert await listed(store, states=both, limit=1) == ["unknown"]

    async def test_a_list_tells_held_scheduled_and_waiting_apart(
        self, store: Store, clock: MovableClock
    ) -> None:
        """They are all `queued` inside, and three different things for a person."""
        for id_, due_in in (("held", 0), ("scheduled", 3600), ("due", 0), ("retrying", 0)):
            clock.advance(SECOND)
            await accepted(store, clock, id_, due_at=clock.now() + due_in * SECOND)
        await store.hold((await store.find(Query(limit=9))).rows[-1].message.id, make_event())
        due, retrying = await claimed(store)
        await store.record(due, Change(state=State.QUEUED, due_at=clock.now()))
        await store.record(retrying, as_deferred(retrying, clock.now() + HOUR))

        assert await listed(store, held=True) == ["held"]
        assert await listed(store, held=False) == ["retrying", "due", "scheduled"]
        assert await listed(store, scheduled=True) == ["scheduled"]
        assert await listed(store, scheduled=False) == ["retrying", "due", "held"]

    async def test_a_list_is_searched_by_recipient_sender_and_subject(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A person types a part of an address or a subject, in any case."""
        await accepted(store, clock, "1", to=["Ann@example.net"], subject="Order 100% done")
        clock.advance(SECOND)
        await accepted(store, clock, "2", to=["bob@example.net"], bcc=mailboxes(["joann@b.org"]))
        clock.advance(SECOND)
        sender = Mailbox(ANN, "Somebody")
        await accepted(store, clock, "3", to=["cid@example.org"], sender=sender, subject="ÄRGER_x")

        assert await listed(store, recipient="ANN@example.net") == ["1"]
        assert await listed(store, recipient="ann@") == ["2", "1"]
        assert await listed(store, recipient="nobody") == []
        assert await listed(store, sender="ann@EXAMPLE") == ["3"]
        assert await listed(store, subject="order") == ["2", "1"]
        assert await listed(store, subject="0% D") == ["1"]
        assert await listed(store, subject="ÄrgER_X") == ["3"]
        assert await listed(store, subject="ärger") == []
        assert await listed(store, recipient="example", sender="shop", subject="100") == ["1"]

    async def test_a_list_is_filtered_by_tag_provider_and_key(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Each of them is a whole word, not a part of one."""
        await accepted(store, clock, "1", tags=("order", "vip"))
        clock.advance(SECOND)
        await accepted(store, clock, "2", tags=("orders",), key_id=KeyId("key_2"))
        one, two = await claimed(store)
        await store.record(one, as_sent(one, provider="ses"))
        await store.record(two, as_sent(two, provider="mailgun"))

        assert await listed(store, tag="order") == ["1"]
        assert await listed(store, tag="vip") == ["1"]
        assert await listed(store, provider="mailgun") == ["2"]
        assert await listed(store, key_id=KeyId("key_2")) == ["2"]
        assert await listed(store, tag="order", provider="mailgun") == []

    async def test_a_list_is_limited_in_time(self, store: Store, clock: MovableClock) -> None:
        """`since` is part of the period, `until` is not."""
        times = []
        for id_ in ("1", "2", "3"):
            times.append((await accepted(store, clock, id_)).created_at)
            clock.advance(HOUR)

        assert await listed(store, since=times[1]) == ["3", "2"]
        assert await listed(store, until=times[1]) == ["1"]
        assert await listed(store, since=times[1], until=times[2]) == ["2"]
        queued = frozenset({State.QUEUED})
        assert await listed(store, since=times[1], until=times[2], states=queued) == ["2"]

    @pytest.mark.parametrize("states", [frozenset[State](), frozenset({State.QUEUED, State.SENT})])
    async def test_paging_shows_each_message_once_while_mail_comes_in(
        self, store: Store, clock: MovableClock, states: frozenset[State]
    ) -> None:
        """Whoever turns pages misses nothing and sees nothing twice."""
        ids = []
        for n in range(10):
            ids.append((await accepted(store, clock, tags=("t",))).id)
            if n % 3:
                clock.advance(SECOND)
        shown: list[str] = []
        cursor = None
        for _ in range(10):
            query = Query(limit=3, cursor=cursor, states=states, tag="t")
            page = await store.find(query)
            shown += [record.message.id for record in page.rows]
            clock.advance(SECOND)
            await accepted(store, clock, tags=("t",))
            cursor = page.next_cursor
            if cursor is None:
                break

        assert shown == ids[::-1]

    async def test_messages_can_be_named_by_their_ids(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Somebody ticked them in a list; other filters still hold, and pages still end."""
        first = await accepted(store, clock, tags=("a",))
        await accepted(store, clock)
        third = await accepted(store, clock)
        ids = frozenset({first.id, third.id, MessageId("msg_gone")})

        page = await store.find(Query(ids=ids, limit=1))
        rest = await store.find(Query(ids=ids, limit=1, cursor=page.next_cursor))
        tagged = await store.find(Query(ids=ids, tag="a"))
        failed = await store.find(Query(ids=ids, states=frozenset({State.FAILED})))

        found = [[row.message.id for row in it.rows] for it in (page, rest, tagged, failed)]
        assert found == [[third.id], [first.id], [first.id], []]
        assert rest.next_cursor is None

    async def test_the_last_page_says_so(self, store: Store, clock: MovableClock) -> None:
        """Nobody asks for a page that is empty."""
        await accepted(store, clock)
        await accepted(store, clock)

        assert (await store.find(Query(limit=2))).next_cursor is None
        assert (await store.find(Query(limit=1))).next_cursor is not None

    @pytest.mark.parametrize(
        "cursor", ["x", "1", "1-", "-1-1", "evt_0000000000000001", "1-1 ", "1-1-1"]
    )
    async def test_a_made_up_cursor_is_refused(self, store: Store, cursor: str) -> None:
        """The door answers 422 instead of a page from somewhere."""
        with pytest.raises(InvalidCursor):
            await store.find(Query(cursor=cursor))

    async def test_events_come_in_the_order_in_which_they_happened(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A client that follows the events can build the state from them."""
        one = await accepted(store, clock)
        two = await accepted(store, clock, key_id=KeyId("key_2"))
        degraded = make_event(EventType.DEGRADED, at=clock.now(), provider="ses", why=["a", 1])
        await store.append_event(degraded)
        await store.hold(one.id, make_event(EventType.SCHEDULED, one.id, at=clock.now()))

        rows = (await store.events()).rows

        assert [(e.type, e.message_id) for e in rows] == [
            (EventType.QUEUED, one.id),
            (EventType.QUEUED, two.id),
            (EventType.DEGRADED, None),
            (EventType.SCHEDULED, one.id),
        ]
        assert [e.id for e in rows] == sorted({e.id for e in rows})
        assert rows[2].data == {"provider": "ses", "why": ["a", 1]}
        assert rows[2].at == degraded.at
        of_one = (await store.events(message_id=one.id)).rows
        assert [e.type for e in of_one] == [EventType.QUEUED, EventType.SCHEDULED]
        of_key = (await store.events(key_id=KeyId("key_2"))).rows
        assert [e.message_id for e in of_key] == [two.id]
        backwards = (await store.events(newest_first=True)).rows
        assert list(backwards) == list(rows)[::-1]

    @pytest.mark.parametrize("newest_first", [False, True])
    async def test_events_are_paged_both_ways(
        self, store: Store, clock: MovableClock, *, newest_first: bool
    ) -> None:
        """A cursor goes on where the page ended, whichever way it is read."""
        message = await accepted(store, clock)
        for n in range(6):
            await store.append_event(make_event(EventType.DEGRADED, n=n))
        every = [e.id for e in (await store.events(newest_first=newest_first)).rows]
        shown: list[str] = []
        cursor = None
        for _ in range(10):
            page = await store.events(after=cursor, limit=3, newest_first=newest_first)
            shown += [e.id for e in page.rows]
            cursor = page.next_cursor
            if cursor is None:
                break

        assert shown == every
        assert len(shown) == 7
        of_message = await store.events(message_id=message.id, newest_first=newest_first)
        assert [e.message_id for e in of_message.rows] == [message.id]

    async def test_a_follower_goes_on_behind_the_last_event_it_saw(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Server-sent events resume after a break without a gap and without a repeat."""
        await accepted(store, clock)
        last = (await store.events()).rows[-1].id
        assert (await store.events(after=last)).rows == []

        message = await accepted(store, clock)

        (event,) = (await store.events(after=last)).rows
        assert event.message_id == message.id

    @pytest.mark.parametrize("after", ["x", "evt_", "evt_1", "1-1", "evt_00000000000000001"])
    async def test_a_made_up_event_id_is_refused(self, store: Store, after: str) -> None:
        """A follower with a foreign `Last-Event-ID` is told so."""
        with pytest.raises(InvalidCursor):
            await store.events(after=after)

    async def test_depth_counts_what_waits(self, store: Store, clock: MovableClock) -> None:
        """The operator sees how far behind the gateway is; the queue's limit counts on it."""
        clock.advance(HOUR)
        first_due = clock.now() - LEASE
        await accepted(store, clock, priority=Priority.HIGH)
        await accepted(store, clock, due_at=first_due)
        await accepted(store, clock)
        await accepted(store, clock, due_at=clock.now() + HOUR)
        await accepted(store, clock, due_at=clock.now() + HOUR, priority=Priority.LOW)
        held = await accepted(store, clock, due_at=first_due - LEASE)
        await store.hold(held.id, make_event(EventType.SCHEDULED, held.id))

        depth = await store.depth()

        assert dict(depth.due) == {Priority.HIGH: 1, Priority.NORMAL: 2}
        assert dict(depth.later) == {Priority.NORMAL: 1, Priority.LOW: 1}
        assert depth.held == 1
        assert (depth.leased, depth.sending, depth.unknown) == (0, 0, 0)
        assert depth.oldest_due_at == first_due
        assert depth.open == 6

        leases = await claimed(store)
        assert await store.begin(leases[0], provider="ses", recipients=[ANN])
        assert await store.record(leases[1], as_unknown(leases[1], None))
        depth = await store.depth()
        assert (depth.leased, depth.sending, depth.unknown) == (1, 1, 1)
        assert (dict(depth.due), depth.oldest_due_at, depth.open) == ({}, None, 6)

    async def test_an_empty_store_has_no_depth(self, store: Store) -> None:
        """A new installation shows zeros."""
        depth = await store.depth()
        assert (depth.open, depth.oldest_due_at) == (0, None)

    async def test_statistics_count_a_period(self, store: Store, clock: MovableClock) -> None:
        """A person sees how much was sent, how well and how fast."""
        since = clock.now()
        clock.advance(timedelta(minutes=10))
        for n in range(4):
            await accepted(store, clock, tags=("even",) if n % 2 == 0 else ())
        taken_at = clock.now()
        clock.advance(timedelta(minutes=1))
        for n, lease in enumerate(await claimed(store)):
            attempt = make_attempt(
                number=1, started_at=taken_at, duration=timedelta(milliseconds=10 * (n + 1))
            )
            skipped = make_attempt(OutcomeKind.SKIPPED, number=2, started_at=taken_at)
            change = as_sent(lease, attempts=(attempt, skipped))
            if n == 3:
                refused = make_attempt(
                    OutcomeKind.REFUSED, number=1, provider="smtp", started_at=taken_at
                )
                change = Change(state=State.FAILED, attempts=(refused,))
            assert await store.record(lease, change)
        until = since + 2 * HOUR
        clock.advance(HOUR + timedelta(minutes=9))
        await accepted(store, clock)
        clock.advance(HOUR)
        await accepted(store, clock)

        stats = await store.stats(since=since, until=until, buckets=2)

        assert (stats.since, stats.until, stats.accepted) == (since, until, 5)
        assert dict(stats.states) == {State.SENT: 3, State.FAILED: 1, State.QUEUED: 1}
        ses, smtp = stats.providers
        assert (ses.provider, dict(ses.outcomes)) == ("ses", {OutcomeKind.ACCEPTED: 3})
        assert (ses.p50_ms, ses.p99_ms) == (20.0, 30.0)
        assert (smtp.provider, dict(smtp.outcomes)) == ("smtp", {OutcomeKind.REFUSED: 1})
        assert stats.hand_over_p50_ms is not None
        assert abs(stats.hand_over_p50_ms - 60_000) < 20_000
        assert stats.hand_over_p99_ms is not None
        first, second = stats.buckets
        assert (first.start, second.start) == (since, since + HOUR)
        assert (first.accepted, dict(first.states)) == (4, {State.SENT: 3, State.FAILED: 1})
        assert (second.accepted, dict(second.states)) == (1, {State.QUEUED: 1})
        assert {p: dict(counts) for p, counts in first.providers.items()} == {
            "ses": {OutcomeKind.ACCEPTED: 3},
            "smtp": {OutcomeKind.REFUSED: 1},
        }
        assert dict(second.providers) == {}

        even = await store.stats(since=since, until=until, buckets=1, tag="even")
        assert (even.accepted, dict(even.states)) == (2, {State.SENT: 2})
        (ses,) = even.providers
        assert (dict(ses.outcomes), ses.p50_ms) == ({OutcomeKind.ACCEPTED: 2}, 10.0)

    async def test_a_period_without_mail_has_no_figures(
        self, store: Store, clock: MovableClock
    ) -> None:
        """No percentile is made up where nothing was measured."""
        await accepted(store, clock)
        at = clock.now() + HOUR

        stats = await store.stats(since=at, until=at + HOUR, buckets=3)

        assert (stats.accepted, dict(stats.states), list(stats.providers)) == (0, {}, [])
        assert (stats.hand_over_p50_ms, stats.hand_over_p99_ms) == (None, None)
        assert [bucket.accepted for bucket in stats.buckets] == [0, 0, 0]

    async def test_a_hand_over_is_counted_from_its_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Mail scheduled for tomorrow was not a day late."""
        since = clock.now()
        for moved in (False, True):
            send_at = clock.now() + HOUR
            first = None if moved else send_at
            message = await accepted(store, clock, send_at=first, due_at=first)
            if moved:
                await store.reschedule(message.id, send_at, make_event())
            clock.advance(HOUR + LEASE)
            lease = await leased(store)
            assert await store.record(lease, as_sent(lease))

        stats = await store.stats(since=since, until=clock.now() + HOUR, buckets=1)

        assert stats.hand_over_p99_ms is not None
        assert stats.hand_over_p99_ms < 100_000
