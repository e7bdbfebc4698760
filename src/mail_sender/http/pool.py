"""Which connection of one origin serves the next call, and who waits when all are busy.

Neighbours: `client` has one `OriginPool` for each origin and does the dialling. Nothing
here awaits the network.

The newest idle connection is used first: it is the least likely to have been closed by the far
side, and the ones that are not needed grow old and are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

from .connection import HttpConnection


class OriginPool:
    """The connections of one origin.

    A slot is the right to use or open a connection. It is taken with `take_idle` or
    `take_turn` and given back exactly once, with a connection or without. Idle connections
    hold no slot; there are some only while nobody waits, and `take_turn` is only asked when
    there are none, so there are never more connections than slots.
    """

    def __init__(self, slots: int) -> None:
        """Start with no connection."""
        self._slots = slots
        self._idle: list[HttpConnection] = []
        self._turns: deque[asyncio.Future[HttpConnection | None]] = deque()

    @property
    def has_slots(self) -> bool:
        """Whether `take_turn` would not have to wait."""
        return self._slots > 0

    def take_idle(self, now: float) -> HttpConnection | None:
        """Take a slot with the newest sound connection; close those that are not sound.

        Args:
            now: The loop's time.

        Returns:
            None: there is no such connection, and no slot was taken.
        """
        while self._idle:
            connection = self._idle.pop()
            if connection.stale_at > now and connection.is_sound():
                self._slots -= 1
                return connection
            connection.abort()
        return None

    async def take_turn(self) -> HttpConnection | None:
        """Take a slot as soon as one is free; first come, first served.

        Returns:
            The sound connection that came with it; None: there is leave to open one.
        """
        if self._slots > 0:
            self._slots -= 1
            return None
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[HttpConnection | None] = loop.create_future()
        self._turns.append(turn)
        try:
            connection = await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # it was given to us just now
                self.give_back(turn.result())
            with contextlib.suppress(ValueError):
                self._turns.remove(turn)
            raise
        if connection is None or connection.is_sound():
            return connection
        connection.abort()
        return None

    def give_back(self, connection: HttpConnection | None) -> None:
        """Give a slot back; `connection` is one that may be reused, or None."""
        while self._turns:
            turn = self._turns.popleft()
            if not turn.done():
                turn.set_result(connection)
                return
        self._slots += 1
        if connection is not None:
            self._idle.append(connection)

    def close_stale(self, now: float) -> bool:
        """Close the idle connections whose time is over; return whether any are left."""
        for connection in self._idle:
            if connection.stale_at <= now:
                connection.hang_up()
        self._idle = [connection for connection in self._idle if connection.is_sound()]
        return bool(self._idle)
