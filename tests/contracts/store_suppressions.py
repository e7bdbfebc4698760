"""What a store promises about addresses that get no mail."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mail_sender.domain.message import Address
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.domain.suppression import OriginKind, Suppression, SuppressionReason
from mail_sender.store.port import (
    Added,
    Change,
    InvalidCursor,
    Store,
    Stored,
    SuppressionQuery,
)

from ..make import ANN, BOB, CID, make_event, make_message, make_new, make_suppression
from .store_steps import (
    HOUR,
    A,
    MovableClock,
    accepted,
    as_deferred,
    as_unknown,
    changes,
    claimed,
    leased,
    seen,
    sending,
    statuses,
)

LARGE = Address("ANN@example.net")
SECOND = timedelta(seconds=1)


async def _added(store: Store, *new: Suppression) -> list[Added]:
    return [it.added for it in await store.add_suppressions(new)]


async def _addresses(store: Store, query: SuppressionQuery) -> list[str]:
    return [it.address for it in (await store.suppressions(query)).rows]


class SuppressionContract:
    # ------------------------------------------------ the list

    async def test_what_was_added_is_found_as_it_was_said(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Who, why, who said so, since when and until when."""
        entry = make_suppression(
            ANN,
            SuppressionReason.COMPLAINT,
            "provider:ses",
            created_at=clock.now(),
            expires_at=clock.now() + HOUR,
            note="abuse report 7",
        )

        (answer,) = await store.add_suppressions([entry])

        assert (answer.suppression, answer.added) == (entry, Added.ADDED)
        assert await store.suppression(ANN) == entry
        assert await store.suppression(BOB) is None

    async def test_addresses_differ_by_more_than_the_size_of_letters(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Who unsubscribed as ANN@ must not get mail as ann@."""
        await _added(store, make_suppression(LARGE, created_at=clock.now()))

        found = await store.suppressed_among([ANN, BOB])
        entry = await store.suppression(ANN)

        assert found == {ANN: SuppressionReason.MANUAL}
        assert entry is not None
        assert entry.address == LARGE
        assert await _addresses(store, SuppressionQuery(address="Ann@EX")) == [LARGE]

    async def test_adding_again_keeps_the_weightier_reason_and_the_earlier_time(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Providers report a bounce many times, and an import never weakens a complaint."""
        first = make_suppression(
            ANN, SuppressionReason.HARD_BOUNCE, "provider:ses",
            created_at=clock.now(), expires_at=clock.now() + HOUR,
        )  # fmt: skip
        clock.advance(SECOND)
        second = make_suppression(
            LARGE, SuppressionReason.COMPLAINT, "provider:mailgun", created_at=clock.now()
        )
        third = make_suppression(ANN, SuppressionReason.MANUAL, created_at=clock.now())

        answers = [await _added(store, it) for it in (first, first, second, third)]

        assert answers == [[Added.ADDED], [Added.KNOWN], [Added.CHANGED], [Added.KNOWN]]
        assert await store.suppression(ANN) == make_suppression(
            ANN, SuppressionReason.COMPLAINT, "provider:mailgun", created_at=first.created_at
        )
        assert len((await store.suppressions(SuppressionQuery())).rows) == 1

    async def test_many_are_added_at_once_and_answered_in_order(
        self, store: Store, clock: MovableClock
    ) -> None:
        """An import of a million lines should not be a million commits."""
        many = [
            make_suppression(Address(f"u{n}@example.net"), created_at=clock.now())
            for n in range(1000)
        ]
        await _added(store, many[3])

        answers = await store.add_suppressions([*many, many[0]])

        assert [it.suppression.address for it in answers[:1000]] == [it.address for it in many]
        assert [n for n, it in enumerate(answers) if it.added is Added.KNOWN] == [3, 1000]
        assert len(await store.suppressed_among([it.address for it in many])) == 1000
        assert await store.add_suppressions([]) == []

    async def test_an_expired_entry_does_not_count_and_is_swept(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A pause of a month ends by itself."""
        entry = make_suppression(
            ANN, SuppressionReason.COMPLAINT, created_at=clock.now(), expires_at=clock.now() + HOUR
        )
        await _added(store, entry)
        clock.advance(HOUR + SECOND)

        assert await store.suppression(ANN) is None
        assert await store.suppressed_among([ANN]) == {}
        assert await _addresses(store, SuppressionQuery()) == []
        assert await store.remove_suppression(ANN) is None

        news = make_suppression(ANN, created_at=clock.now())
        await _added(store, entry)
        assert await _added(store, news) == [Added.ADDED]
        assert await store.suppression(ANN) == news

        await store.purge(finished_before=clock.now(), limit=10)
        assert await store.suppression(ANN) == news

    async def test_a_removed_entry_is_gone(self, store: Store, clock: MovableClock) -> None:
        """A mailbox that was full, or a person who came back."""
        entry = make_suppression(ANN, created_at=clock.now())
        await _added(store, entry)

        assert await store.remove_suppression(LARGE) == entry
        assert await store.remove_suppression(ANN) is None
        assert await store.suppressed_among([ANN]) == {}

    async def test_the_list_is_paged_newest_first_and_filtered(
        self, store: Store, clock: MovableClock
    ) -> None:
        """People look for an address, or for what one provider reported."""
        for address, reason, origin in (
            (ANN, SuppressionReason.COMPLAINT, "provider:ses"),
            (BOB, SuppressionReason.HARD_BOUNCE, "provider:mailgun"),
            (CID, SuppressionReason.HARD_BOUNCE, "key:key_1"),
        ):
            clock.advance(SECOND)
            await _added(store, make_suppression(address, reason, origin, created_at=clock.now()))

        first = await store.suppressions(SuppressionQuery(limit=2))
        second = await store.suppressions(SuppressionQuery(limit=2, cursor=first.next_cursor))

        assert [it.address for it in first.rows] == [CID, BOB]
        assert [it.address for it in second.rows] == [ANN]
        assert second.next_cursor is None
        for query, expected in (
            (SuppressionQuery(address="example.net"), [BOB, ANN]),
            (SuppressionQuery(reason=SuppressionReason.HARD_BOUNCE), [CID, BOB]),
            (SuppressionQuery(origin=OriginKind.PROVIDER), [BOB, ANN]),
            (SuppressionQuery(origin=OriginKind.PROVIDER, origin_id="ses"), [ANN]),
            (SuppressionQuery(reason=SuppressionReason.MANUAL), []),
        ):
            assert await _addresses(store, query) == expected

    async def test_a_strange_cursor_of_the_list_is_refused(self, store: Store) -> None:
        """It would show the wrong page, or the engine's words."""
        with pytest.raises(InvalidCursor):
            await store.suppressions(SuppressionQuery(cursor="x"))

    # ------------------------------------------------ the path of a message

    async def test_a_claim_tells_who_is_suppressed(self, store: Store, clock: MovableClock) -> None:
        """These are known before any provider is asked, and the others are sent to."""
        await accepted(store, clock, to=(LARGE, BOB, CID))
        await _added(
            store,
            make_suppression(ANN, SuppressionReason.UNSUBSCRIBE, created_at=clock.now()),
            make_suppression(CID, created_at=clock.now() - HOUR, expires_at=clock.now() - SECOND),
        )

        lease = await leased(store)

        assert lease.pending == (BOB, CID)
        assert lease.suppressed == {LARGE: SuppressionReason.UNSUBSCRIBE}
        assert lease.others == ()

    async def test_each_claim_looks_again(self, store: Store, clock: MovableClock) -> None:
        """Who complains while a message waits for its retry gets nothing more."""
        await accepted(store, clock, to=(ANN, BOB))
        first = await leased(store)
        assert first.suppressed == {}
        await store.record(first, as_deferred(first, clock.now() + SECOND))
        await _added(store, make_suppression(BOB, created_at=clock.now()))
        clock.advance(SECOND)

        second = await leased(store)

        assert second.pending == (ANN,)
        assert list(second.suppressed) == [BOB]

    async def test_a_claim_names_only_those_who_wait(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Who got it before, or may have got it, is not unsent by a later complaint."""
        message = await accepted(store, clock, to=(ANN, BOB))
        lease = await sending(store)
        sent = Change(
            state=State.QUEUED,
            due_at=clock.now(),
            recipients=changes([ANN], RecipientStatus.SENT, provider="ses"),
        )
        await store.record(lease, sent)
        await _added(store, make_suppression(ANN, created_at=clock.now()))
        again = await leased(store)
        assert (again.pending, again.suppressed) == ((BOB,), {})
        assert again.others == (RecipientStatus.SENT,)

        await store.record(again, as_unknown(again, clock.now()))
        await _added(store, make_suppression(BOB, created_at=clock.now()))
        (unknown,) = await store.claim_unknown(A, limit=1)

        assert (unknown.pending, unknown.suppressed) == ((BOB,), {})
        assert statuses(await seen(store, message))[BOB] is RecipientStatus.UNKNOWN

    async def test_a_message_that_is_handed_over_at_once_is_told_at_acceptance(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A sync message is never claimed; an async one will be."""
        await _added(store, make_suppression(ANN, created_at=clock.now()))
        waited_for = make_new(make_message(to=(LARGE, BOB), created_at=clock.now()), owner=A)
        other = make_new(make_message(to=(BOB,), created_at=clock.now()), owner=A)
        later = make_new(make_message(to=(ANN,), created_at=clock.now()))

        kept = await store.accept_many([waited_for, other, later])

        assert kept == [
            Stored(waited_for.message.id, {LARGE: SuppressionReason.MANUAL}),
            Stored(other.message.id),
            Stored(later.message.id),
        ]

    async def test_a_suppressed_message_can_be_tried_again(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Its recipient was taken from the list; the claim looks whether that is so."""
        message = await accepted(store, clock)
        entry = make_suppression(ANN, created_at=clock.now())
        await _added(store, entry)
        lease = await leased(store)
        suppressed = Change(
            state=State.SUPPRESSED,
            recipients=changes([ANN], RecipientStatus.SUPPRESSED, detail="on the list"),
        )
        assert await store.record(lease, suppressed)
        record = await seen(store, message)
        assert record.state is State.SUPPRESSED
        assert record.recipients[0].detail == "on the list"
        assert await claimed(store) == []

        await store.remove_suppression(ANN)
        await store.retry(message.id, make_event(), risk_duplicate=False)

        assert (await leased(store)).pending == (ANN,)
