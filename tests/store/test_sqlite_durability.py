"""What the SQLite store acknowledged is on the disk, and its log does not eat the disk."""

from __future__ import annotations

import asyncio
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from mail_sender.store.port import Stored
from mail_sender.store.sqlite_checkpoint import Checkpointer
from mail_sender.store.sqlite_file import prepare, writer_connection
from mail_sender.store.sqlite_writer import Writer, one_by_one

from ..make import make_new
from .sqlite_files import opened, rows_in, write_row


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "mail.db"


# ---------------------------------------------------------------- kill -9


_ACCEPT_FOR_EVER = """
import asyncio, pathlib, sys
from mail_sender.clock import SystemClock
from mail_sender.store.sqlite import SqliteStore
from tests.make import make_new

async def accept(store):
    while True:
        answer = await store.accept(make_new(created_at=SystemClock().now()))
        sys.stdout.write(answer.id + "\\n")
        sys.stdout.flush()

async def main():
    store = SqliteStore(pathlib.Path(sys.argv[1]), SystemClock())
    await store.open()
    await asyncio.gather(*(accept(store) for _ in range(8)))

asyncio.run(main())
"""


def test_what_was_acknowledged_survives_kill_9(path: Path) -> None:
    """The promise behind every 202."""
    acknowledged: set[str] = set()
    chance = random.Random(1)  # noqa: S311 - repeatable
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", _ACCEPT_FOR_EVER, str(path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        ) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 300)):
                acknowledged.add(process.stdout.readline().strip())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read()
            acknowledged.update(re.findall(r"^msg_[0-9A-Z]{26}$", rest, re.MULTILINE))
            process.wait(30)

    found = {row[0] for row in rows_in(path, "SELECT id FROM messages")}
    assert len(acknowledged) > 10
    assert acknowledged <= found
    assert rows_in(path, "PRAGMA integrity_check") == [("ok",)]
    assert rows_in(path, "SELECT count(*) FROM contents") == [(len(found),)]


# ---------------------------------------------------------------- the log


async def test_the_log_does_not_grow_without_bound(path: Path) -> None:
    """A night of steady load must not fill the disk with what is already in the file."""
    prepare(path)
    connect = partial(writer_connection, path)
    writer = Writer(connect)
    checkpointer = Checkpointer(connect, writer, soft_pages=64, interval=timedelta(milliseconds=1))
    log = path.with_name("mail.db-wal")
    written = 0

    async def write_on() -> None:
        """Write until the log is far smaller than what went through it, or for very long."""
        nonlocal written
        for n in range(2000):
            await writer.run(one_by_one(write_row), f"{n % 10:03}" + "x" * 20_000)
            written += 20_000
            if written > 8_000_000 and log.stat().st_size < written / 4:
                return

    await asyncio.gather(*(write_on() for _ in range(4)))
    size = log.stat().st_size
    await asyncio.to_thread(checkpointer.stop)
    await writer.stop()

    assert size < written / 3
    assert rows_in(path, "SELECT count(*) FROM pauses") == [(10,)]


async def test_a_stopped_store_leaves_no_log_behind(path: Path) -> None:
    """A copy of the one file is a backup after a stop."""
    async with opened(path) as store:
        await store.accept(make_new())

    assert [file.name for file in path.parent.iterdir()] == ["mail.db"]


async def test_a_long_read_does_not_delay_an_accept(path: Path) -> None:
    """A person who looks at a long list costs the senders nothing."""
    async with opened(path) as store:
        await store.accept(make_new())
        with closing(sqlite3.connect(path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM messages").fetchone()
            assert isinstance(await store.accept(make_new()), Stored)
