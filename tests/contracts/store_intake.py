"""What a store promises to whoever submits mail."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from msgspec.structs import replace

from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.event import EventType
from mail_sender.domain.message import (
    Attachment,
    Content,
    KeyId,
    Mailbox,
    Message,
    Mode,
    OnUnknown,
    Priority,
    RecipientKind,
)
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.codec import encode_content, fingerprint
from mail_sender.store.port import Call, Done, Duplicate, Lease, Store, Stored, Swept

from ..make import (
    ANN,
    BOB,
    CID,
    NOW,
    mailboxes,
    make_attempt,
    make_content,
    make_event,
    make_message,
    make_new,
    make_suppression,
)
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
    begun,
    claimed,
    died,
    leased,
    seen,
    statuses,
)


class IntakeContract:
    async def test_an_accepted_message_comes_back_as_it_was(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The content that a client gave is the content that a provider and a reader get."""
        content = whole_content()
        message = make_message(
            content=content, created_at=clock.now(), route="bulk", on_unknown=OnUnknown.WAIT
        )
        await store.accept(make_new(message))

        record = await seen(store, message)
        assert record.message == message
        assert (await leased(store)).message == message
        assert record.state is State.QUEUED
        assert not record.held
        assert record.due_at == message.created_at
        assert record.attempts == ()
        assert (record.provider, record.provider_message_id) == (None, None)

    async def test_each_recipient_waits_and_says_where_it_stands(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A recipient that stands in two headers is one recipient, of the first kind."""
        content = make_content([ANN], cc=mailboxes([BOB, ANN]), bcc=mailboxes([CID]))
        message = await accepted(store, clock, content=content)

        record = await seen(store, message)
        assert [(r.address, r.kind) for r in record.recipients] == [
            (ANN, RecipientKind.TO),
            (BOB, RecipientKind.CC),
            (CID, RecipientKind.BCC),
        ]
        assert set(statuses(record).values()) == {RecipientStatus.QUEUED}

    async def test_acceptance_stands_in_the_timeline(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A client that listens to events learns of every message from its beginning."""
        message = await accepted(store, clock)

        (event,) = (await store.events(message_id=message.id)).rows
        assert event.type is EventType.QUEUED
        assert event.id

    async def test_an_unknown_id_is_not_there(self, store: Store) -> None:
        """A made-up token tells nothing."""
        assert await store.get(make_message().id) is None

    async def test_the_same_key_keeps_one_message(self, store: Store, clock: MovableClock) -> None:
        """A client that repeats a POST gets the first message, not a second mail."""
        first = await accepted(store, clock, idempotency_key="k")
        second = make_message(created_at=clock.now())

        answer = await store.accept(make_new(second, idempotency_key="k"))

        assert answer == Duplicate(first.id, fingerprint(encode_content(first.content)))
        assert await store.get(second.id) is None
        assert (await store.events(message_id=second.id)).rows == []
        assert len(await claimed(store)) == 1

    async def test_the_same_key_with_other_content_shows_the_first_ones_fingerprint(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The door tells a mistaken client that its key was used for something else."""
        first = await accepted(store, clock, idempotency_key="k", subject="Order 7")
        other = make_new(created_at=clock.now(), idempotency_key="k", subject="Order 8")

        answer = await store.accept(other)

        assert other.idempotency is not None
        assert isinstance(answer, Duplicate)
        assert answer.id == first.id
        assert answer.fingerprint != other.idempotency.fingerprint

    async def test_two_api_keys_may_use_the_same_idempotency_key(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Two clients that both count from 1 do not swallow each other's mail."""
        await accepted(store, clock, idempotency_key="1", key_id=KeyId("key_1"))
        await accepted(store, clock, idempotency_key="1", key_id=KeyId("key_2"))

        assert len(await claimed(store)) == 2

    async def test_an_expired_key_is_as_if_it_were_not_there(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A nightly job may use its key again the next week, and is then safe anew."""
        await accepted(store, clock, idempotency_key="k", keep_key_for=HOUR)
        clock.advance(HOUR + LEASE)

        second = await accepted(store, clock, idempotency_key="k", keep_key_for=HOUR)
        third = await store.accept(make_new(created_at=clock.now(), idempotency_key="k"))

        assert isinstance(third, Duplicate)
        assert third.id == second.id

    async def test_a_key_is_good_until_it_expires(self, store: Store, clock: MovableClock) -> None:
        """A client that retries late, but in time, is still protected."""
        first = await accepted(store, clock, idempotency_key="k", keep_key_for=HOUR)
        clock.advance(HOUR - LEASE)

        answer = await store.accept(make_new(created_at=clock.now(), idempotency_key="k"))

        assert isinstance(answer, Duplicate)
        assert answer.id == first.id

    async def test_the_same_key_at_the_same_moment_keeps_one_message(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A load balancer that sends a request twice at once makes one mail."""
        news = [make_new(created_at=clock.now(), idempotency_key="k") for _ in range(20)]

        answers = await asyncio.gather(*(store.accept(new) for new in news))

        (kept,) = [answer for answer in answers if isinstance(answer, Stored)]
        assert {answer.id for answer in answers} == {kept.id}
        assert len(await claimed(store, limit=50)) == 1

    async def test_two_hundred_at_once_are_all_kept(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Many callers share commits, and each hears of its own message."""
        news = [make_new(created_at=clock.now(), subject=f"Order {n}") for n in range(200)]

        answers = await asyncio.gather(*(store.accept(new) for new in news))

        assert [answer.id for answer in answers] == [new.message.id for new in news]
        leases = await claimed(store, limit=300)
        assert {lease.message.id: lease.message.content.subject for lease in leases} == {
            new.message.id: new.message.content.subject for new in news
        }

    async def test_several_are_answered_in_order(self, store: Store, clock: MovableClock) -> None:
        """A batch tells each of its items what became of it, the repeated key included."""
        earlier = await accepted(store, clock, idempotency_key="earlier")
        news = [
            make_new(created_at=clock.now(), idempotency_key=key)
            for key in (None, "k", "earlier", "k", None)
        ]

        answers = await store.accept_many(news)

        assert [(type(answer), answer.id) for answer in answers] == [
            (Stored, news[0].message.id),
            (Stored, news[1].message.id),
            (Duplicate, earlier.id),
            (Duplicate, news[1].message.id),
            (Stored, news[4].message.id),
        ]
        assert len(await claimed(store)) == 4
        assert await store.accept_many([]) == []

    async def test_a_sync_message_is_leased_from_the_start(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Nobody else may claim what its own process is about to send while the caller waits."""
        await store.heartbeat(A, LEASE)
        message = await accepted(store, clock, owner=A, mode=Mode.SYNC)
        lease = lease_of_sync(message)

        assert await claimed(store, B) == []
        assert (await seen(store, message)).state is State.LEASED
        assert await store.begin(lease, provider="ses", recipients=lease.pending)
        assert await store.record(lease, as_sent(lease))
        assert (await seen(store, message)).state is State.SENT

    async def test_a_sync_message_of_a_dead_process_is_queued(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Its caller got no answer and can ask by its id; the mail is not stuck for ever."""
        await store.heartbeat(A, LEASE)
        message = await accepted(store, clock, owner=A, mode=Mode.SYNC)

        assert (await died(store, clock)).requeued == (message.id,)
        lease = await leased(store, B)
        assert lease.fence == 2
        assert not await store.begin(lease_of_sync(message), provider="ses", recipients=[ANN])

    async def test_a_message_may_be_accepted_with_its_call_begun(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A sync caller waits for one commit less; its owner holds it as after a `begin`."""
        lease = await begun(store, clock)

        assert await claimed(store, B) == []
        assert (await store.cancel(lease.message.id, make_event())).done is Done.WRONG_STATE
        record = await seen(store, lease.message)
        assert record.state is State.SENDING
        assert record.due_at is None
        assert set(statuses(record).values()) == {RecipientStatus.QUEUED}
        assert not await store.begin(replace(lease, owner=B), provider="ses", recipients=[ANN])
        assert await store.record(lease, as_sent(lease))
        assert (await seen(store, lease.message)).state is State.SENT

    async def test_a_call_begun_at_acceptance_may_fail_over(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The second provider is begun as ever, and the numbers of attempts go on."""
        lease = await begun(store, clock)
        down = as_deferred(lease, clock.now(), state=State.SENDING)

        assert await store.record_and_begin(lease, down, provider="smtp", recipients=[ANN])
        assert (await died(store, clock)).unknown == (lease.message.id,)
        record = await seen(store, lease.message)
        assert [(a.number, a.provider) for a in record.attempts] == [(1, "ses"), (2, "smtp")]

    async def test_a_call_begun_at_acceptance_by_a_dead_process_is_unknown(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Killed between the commit and the call, or in it: nobody can tell, so nobody sends."""
        began = clock.now()
        lease = await begun(store, clock, provider="mailgun", to=[ANN, BOB])

        assert await died(store, clock, after=LEASE + GRACE / 2) == Swept()
        assert await died(store, clock) == Swept(unknown=(lease.message.id,))

        record = await seen(store, lease.message)
        assert record.state is State.UNKNOWN
        assert statuses(record) == dict.fromkeys((ANN, BOB), RecipientStatus.UNKNOWN)
        (attempt,) = record.attempts
        assert (attempt.number, attempt.provider) == (1, "mailgun")
        assert attempt.outcome is OutcomeKind.UNKNOWN
        assert about(attempt.started_at, began)
        assert await claimed(store, B) == []
        assert await store.record(lease, as_sent(lease)), "late evidence of its owner counts"

    async def test_a_call_begun_at_acceptance_is_risked_again_where_the_sender_said_so(
        self, store: Store, clock: MovableClock
    ) -> None:
        """`risk_duplicate` holds for the first call as for any other."""
        lease = await begun(store, clock, on_unknown=OnUnknown.RISK_DUPLICATE)
        await died(store, clock)

        again = await leased(store, B)
        assert (again.message.id, again.fence) == (lease.message.id, 2)
        assert not await store.record(lease, as_sent(lease))

    async def test_who_was_passed_over_before_a_first_call_is_recorded_with_it(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The message itself answers "why not SES?", also after a kill."""
        skipped = make_attempt(OutcomeKind.SKIPPED, detail="paused")
        call = Call(provider="smtp", recipients=(ANN,))
        await store.heartbeat(A, LEASE)
        message = await accepted(store, clock, owner=A, call=call, attempts=(skipped,))

        assert (await seen(store, message)).attempts == (skipped,)
        await died(store, clock)
        record = await seen(store, message)
        assert [(a.number, a.provider, a.outcome) for a in record.attempts] == [
            (1, "ses", OutcomeKind.SKIPPED),
            (2, "smtp", OutcomeKind.UNKNOWN),
        ]

    async def test_a_repeated_key_begins_no_call(self, store: Store, clock: MovableClock) -> None:
        """A sync request that is repeated, even at the same moment, is one mail."""
        await store.heartbeat(A, LEASE)
        call = Call(provider="ses", recipients=(ANN,))
        news = [
            make_new(created_at=clock.now(), idempotency_key="k", owner=A, call=call)
            for _ in range(20)
        ]
        answers = await asyncio.gather(*(store.accept(new) for new in news))

        (kept,) = [answer for answer in answers if isinstance(answer, Stored)]
        assert {answer.id for answer in answers} == {kept.id}
        later = make_new(created_at=clock.now(), idempotency_key="k", owner=A, call=call)
        assert isinstance(await store.accept(later), Duplicate)
        assert (await store.depth()).sending == 1
        for new in (*news, later):
            holds = await store.record(lease := lease_of_sync(new.message), as_sent(lease))
            assert holds is (new.message.id == kept.id)

    async def test_a_call_that_a_suppression_overtook_is_not_begun(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The list is looked at in the commit itself; then its owner chooses anew."""
        await store.add_suppressions([make_suppression(BOB)])
        skipped = make_attempt(OutcomeKind.SKIPPED)
        call = Call(provider="ses", recipients=(ANN, BOB))
        new = make_new(
            created_at=clock.now(), to=[ANN, BOB], owner=A, call=call, attempts=[skipped]
        )
        kept = await store.accept(new)

        assert isinstance(kept, Stored)
        assert list(kept.suppressed) == [BOB]
        record = await seen(store, new.message)
        assert record.state is State.LEASED
        assert record.attempts == ()
        lease = lease_of_sync(new.message)
        assert await store.begin(lease, provider="ses", recipients=[ANN])
        assert (await seen(store, new.message)).state is State.SENDING

    async def test_the_store_says_that_it_can_keep_mail(self, store: Store) -> None:
        """Readiness asks this; a store that works does not raise."""
        await store.check()

    async def test_it_can_be_closed_twice(self, store: Store) -> None:
        """A stop that is asked for twice is one stop."""
        await store.close()
        await store.close()

    async def test_what_needs_no_lease_is_not_given_one(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The first attempt of a message begins with nothing behind it."""
        await accepted(store, clock)

        lease = await leased(store)

        assert (lease.owner, lease.fence, lease.pending) == (A, 1, (ANN,))
        assert (lease.attempts_made, lease.retries_made, lease.skipped) == (0, 0, {})
        assert (lease.last_provider, lease.unknown_since, lease.others) == (None, None, ())


def whole_content() -> Content:
    """Return a content with every field used."""
    return Content(
        sender=Mailbox(ANN, "Änn, Dr."),
        to=(Mailbox(BOB, "Bob"), Mailbox(CID)),
        cc=mailboxes(["dan@example.net"]),
        bcc=mailboxes(["eve@example.net"]),
        reply_to=mailboxes(["reply@example.com"]),
        subject="Grüße 👋",
        text="Text\n",
        html="<p>Text</p>",
        attachments=(Attachment(filename="a.bin", content_type="x/y", content=bytes(range(256))),),
        headers=(("X-One", "1"), ("X-One", "2")),
        tags=("orders", "vip"),
        metadata=(("order", "7"),),
        send_at=NOW,
        give_up_after=timedelta(hours=3),
        priority=Priority.HIGH,
        route="bulk",
        on_unknown=OnUnknown.RISK_DUPLICATE,
        mode=Mode.SYNC,
        timeout=timedelta(seconds=12),
        mail_from=CID,
        unsubscribe=True,
        raw=b"Subject: as it came\r\n\r\nText \xff\r\n",
    )


def lease_of_sync(message: Message) -> Lease:
    """Return the lease that a sync caller's process makes itself."""
    return Lease(message=message, owner=A, fence=1, pending=message.content.recipients)
