"""A primary with a synchronous standby, by streaming replication: one dies, the other is promoted.

What decides on a promotion (Patroni, an operator) is not part of this: it is done by hand. The
gap that is measured here is ours: from the promotion until mail is taken again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from mail_sender.domain.errors import StoreUnavailable
from mail_sender.domain.message import MessageId
from mail_sender.store.port import Duplicate, NewMessage, Stored
from mail_sender.store.postgres import PostgresStore, hosts_of
from mail_sender.store.postgres.hosts import find

from ..make import make_message, make_new
from ..postgres import Server, url_of

A = "node-a"
LEASE = timedelta(seconds=60)


@pytest.fixture
async def pair() -> AsyncIterator[tuple[Server, Server]]:
    """Return a primary and its standby, which confirms each commit."""
    primary = Server(name="one").create().start()
    standby = Server(name="two")
    try:
        await asyncio.to_thread(standby.copy_of, primary, slot="two")
        standby.start()
        await primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'two'")
        await primary.execute("SELECT pg_reload_conf()")
        yield primary, standby
    finally:
        primary.destroy()
        standby.destroy()


@pytest.fixture
async def store(pair: tuple[Server, Server]) -> AsyncIterator[PostgresStore]:
    """Return a store that knows both, the standby first."""
    store = PostgresStore(hosts_of(url_of(pair[1], pair[0], database="postgres")))
    await store.open()
    yield store
    await store.close()


def new(store: PostgresStore, key: str | None = None) -> NewMessage:
    """Return a message that was created now."""
    return make_new(make_message(created_at=store.clock.now()), idempotency_key=key)


async def accepted_in_the_end(store: PostgresStore, limit: float = 30.0) -> float:
    """Return after how many seconds the store takes mail."""
    begun = time.monotonic()
    async with asyncio.timeout(limit):
        while True:
            try:
                await store.accept(new(store))
            except StoreUnavailable:
                await asyncio.sleep(0.02)
            else:
                return time.monotonic() - begun


@pytest.mark.timeout(300)
async def test_no_accepted_mail_is_lost_when_the_primary_is_killed_under_load(
    pair: tuple[Server, Server], store: PostgresStore
) -> None:
    """Killed with kill -9 while 16 callers send; each repeats its key until it is answered."""
    primary, standby = pair
    accepted: dict[str, MessageId] = {}
    at: list[float] = []
    stop = asyncio.Event()

    async def caller(number: int) -> None:
        for turn in range(100_000):
            if stop.is_set():
                return
            key = f"{number}-{turn}"
            while key not in accepted:
                try:
                    answer = await store.accept(new(store, key))
                except StoreUnavailable:
                    await asyncio.sleep(0.02)
                    continue
                accepted[key] = answer.id
                at.append(time.monotonic())

    callers = [asyncio.create_task(caller(number)) for number in range(16)]
    await asyncio.sleep(1.5)
    before = len(accepted)
    primary.kill()
    await asyncio.to_thread(standby.promote)
    promoted_at = time.monotonic()
    await accepted_in_the_end(store)
    await asyncio.sleep(1)
    stop.set()
    await asyncio.gather(*callers)

    assert before > 50, "the load must have been real"
    for key, id_ in accepted.items():
        again = await store.accept(new(store, key))
        assert isinstance(again, Duplicate)
        assert again.id == id_, "the token that the caller has is the one that counts"
    assert (await store.depth()).open == len(accepted) + 1, "and no other mail was made"
    gap = max(later - earlier for earlier, later in pairwise(sorted(at)))
    ours = min(moment for moment in at if moment > promoted_at) - promoted_at
    print(f"{len(accepted)} accepted, 0 lost, gap {gap:.2f} s, {ours:.2f} s of it after promotion")  # noqa: T201
    assert ours < 10


async def test_while_there_is_no_primary_mail_is_refused_and_status_is_told_as_it_was(
    pair: tuple[Server, Server], store: PostgresStore
) -> None:
    """Whoever asks for a token gets an answer, with the time up to which it is true."""
    primary, standby = pair
    kept = await store.accept(new(store))
    record = await store.get(kept.id)
    assert record is not None
    assert record.as_of is None
    primary.kill()

    begun = time.monotonic()
    with pytest.raises(StoreUnavailable) as refused:
        await store.accept(new(store))
    assert refused.value.retry_after > timedelta(0)
    with pytest.raises(StoreUnavailable):
        await store.check()
    assert time.monotonic() - begun < 10
    stale = await store.get(kept.id)
    assert stale is not None
    assert stale.as_of is not None
    with pytest.raises(StoreUnavailable, match="does not know"):
        await store.get(make_message().id)

    await asyncio.to_thread(standby.promote)
    await accepted_in_the_end(store)
    fresh = await store.get(kept.id)
    assert fresh is not None
    assert fresh.as_of is None


async def test_an_old_primary_that_comes_back_is_not_believed(
    pair: tuple[Server, Server], store: PostgresStore
) -> None:
    """Both say that they can write; the one that was promoted later is right."""
    primary, standby = pair
    await standby.execute("SELECT 1")
    await asyncio.to_thread(standby.promote)
    hosts = hosts_of(url_of(primary, standby, database="postgres"))

    found = await find(hosts)

    assert found.primary is not None
    assert found.primary.host.name == f"127.0.0.1:{standby.port}"
    assert found.primary.timeline == 2
    found.primary.connection.terminate()


async def test_a_host_that_answers_nothing_is_left_out_within_two_seconds(
    pair: tuple[Server, Server],
) -> None:
    """A cut line, or a frozen host: the others are not kept waiting."""
    primary, standby = pair
    standby.pause()
    try:
        begun = time.monotonic()
        found = await find(hosts_of(url_of(standby, primary, database="postgres")))
        assert time.monotonic() - begun < 2.0
    finally:
        standby.unpause()
    assert found.primary is not None
    found.primary.connection.terminate()


async def test_a_demoted_server_is_let_go_of(
    pair: tuple[Server, Server], store: PostgresStore
) -> None:
    """A switch-over in order: connections stand, and the server writes no more."""
    primary, standby = pair
    assert isinstance(await store.accept(new(store)), Stored)
    primary.stop()
    await asyncio.to_thread(standby.promote)

    assert await accepted_in_the_end(store) < 10
