"""Moves what is committed from the write-ahead log into the file, off the path of a commit.

A passive checkpoint runs beside reads and writes. Under steady load it never catches up, and
the log would grow for ever: beyond `soft_pages` the writer is asked to start the log anew
between two commits, when little is left to move. A reader that still needs the log makes that
fail; beyond `_HARD` times as many the writer waits for such readers.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from .sqlite_file import BUSY_TIMEOUT_MS
from .sqlite_writer import Writer

_MANY_COMMITS = 50  #: are moved at the next look; fewer wait for `_LOOKS`
_LOOKS = 20
_HARD = 8  #: times `soft_pages`
_PATIENCE_MS = 2000


class Checkpointer:
    """A thread beside the writer, with a connection of its own."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        writer: Writer,
        *,
        interval: timedelta = timedelta(milliseconds=250),
        soft_pages: int = 8_192,
    ) -> None:
        """Begin. A page has 4 KiB: the log is begun anew at 32 MiB."""
        self._interval = interval.total_seconds()
        self._soft_pages = soft_pages
        self._connect = connect
        self._writer = writer
        self._connection: sqlite3.Connection | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="store-checkpoint", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for it."""
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        moved, looks = 0, 0
        while not self._stop.wait(self._interval):
            looks += 1
            commits = self._writer.commits
            if commits - moved >= _MANY_COMMITS or (commits > moved and looks >= _LOOKS):
                moved, looks = commits, 0
                try:
                    self._checkpoint()
                except sqlite3.Error:  # a sick disk is the writer's to report
                    self._disconnect()
        self._disconnect()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _checkpoint(self) -> None:
        self._connection = self._connection or self._connect()
        _, pages, _ = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        if pages > self._soft_pages:
            self._writer.after_next_commit(
                _patient_restart if pages > _HARD * self._soft_pages else _restart
            )


def _restart(connection: sqlite3.Connection, patience_ms: int = 0) -> None:
    connection.execute(f"PRAGMA busy_timeout = {patience_ms}")
    try:
        connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")


def _patient_restart(connection: sqlite3.Connection) -> None:
    _restart(connection, _PATIENCE_MS)
