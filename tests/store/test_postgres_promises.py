"""What only the PostgreSQL store promises: many processes, lost answers, standbys that are away."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from mail_sender.domain.errors import ConfigError, StoreUnavailable
from mail_sender.domain.message import MessageId
from mail_sender.domain.status import State
from mail_sender.store.port import Call, Duplicate, Stored
from mail_sender.store.postgres import PostgresStore, hosts_of, migrations
from mail_sender.store.postgres.events import MOST_IN_TRANSACTION
from mail_sender.store.postgres.hosts import connect
from mail_sender.store.postgres.migrations import Migration, Phase, migrate

from ..make import ANN, make_content, make_event, make_message, make_new, make_suppression
from ..postgres import Server, drop_database, new_database, shared_server
from .lossy_line import LossyLine

A, B = "node-a", "node-b"
LEASE = timedelta(seconds=60)


async def becomes(condition: Callable[[], Awaitable[object]], limit: float = 20.0) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(limit):
        while not await condition():  # noqa: ASYNC110 - another process is watched
            await asyncio.sleep(0.02)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """Return the URL of an empty database."""
    server = shared_server()
    name = await new_database(server)
    yield server.url(name)
    await drop_database(server, name)


@pytest.fixture
async def two(url: str) -> AsyncIterator[tuple[PostgresStore, PostgresStore]]:
    """Return the stores of two processes on one database."""
    stores = PostgresStore(hosts_of(url)), PostgresStore(hosts_of(url))
    for store in stores:
        await store.open()
    yield stores
    for store in stores:
        await store.close()


def new(store: PostgresStore, id_: str | None = None, **fields: Any) -> Any:  # noqa: ANN401
    """Return a message that was created now."""
    return make_new(make_message(id_, created_at=store.clock.now()), **fields)


# ---------------------------------------------------------------- several processes


async def test_one_key_on_two_nodes_at_once_is_one_mail(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    """A client that repeats a request at the other site makes no second mail, nor a deadlock."""
    a, b = two
    keys = [f"order-{n}" for n in range(150)]

    answers = await asyncio.gather(
        *(a.accept(new(a, idempotency_key=key)) for key in keys),
        *(b.accept(new(b, idempotency_key=key)) for key in reversed(keys)),
    )

    stored = [answer for answer in answers if isinstance(answer, Stored)]
    assert len(stored) == len(keys)
    for one, other in zip(answers[:150], reversed(answers[150:]), strict=True):
        assert one.id == other.id
    assert (await a.depth()).open == len(keys)


async def test_nodes_share_the_work_and_nobody_waits_for_another(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    """Claims at once are disjoint, and together they are everything."""
    a, b = two
    await asyncio.gather(a.heartbeat(A, LEASE), b.heartbeat(B, LEASE))
    await a.accept_many([new(a) for _ in range(200)])

    claims = await asyncio.gather(
        *(a.claim(A, limit=25) for _ in range(5)), *(b.claim(B, limit=25) for _ in range(5))
    )

    ids = [lease.message.id for leases in claims for lease in leases]
    assert len(ids) == len(set(ids)) == 200


async def test_a_dead_nodes_messages_are_taken_over_by_the_other(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    """Leases are good for as long as the database's clock says, on whatever node."""
    a, b = two
    await a.heartbeat(A, timedelta(milliseconds=200))
    await b.heartbeat(B, LEASE)
    await a.accept(new(a))
    (lease,) = await a.claim(A, limit=1)

    async def swept() -> object:
        return (await b.sweep(timedelta(0))).requeued

    await becomes(swept)
    assert not await a.begin(lease, provider="ses", recipients=[ANN])
    (again,) = await b.claim(B, limit=1)
    assert again.fence == lease.fence + 1
    assert await b.begin(again, provider="ses", recipients=[ANN])


