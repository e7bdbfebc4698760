"""What tests of the SQLite store share: a store on a file, and a look into the file."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

from mail_sender.clock import FakeClock
from mail_sender.store.sqlite import SqliteStore

Rows = list[tuple[object, ...]]


@asynccontextmanager
async def opened(path: Path, clock: FakeClock | None = None) -> AsyncIterator[SqliteStore]:
    """Open a store and close it."""
    store = SqliteStore(path, clock or FakeClock())
    await store.open()
    try:
        yield store
    finally:
        await store.close()


def rows_in(path: Path, query: str, *values: object) -> Rows:
    """Return what another program reads in the file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query, values).fetchall()


def change_in(path: Path, statement: str, *values: object) -> None:
    """Let another program write to the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(statement, values)


def write_row(connection: sqlite3.Connection, name: str) -> None:
    """Write a row: one for each first character, so that the table stays small."""
    connection.execute("INSERT OR REPLACE INTO pauses VALUES (?1, ?2, '', 0)", (name[:3], name))
