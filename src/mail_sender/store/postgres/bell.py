"""Tells other processes that mail is due: NOTIFY, after the commit and seldom.

A notification within the transaction that accepts would halve what a server takes, since commits
that notify wait for each other. Lost ones cost a worker the rest of its polling interval.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from ...domain.errors import StoreUnavailable
from .hosts import Connection
from .pool import NotConfirmed, Pool

_CHANNEL = "mail_due"
_PAUSE = 0.05  #: seconds between two notifications of one process
_AGAIN_AFTER = 1.0  #: seconds, when the connection that listens broke
_LIMIT = 5.0


class Bell:
    """See `queue.shared.Bell`. Rings and listens from `start` on."""

    def __init__(self, name: str) -> None:
        """`name` is that of this process: it does not hear itself."""
        self._name = name
        self._heard: Callable[[], None] | None = None
        self._rung = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def ring(self) -> None:
        """See `queue.shared.Bell.ring`."""
        self._rung.set()

    def listen(self, heard: Callable[[], None]) -> None:
        """See `queue.shared.Bell.listen`."""
        self._heard = heard

    def start(self, pool: Pool) -> None:
        """Begin. Can be called twice."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._ring_for_ever(pool)),
                asyncio.create_task(self._listen_for_ever(pool)),
            ]

    async def stop(self) -> None:
        """End."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _ring_for_ever(self, pool: Pool) -> None:
        async def notify(connection: Connection) -> None:
            await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, self._name)

        while True:
            await self._rung.wait()
            self._rung.clear()
            with suppress(StoreUnavailable, NotConfirmed):
                await pool.run(notify, limit=_LIMIT)
            await asyncio.sleep(_PAUSE)

    async def _listen_for_ever(self, pool: Pool) -> None:
        while True:
            ended = asyncio.Event()
            with suppress(StoreUnavailable, NotConfirmed):
                connection = await pool.of_its_own(ended.set)
                await connection.add_listener(_CHANNEL, self._hear)
                await ended.wait()
            await asyncio.sleep(_AGAIN_AFTER)

    def _hear(self, _: Connection, __: int, ___: str, name: object) -> None:
        if name != self._name and self._heard is not None:
            self._heard()
