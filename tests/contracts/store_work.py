"""What a store promises to workers that want mail: order, exclusive leases, intent first."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.message import Priority
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import Change, RecipientChange, Store

from ..make import ANN, BOB, make_attempt, make_message, make_new
from .store_steps import (
    HOUR,
    LEASE,
    A,
    B,
    MovableClock,
    accepted,
    as_deferred,
    as_sent,
    claimed,
    died,
    leased,
    seen,
    sending,
)


class WorkContract:
    async def test_claims_go_by_priority_and_then_by_due_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A one-time password overtakes the newsletter; within a lane nobody is overtaken."""
        start = clock.now()
        clock.advance(HOUR)
        for id_, priority, minutes in (
            ("low", Priority.LOW, 0),
            ("normal-2", Priority.NORMAL, 2),
            ("high-3", Priority.HIGH, 3),
            ("normal-1", Priority.NORMAL, 1),
            ("high-1", Priority.HIGH, 1),
        ):
            due_at = start + timedelta(minutes=minutes)
            await accepted(store, clock, id_, priority=priority, due_at=due_at)

        first = await claimed(store, limit=3)
        then = await claimed(store, limit=3)

        assert [lease.message.id for lease in first] == ["high-1", "high-3", "normal-1"]
        assert [lease.message.id for lease in then] == ["normal-2", "low"]

    async def test_what_came_first_goes_first(self, store: Store, clock: MovableClock) -> None:
        """Mail that is due at the same moment leaves in the order in which it came."""
        due_at = clock.now()
        ids = [(await accepted(store, clock, due_at=due_at)).id for _ in range(5)]

        assert [lease.message.id for lease in await claimed(store)] == ids

    async def test_scheduled_mail_waits_for_its_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nothing scheduled leaves early, and it leaves when its time has come."""
        await accepted(store, clock, due_at=clock.now() + HOUR)

        assert await claimed(store) == []
        clock.advance(HOUR + LEASE)
        assert len(await claimed(store)) == 1

    async def test_no_attempt_begins_after_the_end(self, store: Store, clock: MovableClock) -> None:
        """A one-time password is worthless, and confusing, after ten minutes."""
        await accepted(store, clock, give_up_after=timedelta(minutes=10))
        clock.advance(timedelta(minutes=11))

        assert await claimed(store) == []

    async def test_a_claimed_message_is_nobody_elses(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two workers on one store never hold the same message."""
        ids = {(await accepted(store, clock)).id for _ in range(40)}
        await store.heartbeat(A, LEASE)
        await store.heartbeat(B, LEASE)

        shares = await asyncio.gather(
            *(store.claim(owner, limit=7) for owner in (A, B) for _ in range(3))
        )

        got = [lease.message.id for share in shares for lease in share]
        assert len(got) == 40
        assert set(got) == ids
        assert await claimed(store) == []

    async def test_a_lease_tells_what_was_tried_before(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The next pass goes on numbering, and knows which provider was asked last."""
        await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store, provider="mailgun")
        began = clock.now()
        done = Change(
            state=State.QUEUED,
            due_at=began,
            attempts=(
                make_attempt(OutcomeKind.SKIPPED, number=1, provider="smtp", detail="paused"),
                make_attempt(OutcomeKind.UNKNOWN, number=2, provider="mailgun", started_at=began),
                make_attempt(OutcomeKind.SKIPPED, number=3, provider="smtp", detail="too large"),
            ),
            recipients={ANN: RecipientChange(status=RecipientStatus.SENT, provider="mailgun")},
        )
        assert await store.record(lease, done)

        again = await leased(store)

        assert again.fence == lease.fence + 1
        assert again.pending == (BOB,)
        assert again.others == (RecipientStatus.SENT,)
        assert (again.attempts_made, again.retries_made) == (3, 1)
        assert again.skipped == {"smtp": "too large"}
        assert again.last_provider == "mailgun"
        assert again.unknown_since == began

    async def test_a_pass_that_asked_nobody_does_not_count_as_a_retry(
        self, store: Store, clock: MovableClock
    ) -> None:
        """While every provider is down the back-off does not grow into hours."""
        await accepted(store, clock)
        lease = await leased(store)
        skipped = make_attempt(OutcomeKind.SKIPPED, number=1)
        back = Change(
            state=State.QUEUED, due_at=clock.now(), attempts=(skipped,), counts_as_retry=False
        )
        assert await store.record(lease, back)

        again = await leased(store)
        assert (again.attempts_made, again.retries_made) == (1, 0)

    async def test_begin_is_for_the_holder_only(self, store: Store, clock: MovableClock) -> None:
        """Whoever lost a message calls no provider for it."""
        message = await accepted(store, clock)
        old = await leased(store, A)
        await died(store, clock)
        new = await leased(store, B)

        assert not await store.begin(old, provider="ses", recipients=old.pending)
        assert (await seen(store, message)).state is State.LEASED
        assert await store.begin(new, provider="ses", recipients=new.pending)
        assert not await store.begin(old, provider="ses", recipients=old.pending)
        assert (await seen(store, message)).state is State.SENDING

    async def test_begin_of_a_message_that_is_not_there_is_refused(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A lease that no store gave opens nothing."""
        await accepted(store, clock, "known")
        lease = await leased(store)
        for wrong in (
            replace(lease, owner=B),
            replace(lease, fence=lease.fence + 1),
            replace(lease, message=make_message("other")),
        ):
            assert not await store.begin(wrong, provider="ses", recipients=[ANN])
            assert not await store.record(wrong, as_sent(wrong))
            assert not await store.record_and_begin(
                wrong, as_deferred(wrong, clock.now()), provider="ses", recipients=[ANN]
            )

    async def test_many_begin_at_once_and_only_the_holders_may(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Calls that share a commit are judged each by itself."""
        for _ in range(30):
            await accepted(store, clock)
        leases = await claimed(store, limit=30)
        asked = [
            lease if n % 3 else replace(lease, fence=lease.fence + 1)
            for n, lease in enumerate(leases)
        ]

        answers = await asyncio.gather(
            *(store.begin(lease, provider="ses", recipients=lease.pending) for lease in asked)
        )

        assert answers == [bool(n % 3) for n in range(30)]

    async def test_a_batch_of_accepts_and_claims_mix(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Everything may go on at once; at the end each message was handed out once."""
        await store.heartbeat(A, LEASE)
        ids = {f"m{n}" for n in range(60)}
        got: list[str] = []

        async def take() -> None:
            for _ in range(200):
                got.extend(lease.message.id for lease in await store.claim(A, limit=5))
                if len(got) >= 60:
                    return
                await asyncio.sleep(0)  # let the accepts come in

        news = [make_new(make_message(id_, created_at=clock.now())) for id_ in sorted(ids)]
        await asyncio.gather(take(), take(), *(store.accept(new) for new in news))

        assert sorted(got) == sorted(ids)
