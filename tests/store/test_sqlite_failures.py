"""The SQLite store in trouble: nothing is answered that was not kept, and it recovers."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.errors import StoreUnavailable
from mail_sender.domain.event import EventType
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.port import Change, Query, RecipientChange, Stored
from mail_sender.store.sqlite import SqliteStore
from mail_sender.store.sqlite_file import prepare, writer_connection
from mail_sender.store.sqlite_writer import Writer, one_by_one

from ..contracts.store_steps import (
    A,
    accepted,
    as_unknown,
    claimed,
    seen,
    sending,
)
from ..make import ANN, make_attempt, make_event, make_key, make_message, make_new
from .sqlite_files import change_in, opened, rows_in, write_row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mail.db"


# ---------------------------------------------------------------- the disk


@contextmanager
def full_disk(path: Path) -> Iterator[None]:
    """Let no file grow beyond what the store's files are now, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in path.parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 8192, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_nothing_is_accepted_on_a_full_disk_and_again_when_there_is_room(
    path: Path,
) -> None:
    """503 is an answer that a client can trust: nothing of it was kept, and later it works."""
    async with opened(path) as store:
        before = make_new()
        await store.accept(before)
        with full_disk(path):
            lost = [make_new(text="x" * 50_000) for _ in range(20)]
            answers = await asyncio.gather(
                *(store.accept(new) for new in lost), return_exceptions=True
            )
            kept_anyway = {a.id for a in answers if isinstance(a, Stored)}
            assert sum(isinstance(a, StoreUnavailable) for a in answers) >= 18
            with pytest.raises(StoreUnavailable):
                await store.accept(make_new(text="x" * 500_000))
            assert await store.get(before.message.id) is not None
        after = [make_new() for _ in range(5)]
        assert await asyncio.gather(*(store.accept(new) for new in after)) == [
            Stored(new.message.id) for new in after
        ]

    async with opened(path) as store:
        shown = {r.message.id for r in (await store.find(Query(limit=100))).rows}
    assert shown == {before.message.id, *kept_anyway, *(new.message.id for new in after)}
    assert rows_in(path, "PRAGMA integrity_check") == [("ok",)]


async def test_a_full_database_fails_everybody_who_shares_the_commit(path: Path) -> None:
    """A commit is for all or for none: nobody hears yes for what was rolled back."""
    prepare(path)

    def small() -> sqlite3.Connection:
        connection = writer_connection(path)
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are already
        return connection

    writer = Writer(small)
    note = one_by_one(write_row)
    answers = await asyncio.gather(
        *(writer.run(note, "x" * 30_000) for _ in range(10)), return_exceptions=True
    )
    await writer.stop()

    assert all(isinstance(answer, StoreUnavailable) for answer in answers)
    assert "full" in str(answers[0])
    assert rows_in(path, "SELECT count(*) FROM pauses") == [(0,)]


@pytest.mark.parametrize("warm", [False, True])
async def test_another_program_that_holds_the_file_delays_but_does_not_break(
    path: Path, *, warm: bool
) -> None:
    """A backup or a command line tool may write as well; whoever reads meanwhile is answered."""
    async with opened(path) as store:
        if warm:
            await store.accept(make_new())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            accept = asyncio.create_task(store.accept(make_new()))
            await store.depth()
            assert not accept.done()
            other.execute("COMMIT")
            await accept


@pytest.mark.parametrize("brief", [False, True])
async def test_a_file_that_stays_locked_is_said_to_be(path: Path, *, brief: bool) -> None:
    """After the time-out the client hears 503, and not nothing."""
    prepare(path)

    def impatient() -> sqlite3.Connection:
        connection = writer_connection(path)
        connection.execute("PRAGMA busy_timeout = 10")
        return connection

    writer = Writer(impatient)
    await writer.run(one_by_one(write_row), "w")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            await writer.run(one_by_one(write_row), "x", brief=brief)
        other.execute("COMMIT")
    await writer.run(one_by_one(write_row), "y", brief=brief)
    await writer.stop()

    assert rows_in(path, "SELECT provider FROM pauses") == [("w",), ("y",)]


