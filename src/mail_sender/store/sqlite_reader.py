"""Threads that read, each with a connection that cannot write.

So a long list never delays an accept: SQLite's readers and its writer do not wait for each
other. What was committed before a read began is seen by it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Protocol, TypeVar

from ..domain.errors import StoreUnavailable

Answer = TypeVar("Answer")
_THREADS = 3


class Read(Protocol):
    """Reads from the open file."""

    async def __call__(self, read: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """See `Reader.run`."""
        ...


class Reader:
    """See the module."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        self._connect = connect
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="store-reader")
        self._stopped = False

    async def run(self, read: Callable[[sqlite3.Connection], Answer]) -> Answer:
        """Return what `read` finds; all its statements see the same moment.

        Raises:
            StoreUnavailable: The file cannot be read now.
        """
        if self._stopped:
            raise StoreUnavailable("the store is closed")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._run, read)

    async def stop(self) -> None:
        """Finish what was asked for, and end."""
        self._stopped = True
        await asyncio.to_thread(self._pool.shutdown)
        while self._connections:
            self._connections.pop().close()

    def _run(self, read: Callable[[sqlite3.Connection], Answer]) -> Answer:
        try:
            connection = self._own_connection()
            connection.execute("BEGIN")
            try:
                return read(connection)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            self._forget_connection()
            raise StoreUnavailable(f"the store cannot be read: {error}") from error

    def _own_connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._connect()
            self._connections.append(connection)
        return connection

    def _forget_connection(self) -> None:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            with suppress(sqlite3.Error, ValueError):
                self._connections.remove(connection)
                connection.close()
