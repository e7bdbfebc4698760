"""What a store promises about owners that died, and about messages that grew too old."""

from __future__ import annotations

from datetime import timedelta

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.event import EventType
from mail_sender.domain.message import OnUnknown
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import Store, Swept

from ..make import ANN, BOB
from .store_steps import (
    GRACE,
    HOUR,
    LEASE,
    A,
    B,
    MovableClock,
    about,
    accepted,
    as_deferred,
    as_sent,
    as_unknown,
    changes,
    claimed,
    died,
    leased,
    seen,
    sending,
    statuses,
)

SECOND = timedelta(seconds=1)


class SweepContract:
    async def test_a_living_owner_is_left_alone(self, store: Store, clock: MovableClock) -> None:
        """A slow provider does not cost a worker its messages while it goes on beating."""
        await accepted(store, clock)
        lease = await sending(store)
        for _ in range(10):
            clock.advance(LEASE / 2)
            await store.heartbeat(A, LEASE)
            assert await store.sweep(GRACE) == Swept()

        assert await store.record(lease, as_sent(lease))

    async def test_what_a_dead_owner_only_claimed_is_queued_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nobody called a provider, so that the next worker may have it at once."""
        message = await accepted(store, clock)
        lease = await leased(store)

        swept = await died(store, clock, after=LEASE + LEASE / 2)

        assert swept == Swept(requeued=(message.id,))
        record = await seen(store, message)
        assert record.state is State.QUEUED
        assert about(record.due_at, clock.now())
        assert record.attempts == ()
        assert not await store.begin(lease, provider="ses", recipients=lease.pending)
        assert (await leased(store, B)).fence == lease.fence + 1

    async def test_what_a_dead_owner_began_is_unknown(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A provider may have it: it waits for evidence and is not sent again."""
        message = await accepted(store, clock)
        began = clock.now()
        await sending(store, provider="mailgun")

        assert await died(store, clock) == Swept(unknown=(message.id,))

        record = await seen(store, message)
        assert record.state is State.UNKNOWN
        assert about(record.due_at, clock.now())
        assert statuses(record) == {ANN: RecipientStatus.UNKNOWN}
        (attempt,) = record.attempts
        assert (attempt.number, attempt.provider) == (1, "mailgun")
        assert attempt.outcome is OutcomeKind.UNKNOWN
        assert about(attempt.started_at, began)
        newest = (await store.events(message_id=message.id)).rows[-1]
        assert newest.type is EventType.UNKNOWN
        assert about(newest.at, clock.now())
        assert await claimed(store, B) == []
        (found,) = await store.claim_unknown(B, limit=10)
        assert (found.last_provider, found.unknown_since) == ("mailgun", attempt.started_at)

    async def test_a_begun_call_has_its_grace(self, store: Store, clock: MovableClock) -> None:
        """A provider may still answer a worker whose heartbeat came late."""
        message = await accepted(store, clock)
        lease = await sending(store)

        assert await died(store, clock, after=LEASE + GRACE / 2) == Swept()
        assert (await seen(store, message)).state is State.SENDING
        assert await store.record(lease, as_sent(lease))

    async def test_late_evidence_of_the_owner_counts(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A worker that was only paused knows what happened, and the doubt is over."""
        message = await accepted(store, clock)
        lease = await sending(store)
        await died(store, clock)

        assert await store.record(lease, as_sent(lease))

        record = await seen(store, message)
        assert record.state is State.SENT
        assert statuses(record) == {ANN: RecipientStatus.SENT}
        assert [a.outcome for a in record.attempts] == [OutcomeKind.UNKNOWN, OutcomeKind.ACCEPTED]

    async def test_late_evidence_may_begin_the_next_provider(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A clean refusal that comes late still leads to the next provider, by the same fence."""
        message = await accepted(store, clock)
        lease = await sending(store, provider="mailgun")
        await died(store, clock)
        refused = as_deferred(lease, clock.now(), provider="mailgun", state=State.SENDING)

        assert await store.record_and_begin(
            lease, refused, provider="ses", recipients=lease.pending
        )
        assert (await seen(store, message)).state is State.SENDING

    async def test_late_evidence_counts_until_another_looks_into_it(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two that both think they know are never both believed."""
        await accepted(store, clock)
        lease = await sending(store)
        await died(store, clock)
        (found,) = await store.claim_unknown(B, limit=10)

        assert not await store.record(lease, as_sent(lease))
        assert await store.record(found, as_unknown(found, None, attempts=()))

    async def test_who_risks_a_duplicate_is_queued_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A one-time password rather arrives twice than never; the attempt is not forgotten."""
        message = await accepted(store, clock, on_unknown=OnUnknown.RISK_DUPLICATE)
        lease = await sending(store)

        assert await died(store, clock) == Swept(unknown=(message.id,))

        record = await seen(store, message)
        assert record.state is State.QUEUED
        assert about(record.due_at, clock.now())
        assert statuses(record) == {ANN: RecipientStatus.QUEUED}
        assert [a.outcome for a in record.attempts] == [OutcomeKind.UNKNOWN]
        newest = (await store.events(message_id=message.id)).rows[-1]
        assert newest.type is EventType.UNKNOWN
        assert not await store.record(lease, as_sent(lease))
        again = await leased(store, B)
        assert (again.pending, again.attempts_made, again.retries_made) == ((ANN,), 1, 1)

    async def test_no_duplicate_is_risked_after_the_end(
        self, store: Store, clock: MovableClock
    ) -> None:
        """It would never be sent again, and `expired` would deny that it may have arrived."""
        message = await accepted(
            store, clock, on_unknown=OnUnknown.RISK_DUPLICATE, give_up_after=LEASE
        )
        await sending(store)

        await died(store, clock)

        record = await seen(store, message)
        assert record.state is State.UNKNOWN
        assert statuses(record) == {ANN: RecipientStatus.UNKNOWN}

    async def test_only_the_recipients_of_the_begun_call_are_in_doubt(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A mail to many goes out in several calls; a crash in one says nothing of the others."""
        message = await accepted(store, clock, to=[ANN, BOB, "cid@example.org"])
        lease = await leased(store)
        assert await store.begin(lease, provider="ses", recipients=[ANN])
        first = as_deferred(
            lease,
            clock.now(),
            state=State.SENDING,
            recipients=changes([ANN], RecipientStatus.SENT),
        )
        assert await store.record_and_begin(lease, first, provider="ses", recipients=[BOB])

        await died(store, clock)

        record = await seen(store, message)
        assert record.state is State.UNKNOWN
        assert list(statuses(record).values()) == [
            RecipientStatus.SENT,
            RecipientStatus.UNKNOWN,
            RecipientStatus.QUEUED,
        ]
        (found,) = await store.claim_unknown(B, limit=10)
        assert found.pending == (BOB,)
        assert found.others == (RecipientStatus.SENT, RecipientStatus.QUEUED)

    async def test_a_single_process_takes_over_at_once(
        self, store: Store, clock: MovableClock
    ) -> None:
        """After a crash and a restart nobody waits for a lease of the process that is gone."""
        claimed_only = await accepted(store, clock)
        await leased(store, A)
        begun = await accepted(store, clock)
        await sending(store, A)
        mine = await accepted(store, clock)
        own = await leased(store, B)

        await store.expire_other_owners(B)

        assert await store.sweep(GRACE) == Swept(requeued=(claimed_only.id,), unknown=(begun.id,))
        assert (await seen(store, mine)).state is State.LEASED
        assert await store.begin(own, provider="ses", recipients=own.pending)

    async def test_a_heartbeat_never_shortens_a_lease(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What was promised to a call that is under way holds."""
        await accepted(store, clock)
        await leased(store, A)
        await store.heartbeat(A, HOUR)
        await store.heartbeat(A, SECOND)
        clock.advance(HOUR / 2)

        assert await store.sweep(GRACE) == Swept()

    async def test_a_clock_set_back_makes_no_lease_longer(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A dead worker's mail is not stuck for the hour by which the clock was set back."""
        await accepted(store, clock)
        await leased(store, A)
        clock.advance(-HOUR)
        assert await store.sweep(GRACE) == Swept()

        clock.advance(LEASE / 2)
        assert await store.sweep(GRACE) == Swept()
        clock.advance(LEASE)
        assert len((await store.sweep(GRACE)).requeued) == 1

    async def test_a_clock_set_back_takes_no_lease_from_the_living(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A worker that beats on keeps its messages through a step of the clock."""
        await accepted(store, clock)
        lease = await sending(store)
        clock.advance(-HOUR)
        for _ in range(4):
            await store.heartbeat(A, LEASE)
            assert await store.sweep(timedelta(0)) == Swept()
            clock.advance(LEASE / 2)

        assert await store.record(lease, as_sent(lease))

    async def test_a_clock_set_back_delays_but_loses_nothing(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Due times are points in time: what was due waits until the clock is there again."""
        await accepted(store, clock)
        clock.advance(-HOUR)
        assert await claimed(store) == []
        clock.advance(HOUR + SECOND)
        assert len(await claimed(store)) == 1

    async def test_what_waits_too_long_expires(self, store: Store, clock: MovableClock) -> None:
        """The client learns that it gave up, instead of waiting for ever."""
        message = await accepted(store, clock, give_up_after=HOUR)
        lease = await sending(store)
        assert await store.record(lease, as_deferred(lease, clock.now() + 2 * HOUR))
        assert await store.sweep(GRACE) == Swept()
        clock.advance(HOUR + LEASE)

        assert await store.sweep(GRACE) == Swept(expired=(message.id,))

        record = await seen(store, message)
        assert (record.state, record.due_at) == (State.EXPIRED, None)
        (recipient,) = record.recipients
        assert recipient.status is RecipientStatus.EXPIRED
        newest = (await store.events(message_id=message.id)).rows[-1]
        assert newest.type is EventType.EXPIRED
        assert await store.sweep(GRACE) == Swept()

    async def test_held_mail_expires_too(self, store: Store, clock: MovableClock) -> None:
        """A message that nobody released in time is answered for as well."""
        message = await accepted(store, clock, give_up_after=HOUR)
        from_person = (await store.events(message_id=message.id)).rows[0]
        await store.hold(message.id, from_person)
        clock.advance(HOUR + LEASE)

        assert await store.sweep(GRACE) == Swept(expired=(message.id,))
        assert not (await seen(store, message)).held

    async def test_a_message_that_reached_somebody_is_sent_when_it_expires(
        self, store: Store, clock: MovableClock
    ) -> None:
        """`expired` would deny what one recipient has already read."""
        message = await accepted(store, clock, to=[ANN, BOB], give_up_after=HOUR)
        lease = await sending(store)
        half = as_deferred(
            lease, clock.now() + 2 * HOUR, recipients=changes([ANN], RecipientStatus.SENT)
        )
        assert await store.record(lease, half)
        clock.advance(HOUR + LEASE)

        assert (await store.sweep(GRACE)).expired == (message.id,)

        record = await seen(store, message)
        assert record.state is State.SENT
        assert statuses(record) == {ANN: RecipientStatus.SENT, BOB: RecipientStatus.EXPIRED}

    async def test_a_message_that_may_have_reached_somebody_is_unknown_when_it_expires(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The doubt about one recipient outlives the end of the others."""
        message = await accepted(store, clock, to=[ANN, BOB], give_up_after=HOUR)
        lease = await sending(store)
        half = as_deferred(
            lease, clock.now() + 2 * HOUR, recipients=changes([ANN], RecipientStatus.UNKNOWN)
        )
        assert await store.record(lease, half)
        clock.advance(HOUR + LEASE)

        assert (await store.sweep(GRACE)).expired == (message.id,)

        record = await seen(store, message)
        assert record.state is State.UNKNOWN
        assert statuses(record) == {ANN: RecipientStatus.UNKNOWN, BOB: RecipientStatus.EXPIRED}
        (found,) = await store.claim_unknown(B, limit=10)
        assert found.pending == (ANN,)

    async def test_many_expire_in_one_sweep(self, store: Store, clock: MovableClock) -> None:
        """After a long outage the whole backlog is answered for."""
        ids = {(await accepted(store, clock, give_up_after=HOUR)).id for _ in range(300)}
        clock.advance(HOUR + LEASE)

        assert set((await store.sweep(GRACE)).expired) == ids
        assert (await store.depth()).open == 0