async def test_a_file_that_cannot_be_opened_again_is_tried_for_each_commit(path: Path) -> None:
    """A file system that comes back is used again without a restart."""
    prepare(path)
    broken = True

    def connect() -> sqlite3.Connection:
        if broken:
            raise sqlite3.OperationalError("unable to open database file")
        return writer_connection(path)

    writer = Writer(connect)
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await writer.run(one_by_one(write_row), "x")
    broken = False
    await writer.run(one_by_one(write_row), "x")
    await writer.stop()


async def test_brief_requests_and_others_take_turns(path: Path) -> None:
    """A claim is not kept waiting by a stream of new mail, nor new mail by a long sweep."""
    prepare(path)
    done: list[str] = []

    def operation(_connection: sqlite3.Connection, requests: Sequence[str]) -> list[None]:
        done.extend(requests)
        return [None] * len(requests)

    writer = Writer(partial(writer_connection, path))
    await writer.run(operation, "first")
    await asyncio.gather(
        *(writer.run(operation, f"brief {n}", brief=True) for n in range(300)),
        writer.run(operation, "other"),
    )
    await writer.stop()

    assert len(done) == 302
    assert 0 < done.index("other") < 300


async def test_a_closed_store_says_that_it_is(path: Path) -> None:
    """Whatever comes after the stop is refused, and not lost."""
    store = SqliteStore(path, FakeClock())
    await store.open()
    await store.close()
    await store.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        await store.accept(make_new())
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.depth()


async def test_what_was_asked_for_before_the_stop_is_done(path: Path) -> None:
    """A stop under load answers everybody."""
    store = SqliteStore(path, FakeClock())
    await store.open()
    accepts = [asyncio.create_task(store.accept(make_new())) for _ in range(50)]
    await asyncio.sleep(0)

    await store.close()

    assert all(isinstance(answer, Stored) for answer in await asyncio.gather(*accepts))
    assert rows_in(path, "SELECT count(*) FROM messages") == [(50,)]


async def test_a_caller_that_gave_up_disturbs_nobody(path: Path) -> None:
    """A client that closes its connection does not cost others their commit."""
    async with opened(path) as store:
        accepts = [asyncio.create_task(store.accept(make_new())) for _ in range(20)]
        await asyncio.sleep(0)
        for task in accepts[::2]:
            task.cancel()
        answers = await asyncio.gather(*accepts, return_exceptions=True)

        assert all(isinstance(answer, Stored) for answer in answers[1::2])
        assert isinstance(await store.accept(make_new()), Stored)


# ---------------------------------------------------------------- the fault of one


@pytest.mark.parametrize("warm", [False, True])
async def test_the_fault_of_one_request_is_its_own(path: Path, *, warm: bool) -> None:
    """Whoever happens to share the commit is served; also where the event loop wrote it."""
    async with opened(path) as store:
        if warm:
            await store.accept(make_new())
        twice = make_message()
        news = [make_new() for _ in range(10)]
        answers = await asyncio.gather(
            *(store.accept(new) for new in news[:5]),
            store.accept(make_new(twice)),
            store.accept(make_new(twice)),
            *(store.accept(new) for new in news[5:]),
            return_exceptions=True,
        )

        errors = [answer for answer in answers if isinstance(answer, Exception)]
        assert [type(error) for error in errors] == [ValueError]
        assert len((await store.find(Query())).rows) == 11 + warm


@pytest.mark.parametrize("brief", [False, True])
async def test_a_failing_request_leaves_no_trace(path: Path, *, brief: bool) -> None:
    """What it wrote before it failed is undone, and no more than that."""
    prepare(path)

    def operation(connection: sqlite3.Connection, requests: Sequence[str]) -> list[None]:
        for request in requests:
            write_row(connection, request)
            if request == "bad":
                raise KeyError(request)
        return [None] * len(requests)

    writer = Writer(partial(writer_connection, path))
    await writer.run(operation, "a")
    answers = await asyncio.gather(
        *(writer.run(operation, name, brief=brief) for name in ("a", "b", "bad", "c")),
        return_exceptions=True,
    )
    await writer.stop()

    assert [type(answer) for answer in answers] == [type(None), type(None), KeyError, type(None)]
    assert rows_in(path, "SELECT provider FROM pauses ORDER BY 1") == [("a",), ("b",), ("c",)]


