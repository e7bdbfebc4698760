"""What a store promises to workers that bring an outcome: kept whole, once, by the holder."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mail_sender.domain.attempt import OutcomeKind, RecipientOutcome
from mail_sender.domain.event import EventType
from mail_sender.domain.outcome import Blame
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import Change, RecipientChange, Store

from ..make import ANN, BOB, CID, make_attempt, make_event
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
    as_failed,
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


class RecordContract:
    async def test_what_happened_is_recorded_whole(self, store: Store, clock: MovableClock) -> None:
        """The client reads from the record which provider said what of whom."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        attempt = make_attempt(
            number=1,
            started_at=clock.now(),
            duration=timedelta(milliseconds=812),
            blame=Blame.RECIPIENT,
            code=250,
            enhanced_code="2.0.0",
            detail="queued as 1A",
            provider_message_id="0100",
            recipients=(
                RecipientOutcome(address=ANN, outcome=OutcomeKind.ACCEPTED),
                RecipientOutcome(
                    address=BOB,
                    outcome=OutcomeKind.REFUSED,
                    blame=Blame.RECIPIENT,
                    code=550,
                    enhanced_code="5.1.1",
                    detail="Kein Postfach",
                ),
            ),
        )
        refused = RecipientChange(
            status=RecipientStatus.FAILED,
            provider="ses",
            code=550,
            enhanced_code="5.1.1",
            detail="Kein Postfach",
        )
        sent = RecipientChange(status=RecipientStatus.SENT, provider="ses")
        change = Change(
            state=State.SENT,
            attempts=(attempt,),
            recipients={ANN: sent, BOB: refused},
            provider="ses",
            provider_message_id="0100",
            events=(make_event(EventType.SENT, message.id, at=clock.now(), provider="ses"),),
        )
        clock.advance(LEASE / 2)
        assert await store.record(lease, change)

        record = await seen(store, message)
        assert record.state is State.SENT
        assert record.attempts == (attempt,)
        assert (record.provider, record.provider_message_id) == ("ses", "0100")
        assert record.due_at is None
        assert about(record.updated_at, clock.now())
        ann, bob = record.recipients
        assert (ann.status, ann.provider) == (RecipientStatus.SENT, "ses")
        assert (bob.status, bob.code, bob.enhanced_code) == (RecipientStatus.FAILED, 550, "5.1.1")
        assert bob.detail == "Kein Postfach"
        assert about(bob.updated_at, clock.now())
        newest = (await store.events(message_id=message.id)).rows[-1]
        assert (newest.type, newest.data) == (EventType.SENT, {"provider": "ses"})

    async def test_an_outcome_is_recorded_once(self, store: Store, clock: MovableClock) -> None:
        """A journal that is replayed after a crash adds nothing to what is known."""
        message = await accepted(store, clock)
        lease = await sending(store)

        assert await store.record(lease, as_sent(lease))
        assert not await store.record(lease, as_failed(lease))

        record = await seen(store, message)
        assert record.state is State.SENT
        assert len(record.attempts) == 1

    async def test_one_outcome_told_twice_at_once_is_recorded_once(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two records of one lease that share a commit are still two, one after the other."""
        message = await accepted(store, clock)
        lease = await sending(store)

        answers = await asyncio.gather(*(store.record(lease, as_sent(lease)) for _ in range(5)))

        assert answers == [True, False, False, False, False]
        assert len((await seen(store, message)).attempts) == 1

    async def test_many_outcomes_at_once_stay_with_their_messages(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What shares a commit does not get mixed up."""
        for n in range(50):
            await accepted(store, clock, f"m{n}", to=[f"r{n}@example.net", f"s{n}@example.net"])
        leases = await claimed(store, limit=50)
        answers = await asyncio.gather(
            *(
                store.record(
                    lease,
                    as_sent(lease, provider=f"p-{lease.message.id}") if n % 2 else as_failed(lease),
                )
                for n, lease in enumerate(leases)
            )
        )

        assert answers == [True] * 50
        for n, lease in enumerate(leases):
            record = await seen(store, lease.message)
            assert record.state is (State.SENT if n % 2 else State.FAILED)
            assert record.provider == (f"p-{lease.message.id}" if n % 2 else None)
            assert [r.address for r in record.recipients] == list(lease.message.content.recipients)
            assert len(set(statuses(record).values())) == 1
            assert len(record.attempts) == 1

    async def test_a_deferred_message_is_due_again_when_it_says(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A provider that asked for a pause gets it."""
        message = await accepted(store, clock)
        lease = await sending(store)
        due_at = clock.now() + HOUR
        assert await store.record(lease, as_deferred(lease, due_at))

        record = await seen(store, message)
        assert (record.state, record.due_at) == (State.QUEUED, due_at)
        assert await claimed(store) == []
        clock.advance(HOUR + LEASE)
        assert (await leased(store)).retries_made == 1

    async def test_nothing_queued_is_without_a_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A change that forgets its due time must not make a message that nobody ever claims."""
        await accepted(store, clock)
        lease = await leased(store)

        assert await store.record(lease, Change(state=State.QUEUED))

        await leased(store)

    async def test_a_recipient_that_was_taken_never_waits_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Even a mistake in a worker must not make the store hand a recipient out twice."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        taken = as_deferred(lease, clock.now(), recipients=changes([ANN], RecipientStatus.SENT))
        assert await store.record(lease, taken)
        lease = await leased(store)
        wrong = as_deferred(
            lease, clock.now(), recipients=changes([ANN, BOB], RecipientStatus.QUEUED)
        )
        assert await store.record(lease, wrong)

        assert statuses(await seen(store, message))[ANN] is RecipientStatus.SENT
        assert (await leased(store)).pending == (BOB,)

    async def test_what_is_learnt_later_of_a_taken_recipient_is_kept(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A provider that took a mail may tell afterwards that it bounced."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        first = as_unknown(
            lease,
            clock.now(),
            recipients={
                ANN: RecipientChange(status=RecipientStatus.SENT),
                BOB: RecipientChange(status=RecipientStatus.UNKNOWN),
            },
        )
        assert await store.record(lease, first)
        later = as_sent(
            lease,
            recipients={
                ANN: RecipientChange(status=RecipientStatus.BOUNCED, code=550),
                BOB: RecipientChange(status=RecipientStatus.SENT),
            },
        )
        assert await store.record(lease, later)

        assert statuses(await seen(store, message)) == {
            ANN: RecipientStatus.BOUNCED,
            BOB: RecipientStatus.SENT,
        }

    async def test_one_provider_is_recorded_and_the_next_begun_together(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Between two providers there is no moment in which a crash forgets one of them."""
        message = await accepted(store, clock)
        lease = await sending(store, provider="mailgun")
        so_far = as_deferred(lease, clock.now(), provider="mailgun", state=State.SENDING)

        assert await store.record_and_begin(lease, so_far, provider="ses", recipients=lease.pending)

        record = await seen(store, message)
        assert record.state is State.SENDING
        assert [a.provider for a in record.attempts] == ["mailgun"]
        await died(store, clock)
        record = await seen(store, message)
        assert [(a.number, a.provider, a.outcome) for a in record.attempts] == [
            (1, "mailgun", OutcomeKind.DEFERRED),
            (2, "ses", OutcomeKind.UNKNOWN),
        ]

    async def test_failing_over_is_one_pass(self, store: Store, clock: MovableClock) -> None:
        """The back-off counts passes over the route, not the providers within one."""
        await accepted(store, clock)
        lease = await sending(store, provider="mailgun")
        so_far = as_deferred(lease, clock.now(), provider="mailgun", state=State.SENDING)
        assert await store.record_and_begin(lease, so_far, provider="ses", recipients=[ANN])
        assert await store.record(lease, as_deferred(lease, clock.now()))

        assert (await leased(store)).retries_made == 1

    async def test_nothing_of_a_lost_outcome_is_written(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A worker that woke up too late cannot overwrite what the next one did."""
        message = await accepted(store, clock)
        old = await leased(store, A)
        await died(store, clock)
        new = await leased(store, B)
        before = await seen(store, message)

        assert not await store.record(old, as_sent(old))
        assert not await store.record_and_begin(
            old, as_deferred(old, clock.now()), provider="ses", recipients=old.pending
        )
        assert await seen(store, message) == before
        assert len((await store.events(message_id=message.id)).rows) == 1
        assert await store.begin(new, provider="ses", recipients=new.pending)

    async def test_an_unknown_outcome_is_looked_into_when_it_says(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A provider is asked for evidence, and asked by one process at a time."""
        message = await accepted(store, clock, to=[ANN, BOB, CID])
        lease = await sending(store)
        began = clock.now()
        attempt = make_attempt(OutcomeKind.UNKNOWN, number=1, started_at=began)
        unknown = as_unknown(
            lease,
            began + HOUR,
            attempts=(attempt,),
            recipients={
                ANN: RecipientChange(status=RecipientStatus.SENT),
                **changes([BOB, CID], RecipientStatus.UNKNOWN),
            },
        )
        assert await store.record(lease, unknown)
        assert await store.claim_unknown(A, limit=10) == []
        clock.advance(HOUR + LEASE)

        assert await claimed(store) == []
        (found,) = await store.claim_unknown(B, limit=10)

        assert (found.owner, found.fence) == (B, lease.fence + 1)
        assert found.pending == (BOB, CID)
        assert found.others == (RecipientStatus.SENT,)
        assert found.unknown_since == began
        assert found.last_provider == "ses"
        assert found.message == message
        assert await store.claim_unknown(A, limit=10) == []
        record = await seen(store, message)
        assert record.state is State.UNKNOWN
        assert about(record.due_at, clock.now() + timedelta(minutes=5))
        clock.advance(timedelta(minutes=6))
        assert len(await store.claim_unknown(A, limit=10)) == 1

    async def test_evidence_settles_an_unknown_outcome(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A look-up that finds the mail at the provider ends the doubt."""
        message = await accepted(store, clock)
        lease = await sending(store)
        assert await store.record(lease, as_unknown(lease, clock.now()))
        (found,) = await store.claim_unknown(B, limit=10)

        assert await store.record(found, as_sent(found, attempts=()))
        assert not await store.record(lease, as_failed(lease))
        assert (await seen(store, message)).state is State.SENT
        assert await store.claim_unknown(B, limit=10) == []

    async def test_an_unknown_outcome_that_nobody_can_look_into_waits(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Plain SMTP can never be asked: the message waits for a person, not in a loop."""
        message = await accepted(store, clock)
        lease = await sending(store)
        assert await store.record(lease, as_unknown(lease, None))
        clock.advance(HOUR)
        await store.sweep(GRACE)

        assert await store.claim_unknown(A, limit=10) == []
        assert await claimed(store) == []
        assert (await seen(store, message)).state is State.UNKNOWN

    async def test_a_lease_of_an_unknown_message_sends_nothing(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Looking for evidence gives no right to call a provider."""
        await accepted(store, clock)
        lease = await sending(store)
        assert await store.record(lease, as_unknown(lease, clock.now()))
        (found,) = await store.claim_unknown(A, limit=10)

        assert not await store.begin(found, provider="ses", recipients=found.pending)

    async def test_recipients_taken_by_a_provider_are_counted(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A quota of recipients a day must survive a restart of the process."""
        start = clock.now()
        await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        half = as_sent(lease, recipients=changes([ANN], RecipientStatus.SENT, provider="ses"))
        assert await store.record(lease, half)
        clock.advance(HOUR)
        await accepted(store, clock, to=[ANN, BOB, CID])
        lease = await sending(store)
        assert await store.record(lease, as_sent(lease))

        assert await store.accepted_recipients("ses", start) == 4
        assert await store.accepted_recipients("ses", clock.now() - LEASE) == 3
        assert await store.accepted_recipients("mailgun", start) == 0

    async def test_a_stale_outcome_does_not_shadow_the_holders(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two workers that record one message in the same moment are told apart by the fence."""
        message = await accepted(store, clock)
        old = await leased(store, A)
        await died(store, clock)
        new = await sending(store, B)

        answers = await asyncio.gather(
            store.record(old, as_failed(old)), store.record(new, as_sent(new))
        )

        assert list(answers) == [False, True]
        assert (await seen(store, message)).state is State.SENT