async def test_what_one_node_is_told_the_other_knows(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    """Suppressions hold on every node with its next claim."""
    a, b = two
    await b.heartbeat(B, LEASE)
    await a.accept(new(a))
    await a.add_suppressions([make_suppression(ANN)])

    (lease,) = await b.claim(B, limit=1)
    assert list(lease.suppressed) == [ANN]


async def test_who_follows_the_events_misses_none(
    url: str, two: tuple[PostgresStore, PostgresStore]
) -> None:
    """A transaction that began first and ends last is not stepped over."""
    store, _ = two
    slow = await asyncpg.connect(url)
    transaction = slow.transaction()
    await transaction.start()
    # As the store writes one; it commits later.
    await slow.execute(
        "INSERT INTO events (n, seq, type, at, data) VALUES "
        "(pg_current_xact_id()::text::bigint * $1::bigint, NULL, 'provider.degraded', 1, '{}')",
        MOST_IN_TRANSACTION,
    )
    for _ in range(3):
        await store.append_event(make_event())

    assert (await store.events()).rows == [], "the one before them is still to come"
    assert len((await store.events(newest_first=True)).rows) == 3, "looking back does not wait"
    await transaction.commit()
    await slow.close()

    async def all_there() -> bool:
        return len((await store.events()).rows) == 4

    await becomes(all_there)
    followed = (await store.events()).rows
    assert [event.id for event in followed] == sorted(event.id for event in followed)
    assert followed[0].type == "provider.degraded"


# ---------------------------------------------------------------- lost answers


@pytest.fixture
async def line(url: str) -> AsyncIterator[tuple[LossyLine, PostgresStore]]:
    """Return a store behind a line that can break, and the line."""
    line = LossyLine(shared_server().port)
    port = await line.start()
    store = PostgresStore(hosts_of(url.replace(str(shared_server().port), str(port))))
    await store.open()
    yield line, store
    await store.close()
    await line.stop()


async def test_an_acceptance_whose_answer_was_lost_is_found_again(
    line: tuple[LossyLine, PostgresStore],
) -> None:
    """The client is told that it was accepted, since it was, and once."""
    lossy, store = line
    await store.accept(new(store, idempotency_key="before"))  # its statements are prepared then
    message = new(store, idempotency_key="k")
    lossy.breaks_at = b"COMMIT"
    accepting = asyncio.ensure_future(store.accept(message))
    await lossy.swallowed.wait()
    lossy.cut()

    assert await accepting == Stored(message.message.id)
    assert (await store.depth()).open == 2
    later = await store.accept(new(store, idempotency_key="k"))
    assert isinstance(later, Duplicate)


async def test_a_claim_whose_answer_was_lost_is_taken_back(
    line: tuple[LossyLine, PostgresStore],
) -> None:
    """Its owner lives and knows of nothing: no sweep would ever free these messages."""
    lossy, store = line
    await store.heartbeat(A, LEASE)
    assert await store.claim(A, limit=10) == []
    await store.accept(new(store))
    lossy.breaks_at = b""
    claiming = asyncio.ensure_future(store.claim(A, limit=10))
    await lossy.swallowed.wait()
    lossy.cut()
    with pytest.raises(StoreUnavailable):
        await claiming

    async def claimed() -> object:
        return await store.claim(A, limit=10)

    await becomes(claimed)


async def test_a_refused_sync_message_does_not_stay_with_an_owner_who_knows_nothing_of_it(
    line: tuple[LossyLine, PostgresStore],
) -> None:
    """Its caller was told "not accepted"; should it be there, it ends, and nobody was called."""
    lossy, store = line
    await store.heartbeat(A, LEASE)
    call = Call(provider="ses", recipients=(ANN,))
    await store.accept(new(store, owner=A, call=call))
    message = new(store, owner=A, call=call)
    lossy.breaks_at = b"COMMIT"
    with pytest.raises(StoreUnavailable):
        await store.accept(message)
    lossy.cut()

    async def beaten() -> bool:
        try:
            await store.heartbeat(A, LEASE)
        except StoreUnavailable:
            return False
        return True

    await becomes(beaten)
    record = await store.get(message.message.id)
    assert record is not None
    assert record.state is State.FAILED


async def test_a_server_that_hangs_is_let_go_of_in_time(url: str) -> None:
    """A frozen host keeps its connections open; callers hear within three seconds."""
    server = Server(name="hang").create().start()
    store = PostgresStore(hosts_of(server.url()))
    try:
        await store.open()
        server.pause()
        begun = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.accept(new(store))
        assert time.monotonic() - begun < 6.0
        server.unpause()

        async def accepts() -> bool:
            try:
                await store.accept(new(store))
            except StoreUnavailable:
                return False
            return True

        await becomes(accepts)
    finally:
        server.unpause()
        await store.close()
        server.destroy()


# ---------------------------------------------------------------- standbys


async def test_a_commit_that_no_standby_confirmed_is_not_accepted() -> None:
    """A wait that somebody cancels is answered with success; a failover would lose the mail.

    Neither it, nor the repetition with the same key, which finds the row that only this server
    has.
    """
    server = Server(name="alone").create().start()
    store = PostgresStore(hosts_of(server.url()))
    try:
        await store.open()
        await store.accept(new(store, idempotency_key="before"))
        await server.execute("ALTER SYSTEM SET synchronous_standby_names = 'ghost'")
        await server.execute("SELECT pg_reload_conf()")
        admin = await asyncpg.connect(server.url())
        await admin.execute("SET synchronous_commit = local")

        async def waits() -> object:
            return await admin.fetchval(
                "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1"
            )

        accepting = asyncio.ensure_future(store.accept(new(store, "msg_1", idempotency_key="k")))
        await becomes(waits)
        assert await admin.fetchval("SELECT pg_cancel_backend($1)", await waits())
        with pytest.raises(StoreUnavailable):
            await accepting
        assert await store.get(MessageId("msg_1")) is not None, "this server has it"

        with pytest.raises(StoreUnavailable):
            await store.accept(new(store, "msg_2", idempotency_key="k"))

        await admin.execute("ALTER SYSTEM SET synchronous_standby_names = ''")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()
        answers = []

        async def answered() -> object:
            with contextlib.suppress(StoreUnavailable):
                answers.append(await store.accept(new(store, "msg_3", idempotency_key="k")))
            return answers

        await becomes(answered)
        assert isinstance(answers[0], Duplicate)
        assert answers[0].id == "msg_1"
    finally:
        await store.close()
        server.destroy()


async def test_sessions_wait_for_standbys_whatever_the_server_is_set_to(url: str) -> None:
    """A database with `synchronous_commit = off` does not make our promise weaker."""
    name = url.rpartition("/")[2]
    await shared_server().execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    reached = await connect(hosts_of(url)[0])

    assert await reached.connection.fetchval("SHOW synchronous_commit") == "on"
    assert await reached.connection.fetchval("SHOW idle_in_transaction_session_timeout") == "10s"
    await reached.connection.close()


# ---------------------------------------------------------------- what is kept


async def test_a_nul_that_a_server_answered_is_kept_as_far_as_it_can_be(
    two: tuple[PostgresStore, PostgresStore],
) -> None:
    """PostgreSQL knows no NUL in text; a strange answer must not keep an outcome away."""
    store, _ = two
    message = make_message(content=make_content(subject="a\0b"), created_at=store.clock.now())

    assert await store.accept(make_new(message)) == Stored(message.id)
    record = await store.get(message.id)
    assert record is not None
    assert record.message.content.subject == "a\0b"


# ---------------------------------------------------------------- migrations


async def test_several_processes_may_start_on_an_empty_database_at_once(url: str) -> None:
    """A rolling start makes the schema once."""
    stores = [PostgresStore(hosts_of(url)) for _ in range(4)]

    await asyncio.gather(*(store.open() for store in stores))

    for store in stores:
        await store.check()
        await store.close()


_NEXT = Migration(9001, Phase.PRE, "ALTER TABLE messages ADD COLUMN further text")
_LAST = Migration(9002, Phase.POST, "ALTER TABLE messages DROP COLUMN provider_message_id")


async def test_an_old_process_goes_on_while_the_next_version_prepares(
    url: str, two: tuple[PostgresStore, PostgresStore]
) -> None:
    """Nodes are upgraded one by one: `pre` comes with the first, `post` when it is asked for."""
    old, _ = two
    connection = (await connect(hosts_of(url)[0])).connection
    known = [*migrations.known(), _NEXT, _LAST]

    assert await migrate(connection, known) == [9001]
    await old.accept(new(old))
    await old.open()

    assert await migrate(connection, known, post=True) == [9002]
    with pytest.raises(ConfigError, match="newer version"):
        await PostgresStore(hosts_of(url)).open()
    await connection.close()


async def test_a_foreign_database_is_left_alone(url: str) -> None:
    """A mistyped name must not mix our tables with somebody's."""
    connection = await asyncpg.connect(url)
    await connection.execute("CREATE TABLE somebodys (n integer)")
    await connection.close()

    with pytest.raises(ConfigError, match="somebodys"):
        await PostgresStore(hosts_of(url)).open()


async def test_what_cannot_be_used_is_said_at_the_start() -> None:
    """A wrong name or no server at all: the person who starts it reads why."""
    server = shared_server()
    with pytest.raises(StoreUnavailable, match="does not exist"):
        await PostgresStore(hosts_of(server.url("nowhere"))).open()
    with pytest.raises(StoreUnavailable, match="no host can write"):
        await PostgresStore(hosts_of("postgresql://127.0.0.1:1/mail")).open()


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("postgresql://a1,a2:5433,[::1]:7/mail", ["a1:5432", "a2:5433", "[::1]:7"]),
        ("postgres://user@db/mail?target_session_attrs=read-write", ["db:5432"]),
    ],
)
def test_all_servers_of_a_cluster_are_named_in_the_url(url: str, names: list[str]) -> None:
    """The URL that libpq reads is the one that we read."""
    hosts = hosts_of(url)

    assert [host.name for host in hosts] == names
    assert all("target_session_attrs" not in host.dsn for host in hosts)


@pytest.mark.parametrize("url", ["postgresql://a1", "postgresql://a:b:c/mail", "postgresql:///x"])
def test_a_url_without_host_or_database_is_refused(url: str) -> None:
    """It would end at whatever PostgreSQL this machine has."""
    with pytest.raises(ConfigError):
        hosts_of(url)