async def test_an_answer_that_is_no_unicode_is_recorded(path: Path) -> None:
    """An SMTP server may answer any bytes; the outcome must be kept all the same."""
    odd = "caf\udce9"
    async with opened(path) as store:
        message = await accepted(store, FakeClock())
        lease = await sending(store)
        change = Change(
            state=State.FAILED,
            attempts=(make_attempt(detail=odd),),
            recipients={ANN: RecipientChange(status=RecipientStatus.FAILED, detail=odd)},
            events=(make_event(EventType.FAILED, detail=odd),),
        )
        assert await store.record(lease, change)

        record = await seen(store, message)
        assert record.attempts[0].detail == "caf?"
        assert (await store.events(message_id=message.id)).rows[-1].data == {"detail": "caf?"}


async def test_a_damaged_content_stops_nobody_else(path: Path) -> None:
    """One bad row costs one mail, which is said to have failed, and not the whole queue."""
    clock = FakeClock()
    async with opened(path, clock) as store:
        await accepted(store, clock, "good-1")
        bad = await accepted(store, clock, "bad")
        gone = await accepted(store, clock, "gone")
        await accepted(store, clock, "good-2")
        _damage(path, "bad")
        change_in(path, "DELETE FROM contents WHERE seq = 3")

        assert [lease.message.id for lease in await claimed(store)] == ["good-1", "good-2"]

        for message in (bad, gone):
            record = await seen(store, message)
            assert record.state is State.FAILED
            assert record.recipients[0].status is RecipientStatus.FAILED
            newest = (await store.events(message_id=message.id)).rows[-1]
            assert newest.type is EventType.FAILED
            assert "damaged" in str(newest.data["detail"])
        listed = (await store.find(Query())).rows
        assert {r.message.id for r in listed} == {"good-1", "good-2", "bad", "gone"}
        assert (await seen(store, bad)).message.content.subject == bad.content.subject


async def test_a_damaged_list_entry_still_shows_the_message(path: Path) -> None:
    """The state can be asked for, whatever happened to the rest."""
    async with opened(path) as store:
        message = await accepted(store, FakeClock())
        change_in(path, "UPDATE contents SET listed = '{', content = x'00'")

        (record,) = (await store.find(Query())).rows
        assert record.message.id == message.id
        assert (await seen(store, message)).state is State.QUEUED


async def test_a_damaged_unknown_message_waits_for_a_person(path: Path) -> None:
    """It can neither be looked up nor repeated, and it may have been sent."""
    clock = FakeClock()
    async with opened(path, clock) as store:
        message = await accepted(store, clock)
        lease = await sending(store)
        assert await store.record(lease, as_unknown(lease, clock.now()))
        _damage(path, message.id)

        assert await store.claim_unknown(A, limit=10) == []
        assert await store.claim_unknown(A, limit=10) == []

        record = await seen(store, message)
        assert (record.state, record.due_at) == (State.UNKNOWN, None)


async def test_large_mail_is_claimed_in_portions(path: Path) -> None:
    """A hundred mails with attachments do not have to fit into memory at once."""
    clock = FakeClock()
    async with opened(path, clock) as store:
        for _ in range(2):
            await accepted(store, clock, text="x" * 17_000_000)

        assert [len(await claimed(store, limit=100)) for _ in range(3)] == [1, 1, 0]


# ---------------------------------------------------------------- two processes


async def test_what_the_command_line_writes_is_seen_by_the_server(path: Path) -> None:
    """A key that was just created works without a restart."""
    async with opened(path) as server, opened(path) as tool:
        await tool.add_key(make_key("key_7"), b"hash")
        await asyncio.gather(
            *(store.accept(make_new()) for _ in range(20) for store in (server, tool))
        )

        assert await server.key_by_hash(b"hash") == make_key("key_7")
        assert len(await claimed(server, limit=100)) == 40


def _damage(path: Path, id_: str) -> None:
    change_in(
        path,
        "UPDATE contents SET content = x'c1ff' WHERE seq = (SELECT seq FROM messages WHERE id = ?)",
        id_,
    )
