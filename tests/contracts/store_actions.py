"""What a store promises about clients' actions: one conditional step each, never a race."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from mail_sender.domain.event import EventType
from mail_sender.domain.message import Message
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import ActionResult, Done, Store

from ..make import ANN, BOB, make_event, make_message
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

YES_QUEUED = ActionResult(Done.YES, State.QUEUED)


class ActionsContract:
    async def test_waiting_mail_can_be_cancelled(self, store: Store, clock: MovableClock) -> None:
        """What was withdrawn is never sent."""
        message = await accepted(store, clock, to=[ANN, BOB])

        assert await cancel(store, message) == ActionResult(Done.YES, State.CANCELLED)

        record = await seen(store, message)
        assert (record.state, record.due_at) == (State.CANCELLED, None)
        assert set(statuses(record).values()) == {RecipientStatus.CANCELLED}
        assert (await store.events(message_id=message.id)).rows[-1].type is EventType.CANCELLED
        assert await claimed(store) == []

    async def test_a_claimed_message_can_be_cancelled_before_a_provider_is_called(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The worker that holds it learns of it at the moment when it wants to begin."""
        message = await accepted(store, clock)
        lease = await leased(store)

        assert await cancel(store, message) == ActionResult(Done.YES, State.CANCELLED)

        assert not await store.begin(lease, provider="ses", recipients=lease.pending)
        assert not await store.record(lease, as_sent(lease))
        assert (await seen(store, message)).state is State.CANCELLED

    async def test_it_is_too_late_once_a_provider_may_be_called(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A cancel that says yes is true."""
        message = await accepted(store, clock)
        lease = await sending(store)
        for state, change in (
            (State.SENDING, None),
            (State.UNKNOWN, as_unknown(lease, None)),
            (State.SENT, as_sent(lease)),
        ):
            assert change is None or await store.record(lease, change)
            before = await seen(store, message)
            assert await cancel(store, message) == ActionResult(Done.WRONG_STATE, state)
            assert await seen(store, message) == before
        assert len((await store.events(message_id=message.id)).rows) == 1

    async def test_a_cancel_and_a_begin_at_once_have_one_winner(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Either it was withdrawn and never sent, or it was too late."""
        for _ in range(20):
            message = await accepted(store, clock)
            lease = await leased(store)
            begun, cancelled = await asyncio.gather(
                store.begin(lease, provider="ses", recipients=lease.pending),
                cancel(store, message),
            )
            assert begun is (cancelled.done is Done.WRONG_STATE)

    async def test_a_cancel_and_a_claim_at_once_have_one_winner(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A lease of a cancelled message opens nothing."""
        for _ in range(20):
            message = await accepted(store, clock)
            await store.heartbeat(A, LEASE)
            leases, cancelled = await asyncio.gather(
                store.claim(A, limit=1), cancel(store, message)
            )
            assert cancelled == ActionResult(Done.YES, State.CANCELLED)
            for lease in leases:
                assert not await store.begin(lease, provider="ses", recipients=lease.pending)

    async def test_cancelling_the_rest_does_not_deny_what_was_sent(
        self, store: Store, clock: MovableClock
    ) -> None:
        """One recipient has it already: the message was sent, to that one."""
        message = await accepted(store, clock, to=[ANN, BOB])
        lease = await sending(store)
        half = as_deferred(
            lease, clock.now() + HOUR, recipients=changes([ANN], RecipientStatus.SENT)
        )
        assert await store.record(lease, half)

        assert await cancel(store, message) == ActionResult(Done.YES, State.SENT)
        assert statuses(await seen(store, message)) == {
            ANN: RecipientStatus.SENT,
            BOB: RecipientStatus.CANCELLED,
        }

    async def test_a_waiting_message_can_be_tried_now(
        self, store: Store, clock: MovableClock
    ) -> None:
        """An operator who repaired something need not wait for the back-off."""
        message = await accepted(store, clock, due_at=clock.now() + HOUR)

        assert await retry(store, message) == YES_QUEUED

        assert about((await seen(store, message)).due_at, clock.now())
        assert (await store.events(message_id=message.id)).rows[-1].type is EventType.RETRIED
        assert len(await claimed(store)) == 1

    async def test_of_a_failed_message_those_that_failed_go_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A repaired account sends what it refused, with as much time as it had at first."""
        message = await accepted(store, clock, to=[ANN, BOB], give_up_after=2 * HOUR)
        lease = await sending(store)
        assert await store.record(
            lease,
            as_deferred(lease, clock.now(), recipients=changes([ANN], RecipientStatus.CANCELLED)),
        )
        lease = await sending(store)
        assert await store.record(lease, as_failed(lease))
        clock.advance(HOUR)

        assert await retry(store, message) == YES_QUEUED

        record = await seen(store, message)
        assert about(record.due_at, clock.now())
        assert about(record.message.give_up_at, clock.now() + 2 * HOUR)
        again = await leased(store)
        assert again.pending == (BOB,)
        assert about(again.message.give_up_at, clock.now() + 2 * HOUR)

    async def test_of_an_expired_message_those_that_expired_go_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """After the outage the backlog that gave up can be sent after all."""
        message = await accepted(store, clock, to=[ANN, BOB], give_up_after=HOUR)
        lease = await sending(store)
        one_failed = as_deferred(
            lease, clock.now(), recipients=changes([ANN], RecipientStatus.FAILED)
        )
        assert await store.record(lease, one_failed)
        clock.advance(HOUR + LEASE)
        assert (await store.sweep(GRACE)).expired == (message.id,)
        assert (await seen(store, message)).state is State.EXPIRED

        assert await retry(store, message) == YES_QUEUED

        assert (await leased(store)).pending == (BOB,)
        assert statuses(await seen(store, message))[ANN] is RecipientStatus.FAILED

    async def test_an_unknown_message_goes_again_only_at_the_clients_risk(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nothing is sent twice behind the caller's back, and nobody else may settle it now."""
        message = await accepted(store, clock, give_up_after=HOUR)
        await sending(store)
        await died(store, clock)
        (found,) = await store.claim_unknown(B, limit=10)
        clock.advance(2 * HOUR)

        refused = await retry(store, message)
        assert refused == ActionResult(Done.WRONG_STATE, State.UNKNOWN)
        assert await retry(store, message, risk_duplicate=True) == YES_QUEUED

        assert not await store.record(found, as_sent(found))
        again = await leased(store)
        assert again.pending == (ANN,)
        assert again.fence > found.fence + 1

    async def test_what_is_under_way_or_over_is_not_retried(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Sent mail is never sent again by a click."""
        message = await accepted(store, clock)
        lease = await leased(store)
        for state in (State.LEASED, State.SENDING, State.SENT):
            if state is State.SENDING:
                assert await store.begin(lease, provider="ses", recipients=lease.pending)
            if state is State.SENT:
                assert await store.record(lease, as_sent(lease))
            result = await retry(store, message, risk_duplicate=True)
            assert result == ActionResult(Done.WRONG_STATE, state)
        gone = await accepted(store, clock)
        await cancel(store, gone)
        result = await retry(store, gone, risk_duplicate=True)
        assert result == ActionResult(Done.WRONG_STATE, State.CANCELLED)

    async def test_a_later_time_moves_the_end_as_well(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Mail that is put off to tomorrow does not expire tonight."""
        message = await accepted(store, clock, give_up_after=2 * HOUR)
        later = message.created_at + 5 * HOUR

        assert await reschedule(store, message, later - message.created_at) == YES_QUEUED

        record = await seen(store, message)
        assert record.due_at == later
        assert record.message.give_up_at == message.give_up_at + 5 * HOUR
        assert await claimed(store) == []
        clock.advance(5 * HOUR + LEASE)
        assert len(await claimed(store)) == 1

    async def test_an_earlier_time_leaves_the_end(self, store: Store, clock: MovableClock) -> None:
        """Sending sooner takes no time away from the retries."""
        message = await accepted(store, clock, due_at=clock.now() + 5 * HOUR)

        assert await reschedule(store, message, HOUR) == YES_QUEUED

        record = await seen(store, message)
        assert record.due_at == message.created_at + HOUR
        assert record.message.give_up_at == message.give_up_at

    async def test_held_mail_is_not_sent_until_it_is_released(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A person looks at it first; then it goes without delay."""
        message = await accepted(store, clock)

        assert await hold(store, message) == YES_QUEUED
        assert (await seen(store, message)).held
        assert await claimed(store) == []
        clock.advance(HOUR)
        assert await release(store, message) == YES_QUEUED

        record = await seen(store, message)
        assert not record.held
        assert about(record.due_at, clock.now())
        assert len(await claimed(store)) == 1

    async def test_a_released_message_keeps_its_later_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Released is not sent: what is scheduled for Monday leaves on Monday."""
        message = await accepted(store, clock, due_at=clock.now() + HOUR)
        await hold(store, message)

        assert await release(store, message) == YES_QUEUED

        assert (await seen(store, message)).due_at == message.created_at + HOUR

    async def test_held_mail_stays_held_when_it_is_put_off_or_tried(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Only a release releases."""
        message = await accepted(store, clock)
        await hold(store, message)

        assert await reschedule(store, message, timedelta(0)) == YES_QUEUED
        assert await retry(store, message) == YES_QUEUED

        assert (await seen(store, message)).held
        assert await claimed(store) == []

    async def test_held_mail_can_be_cancelled(self, store: Store, clock: MovableClock) -> None:
        """The person who looked at it said no."""
        message = await accepted(store, clock)
        await hold(store, message)

        assert await cancel(store, message) == ActionResult(Done.YES, State.CANCELLED)
        assert not (await seen(store, message)).held

    async def test_only_held_mail_is_released(self, store: Store, clock: MovableClock) -> None:
        """A second click says that it was done before."""
        message = await accepted(store, clock)

        assert await release(store, message) == ActionResult(Done.WRONG_STATE, State.QUEUED)

    async def test_only_waiting_mail_is_held_released_or_put_off(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What a worker has is out of a client's hands."""
        message = await accepted(store, clock)
        await leased(store)

        for act in (hold, release, lambda s, m: reschedule(s, m, HOUR)):
            assert await act(store, message) == ActionResult(Done.WRONG_STATE, State.LEASED)

    async def test_nothing_can_be_done_with_what_is_not_there(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A wrong id is told apart from a wrong state."""
        nobody = make_message()

        for act in (cancel, retry, hold, release, lambda s, m: reschedule(s, m, HOUR)):
            assert await act(store, nobody) == ActionResult(Done.NOT_FOUND)
        assert (await store.events()).rows == []


async def cancel(store: Store, message: Message) -> ActionResult:
    return await store.cancel(message.id, make_event(EventType.CANCELLED, message.id))


async def retry(store: Store, message: Message, *, risk_duplicate: bool = False) -> ActionResult:
    event = make_event(EventType.RETRIED, message.id)
    return await store.retry(message.id, event, risk_duplicate=risk_duplicate)


async def reschedule(store: Store, message: Message, later: timedelta) -> ActionResult:
    at = message.created_at + later
    return await store.reschedule(message.id, at, make_event(EventType.SCHEDULED, message.id))


async def hold(store: Store, message: Message) -> ActionResult:
    return await store.hold(message.id, make_event(EventType.SCHEDULED, message.id))


async def release(store: Store, message: Message) -> ActionResult:
    return await store.release(message.id, make_event(EventType.RELEASED, message.id))
