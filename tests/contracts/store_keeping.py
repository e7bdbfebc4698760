"""What a store promises about keys, paused providers and forgetting."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mail_sender.domain.event import EventType
from mail_sender.domain.message import KeyId
from mail_sender.domain.status import State
from mail_sender.store.port import Duplicate, Pause, Query, Scope, Store

from ..make import ANN, NOW, make_event, make_key, make_new
from .store_steps import (
    GRACE,
    HOUR,
    LEASE,
    A,
    MovableClock,
    about,
    accepted,
    as_sent,
    as_unknown,
    leased,
    listed,
    sending,
)


class KeepingContract:
    async def test_a_key_is_found_by_its_hash(self, store: Store, clock: MovableClock) -> None:
        """Every request is let in by this, with all of the key's limits."""
        key = make_key(
            "key_7",
            name="Shöp",
            is_test=True,
            scopes=frozenset({Scope.SEND, Scope.READ}),
            sender_domains=("example.com", "example.org"),
            networks=("10.0.0.0/8", "::1/128"),
            created_at=clock.now(),
            expires_at=clock.now() + HOUR,
        )
        await store.add_key(key, b"\x00\xff" * 16)

        assert await store.key_by_hash(b"\x00\xff" * 16) == key
        assert await store.key_by_hash(b"other") is None

    async def test_an_expired_key_is_still_returned(
        self, store: Store, clock: MovableClock
    ) -> None:
        """The door can say `expired` instead of `unknown`."""
        key = make_key(created_at=clock.now(), expires_at=clock.now() - HOUR)
        await store.add_key(key, b"h")

        assert await store.key_by_hash(b"h") == key

    async def test_keys_are_listed_newest_first(self, store: Store) -> None:
        """A person finds the key that was just made at the top."""
        for n, age in enumerate((2, 0, 1)):
            await store.add_key(make_key(f"key_{n}", created_at=NOW - age * HOUR), b"%d" % n)

        assert [key.id for key in await store.keys()] == ["key_1", "key_2", "key_0"]

    async def test_a_key_is_added_once(self, store: Store) -> None:
        """Two keys with one secret could not be told apart."""
        await store.add_key(make_key("key_1"), b"h1")

        with pytest.raises(ValueError, match="key_2"):
            await store.add_key(make_key("key_2"), b"h1")
        with pytest.raises(ValueError, match="key_1"):
            await store.add_key(make_key("key_1"), b"h2")
        assert [key.id for key in await store.keys()] == ["key_1"]

    async def test_a_key_is_revoked_once(self, store: Store, clock: MovableClock) -> None:
        """The record keeps when it really happened."""
        await store.add_key(make_key("key_1"), b"h")

        revoked = await store.revoke_key(KeyId("key_1"))
        clock.advance(HOUR)
        again = await store.revoke_key(KeyId("key_1"))

        assert revoked is not None
        assert about(revoked.revoked_at, clock.now() - HOUR)
        assert again == revoked
        assert await store.key_by_hash(b"h") == revoked
        assert await store.revoke_key(KeyId("key_2")) is None

    async def test_the_last_use_of_a_key_is_noted(self, store: Store, clock: MovableClock) -> None:
        """A key that nobody used for a year can be taken away without fear."""
        await store.add_key(make_key("key_1"), b"h")
        for _ in range(3):
            clock.advance(timedelta(seconds=25))
            await store.touch_key(KeyId("key_1"))
            await store.touch_key(KeyId("key_2"))

        key = await store.key_by_hash(b"h")
        assert key is not None
        assert about(key.last_used_at, clock.now())
        assert await store.keys() == [key]

    async def test_a_paused_provider_stays_paused_until_it_is_resumed(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Every node leaves it out, also after a restart; the newest reason counts."""
        first = Pause(provider="ses", reason="bounces", by="key_1", at=clock.now())
        newer = Pause(provider="ses", reason="contract ends", by="cli", at=clock.now())
        smtp = Pause(provider="smtp", reason="", by="cli", at=clock.now())
        for pause in (first, newer, smtp):
            await store.pause(pause)

        assert await store.pauses() == {"ses": newer, "smtp": smtp}
        await store.resume("ses")
        await store.resume("ses")
        assert await store.pauses() == {"smtp": smtp}

    async def test_what_ended_long_ago_is_deleted_whole(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Personal data goes when its time is over, in every table."""
        old = await accepted(store, clock, tags=("t",), to=[ANN, "bob@example.net"])
        lease = await sending(store)
        assert await store.record(lease, as_sent(lease))
        await store.append_event(make_event(EventType.DEGRADED))
        clock.advance(HOUR)
        new = await accepted(store, clock, tags=("t",))
        lease = await leased(store)
        assert await store.record(lease, as_sent(lease))

        assert await store.purge(finished_before=clock.now() - LEASE, limit=10) == 1

        assert await store.get(old.id) is None
        assert (await store.events(message_id=old.id)).rows == []
        kept = [event.message_id for event in (await store.events()).rows]
        assert kept == [None, new.id]
        for filters in ({"tag": "t"}, {"recipient": "@"}, {"states": frozenset({State.SENT})}):
            assert await listed(store, **filters) == [new.id]
        assert await store.accepted_recipients("ses", NOW - HOUR) == 1
        stats = await store.stats(since=NOW - HOUR, until=clock.now() + HOUR, buckets=1, tag="t")
        assert stats.accepted == 1
        assert sum(stats.providers[0].outcomes.values()) == 1

    async def test_a_purge_takes_the_oldest_and_no_more_than_it_may(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Deleting a year of mail does not stop the intake for minutes."""
        for n in range(5):
            message = await accepted(store, clock, f"m{n}")
            await store.cancel(message.id, make_event(EventType.CANCELLED, message.id))
            clock.advance(HOUR)

        assert await store.purge(finished_before=clock.now(), limit=2) == 2
        assert sorted(await listed(store)) == ["m2", "m3", "m4"]
        assert await store.purge(finished_before=clock.now(), limit=2) == 2
        assert await store.purge(finished_before=clock.now(), limit=2) == 1
        assert await store.purge(finished_before=clock.now(), limit=2) == 0

    async def test_what_is_not_over_is_never_deleted(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Neither mail that waits nor mail in doubt is ever forgotten."""
        await accepted(store, clock)
        lease = await sending(store)
        assert await store.record(lease, as_unknown(lease, None))
        await accepted(store, clock, due_at=clock.now() + HOUR)
        again = await accepted(store, clock)
        await store.cancel(again.id, make_event(EventType.CANCELLED, again.id))
        await accepted(store, clock, give_up_after=HOUR, due_at=clock.now() + HOUR)
        clock.advance(2 * HOUR)

        assert await store.purge(finished_before=clock.now(), limit=10) == 1
        (expired,) = (await store.sweep(GRACE)).expired
        await store.retry(expired, make_event(EventType.RETRIED, expired), risk_duplicate=False)
        clock.advance(LEASE)
        assert await store.purge(finished_before=clock.now(), limit=10) == 0
        assert len((await store.find(Query())).rows) == 3

    async def test_a_key_outlives_the_message_that_used_it(
        self, store: Store, clock: MovableClock
    ) -> None:
        """Deleting mail early must not let a late retry of a client send it twice."""
        message = await accepted(store, clock, idempotency_key="k", keep_key_for=2 * HOUR)
        await store.cancel(message.id, make_event(EventType.CANCELLED, message.id))
        clock.advance(HOUR)
        assert await store.purge(finished_before=clock.now(), limit=10) == 1

        again = await store.accept(make_new(created_at=clock.now(), idempotency_key="k"))

        assert isinstance(again, Duplicate)
        assert again.id == message.id

    async def test_a_purge_forgets_only_keys_that_expired(
        self, store: Store, clock: MovableClock
    ) -> None:
        """A key that is still good protects its client, whatever is cleaned up around it."""
        await accepted(store, clock, idempotency_key="short", keep_key_for=HOUR)
        long = await accepted(store, clock, idempotency_key="long", keep_key_for=3 * HOUR)
        clock.advance(2 * HOUR)

        assert await store.purge(finished_before=clock.now(), limit=10) == 0

        await accepted(store, clock, idempotency_key="short")
        again = await store.accept(make_new(created_at=clock.now(), idempotency_key="long"))
        assert isinstance(again, Duplicate)
        assert again.id == long.id

    async def test_owners_that_died_long_ago_are_forgotten_without_harm(
        self, store: Store, clock: MovableClock
    ) -> None:
        """What is swept away of an owner leaves its messages to the others."""
        message = await accepted(store, clock, give_up_after=100 * HOUR)
        await leased(store, A)
        clock.advance(50 * HOUR)
        await store.purge(finished_before=clock.now(), limit=10)

        assert (await store.sweep(GRACE)).requeued == (message.id,)
