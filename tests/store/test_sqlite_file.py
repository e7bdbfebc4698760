"""Opening the SQLite file: what cannot be used is refused at the start, with what to do."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from mail_sender.clock import FakeClock
from mail_sender.domain.errors import ConfigError
from mail_sender.store.sqlite import SqliteStore, lock_for_serving
from mail_sender.store.sqlite_file import (
    migrate,
    migrations,
    prepare,
    reader_connection,
    writer_connection,
)

from ..make import ANN, make_new
from .sqlite_files import change_in, opened, rows_in


async def refused(path: Path) -> str:
    """Return what the operator reads when the file is opened."""
    with pytest.raises(ConfigError) as raised:
        await SqliteStore(path, FakeClock()).open()
    return str(raised.value)


async def test_a_new_file_is_made_with_its_directory(tmp_path: Path) -> None:
    """The first start needs no preparation."""
    path = tmp_path / "a" / "new directory ?%#" / "mail.db"

    async with opened(path) as store:
        await store.check()

    assert path.exists()


async def test_only_its_user_can_read_the_files(tmp_path: Path) -> None:
    """They hold mail, and the hashes of keys."""
    path = tmp_path / "mail.db"
    async with opened(path) as store:
        await store.check()
        modes = {file.name: file.stat().st_mode & 0o077 for file in tmp_path.glob("mail.db*")}

    assert len(modes) > 1
    assert set(modes.values()) == {0}


async def test_what_was_kept_is_there_after_a_restart(tmp_path: Path) -> None:
    """A stop and a start lose nothing."""
    path = tmp_path / "mail.db"
    new = make_new()
    async with opened(path) as store:
        await store.accept(new)

    async with opened(path) as store:
        record = await store.get(new.message.id)

    assert record is not None
    assert record.message == new.message


async def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    """A mistyped path must not be overwritten."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be read as one" * 100)

    assert "not an SQLite database" in await refused(path)
    assert path.read_text().startswith("not a database")


async def test_another_programs_database_is_refused(tmp_path: Path) -> None:
    """Our tables do not belong into somebody else's file."""
    path = tmp_path / "other.db"
    change_in(path, "CREATE TABLE messages (id)")

    assert "another program's database" in await refused(path)


async def test_a_directory_is_refused(tmp_path: Path) -> None:
    """`store.url` names a file."""
    assert "is a directory" in await refused(tmp_path)


async def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """The operator reads which directory is missing."""
    (tmp_path / "file").write_text("")

    assert "cannot create the directory" in await refused(tmp_path / "file" / "mail.db")


