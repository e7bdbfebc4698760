"""Sessions that are kept for the next mail, at most so many at a time.

Neighbours: `smtp` takes a lease for each mail, `smtp_connection` opens sessions. A session
that stood idle may be gone without our knowing, so whoever meets a dead one before anything
was sent asks for a new one, once. A session in the middle of a transaction is never given to
anybody else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from .smtp_connection import Connection, Stage, Unopened

Open = Callable[[], Awaitable[Connection]]


class Lease:
    """A session for one mail. `connection` changes with `renew`."""

    def __init__(self, connection: Connection, open_: Open) -> None:
        self.connection = connection
        self._open = open_

    @property
    def was_used_before(self) -> bool:
        """Whether the far side had a reason, or the time, to close it meanwhile."""
        return self.connection.transactions > 0

    async def renew(self) -> None:
        """Drop the session and open another.

        Raises:
            Unopened: It did not work.
        """
        self.connection.abort()
        self.connection = await self._open()


class Pool:
    """Keeps sessions.

    Args:
        open_: Opens a session.
        size: How many there are at most, in use and idle.
        messages: How many transactions one session carries.
        idle: How long one is kept without a mail.
        wait: How long a mail waits for a session that others use.
    """

    def __init__(
        self, open_: Open, *, size: int, messages: int, idle: timedelta, wait: timedelta
    ) -> None:
        self._open = open_
        self._messages = messages
        self._idle_for = idle.total_seconds()
        self._wait = wait.total_seconds()
        self._free = asyncio.Semaphore(size)
        self._idle: dict[Connection, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._is_closed = False

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Lease]:
        """Lend a session, kept or new.

        Raises:
            Unopened: None became free, or none could be opened.
        """
        try:
            async with asyncio.timeout(self._wait):
                await self._free.acquire()
        except TimeoutError:
            raise Unopened(Stage.WAIT, f"all connections are busy for {self._wait:g} s") from None
        try:
            lease = Lease(self._take_idle() or await self._open(), self._open)
            try:
                yield lease
            finally:
                self._give_back(lease.connection)
        finally:
            self._free.release()

    async def close(self) -> None:
        """Take leave of idle sessions; those in use follow when they are given back."""
        self._is_closed = True
        while self._idle:
            self._retire(next(iter(self._idle)))
        await asyncio.gather(*self._leaving)

    def _take_idle(self) -> Connection | None:
        """Return the session that was used last, so that the others may grow old and go."""
        while self._idle:
            connection, timer = self._idle.popitem()
            timer.cancel()
            if connection.is_reusable:
                return connection
            connection.abort()
        return None

    def _give_back(self, connection: Connection) -> None:
        if not connection.is_reusable:
            connection.abort()
        elif self._is_closed or connection.transactions >= self._messages:
            self._retire(connection)
        else:
            loop = asyncio.get_running_loop()
            timer = loop.call_later(self._idle_for, self._retire, connection)
            self._idle[connection] = timer

    def _retire(self, connection: Connection) -> None:
        if timer := self._idle.pop(connection, None):
            timer.cancel()
        connection.leave()
        gone = asyncio.ensure_future(connection.gone())
        self._leaving.add(gone)
        gone.add_done_callback(self._leaving.discard)