async def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    """Mail is not accepted into a file that is falling apart."""
    path = tmp_path / "mail.db"
    async with opened(path) as store:
        for _ in range(50):
            await store.accept(make_new())
    content = bytearray(path.read_bytes())
    for page in range(4, len(content) // 4096):
        content[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    path.write_bytes(content)

    text = await refused(path)
    assert "damaged" in text
    assert "backup" in text


async def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    """A copy that was broken off is noticed."""
    path = tmp_path / "mail.db"
    async with opened(path) as store:
        for _ in range(50):
            await store.accept(make_new())
    os.truncate(path, path.stat().st_size // 2)

    assert "damaged" in await refused(path)


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up root's rights, to which no permission applies."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_a_read_only_directory_is_refused() -> None:
    """The operator reads that the permissions are wrong, at the start and not at the first mail."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o555)
        with as_nobody():
            text = await refused(directory / "mail.db")
        assert "must be writable" in text


async def test_a_read_only_file_is_refused() -> None:
    """Mail could not be stored: better no start than 503 for everybody."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        path = directory / "mail.db"
        async with opened(path) as store:
            await store.check()
        path.chmod(0o444)
        directory.chmod(0o555)
        with as_nobody():
            text = await refused(path)
        assert "must be writable" in text


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """After a downgrade nothing is written that the newer version would misread."""
    path = tmp_path / "mail.db"
    async with opened(path) as store:
        await store.check()
    change_in(path, "PRAGMA user_version = 99")

    text = await refused(path)
    assert "99" in text
    assert "newer version" in text


def test_migrations_are_numbered_without_a_gap() -> None:
    """The version in a file says exactly which of them it has."""
    assert [number for number, _ in migrations()] == list(range(1, len(migrations()) + 1))


def test_a_migration_is_done_whole_or_not_at_all(tmp_path: Path) -> None:
    """An upgrade that fails half-way leaves a file that the old version can use."""
    path = tmp_path / "mail.db"
    prepare(path)
    known = migrations()
    broken = (len(known) + 1, "CREATE TABLE x (a);\nCREATE TABLE x (a);\n")

    with (
        closing(writer_connection(path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="already exists"),
    ):
        migrate(connection, path, [*known, broken])

    assert rows_in(path, "PRAGMA user_version") == [(len(known),)]
    assert rows_in(path, "SELECT count(*) FROM sqlite_master WHERE name = 'x'") == [(0,)]
    prepare(path)


def test_a_file_of_an_older_version_is_brought_up_to_date(tmp_path: Path) -> None:
    """What is there stays, and only what is missing is applied, in order."""
    path = tmp_path / "mail.db"
    prepare(path)
    known = migrations()
    newer = [
        (len(known) + 1, "CREATE TABLE x (a);"),
        (len(known) + 2, "ALTER TABLE x ADD COLUMN b;"),
    ]

    with closing(writer_connection(path)) as connection:
        migrate(connection, path, [*known, *newer])

    assert rows_in(path, "PRAGMA user_version") == [(len(known) + 2,)]
    assert rows_in(path, "SELECT a, b FROM x") == []


async def test_a_file_of_every_version_before_opens_with_what_it_holds(tmp_path: Path) -> None:
    """An operator upgrades the program and starts it: nothing else is needed."""
    for version in range(1, len(migrations())):
        path = tmp_path / f"{version}.db"
        with closing(writer_connection(path)) as connection:
            migrate(connection, path, migrations()[:version])
            connection.execute("INSERT INTO checks (id, at) VALUES (7, 7)")

        async with opened(path) as store:
            assert await store.webhooks.all() == []
            assert await store.suppression(ANN) is None

        assert rows_in(path, "PRAGMA user_version") == [(len(migrations()),)]
        assert rows_in(path, "SELECT at FROM checks WHERE id = 7") == [(7,)]


def test_two_processes_may_create_the_file_at_once(tmp_path: Path) -> None:
    """A service manager that starts two things at the same moment breaks nothing."""
    script = (
        "import sys, pathlib; from mail_sender.store.sqlite_file import prepare; "
        "prepare(pathlib.Path(sys.argv[1]))"
    )
    path = tmp_path / "mail.db"
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(path)], env=_environment())
        for _ in range(3)
    ]

    assert [process.wait(60) for process in started] == [0, 0, 0]
    assert rows_in(path, "PRAGMA integrity_check") == [("ok",)]


def test_commits_wait_for_the_disk(tmp_path: Path) -> None:
    """`synchronous=NORMAL` loses acknowledged mail when the power fails."""
    with closing(writer_connection(tmp_path / "mail.db")) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
        assert connection.execute("PRAGMA busy_timeout").fetchone() == (5000,)


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    """Only one thread writes, whatever a query says."""
    path = tmp_path / "mail.db"
    prepare(path)
    with (
        closing(writer_connection(path)),
        closing(reader_connection(path)) as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM messages")


# ---------------------------------------------------------------- one serving process


def test_a_second_serving_process_is_refused(tmp_path: Path) -> None:
    """Two that both believe to be alone would take each other's mail."""
    path = tmp_path / "mail.db"
    with lock_for_serving(path), pytest.raises(ConfigError) as raised:
        lock_for_serving(path)

    assert f"another mail-sender (pid {os.getpid()}) serves this file" in str(raised.value)


def test_a_lock_can_be_taken_again_after_its_release(tmp_path: Path) -> None:
    """A stop and a start follow each other at once."""
    lock = lock_for_serving(tmp_path / "new" / "mail.db")
    lock.release()
    lock.release()

    with lock_for_serving(tmp_path / "new" / "mail.db"):
        pass


def test_a_killed_process_leaves_no_lock(tmp_path: Path) -> None:
    """After kill -9 nobody has to delete a file by hand."""
    path = tmp_path / "mail.db"
    script = (
        "import sys, pathlib, time; from mail_sender.store.sqlite import lock_for_serving; "
        "lock = lock_for_serving(pathlib.Path(sys.argv[1])); print('locked', flush=True); "
        "time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdout=subprocess.PIPE, env=_environment()
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"locked\n"
        with pytest.raises(ConfigError, match=f"pid {holder.pid}"):
            lock_for_serving(path)
        holder.send_signal(signal.SIGKILL)
        holder.wait(30)

    with lock_for_serving(path):
        pass


def test_a_lock_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """The operator reads which file it is about."""
    (tmp_path / "mail.db.lock").mkdir()

    with pytest.raises(ConfigError, match=r"mail\.db\.lock"):
        lock_for_serving(tmp_path / "mail.db")


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
