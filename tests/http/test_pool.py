"""Slots are neither lost nor doubled, at the moments that no far side can be made to hit."""

from __future__ import annotations

import asyncio

import pytest

from mail_sender.http.answer import AnswerLimits
from mail_sender.http.connection import HttpConnection
from mail_sender.http.pool import OriginPool

from .far_side import FarSide, Line


class Opened:
    """Connections to a far side that keeps them open."""

    def __init__(self, far: FarSide) -> None:
        self._far = far
        self.family: set[HttpConnection] = set()

    async def one(self, *, stale_at: float = 10.0) -> HttpConnection:
        _, connection = await asyncio.get_running_loop().create_connection(
            lambda: HttpConnection(AnswerLimits(), self.family), "127.0.0.1", self._far.port
        )
        connection.stale_at = stale_at
        return connection

    async def close(self) -> None:
        ends = [connection.lost for connection in self.family]
        for connection in list(self.family):
            connection.abort()
        await asyncio.gather(*ends)


async def test_a_turn_that_comes_with_its_cancellation_is_passed_on() -> None:
    """Given to a call that is gone, the slot would be gone too."""
    pool = OriginPool(1)
    assert await pool.take_turn() is None
    doomed = asyncio.ensure_future(pool.take_turn())
    last = asyncio.ensure_future(pool.take_turn())
    await asyncio.sleep(0)

    pool.give_back(None)
    doomed.cancel()

    with pytest.raises(asyncio.CancelledError):
        await doomed
    assert await asyncio.wait_for(last, 1) is None
    pool.give_back(None)
    assert pool.has_slots


async def test_who_is_cancelled_while_waiting_leaves_nothing_behind() -> None:
    """Neither in the queue nor in the count."""
    pool = OriginPool(1)
    await pool.take_turn()
    for _ in range(3):
        doomed = asyncio.ensure_future(pool.take_turn())
        await asyncio.sleep(0)
        doomed.cancel()
        with pytest.raises(asyncio.CancelledError):
            await doomed
    assert not pool._turns

    pool.give_back(None)

    assert pool.has_slots
    assert pool.take_idle(now=0) is None


async def test_a_connection_goes_straight_to_who_waits_and_is_looked_at_first() -> None:
    """It may have been closed between the two; then there is leave to open another."""
    async with FarSide(Line.forever) as far:
        opened = Opened(far)
        pool = OriginPool(1)
        await pool.take_turn()
        waiting = [asyncio.ensure_future(pool.take_turn()) for _ in range(2)]
        await asyncio.sleep(0)
        connection = await opened.one()

        pool.give_back(connection)
        assert await waiting[0] is connection
        pool.give_back(connection)
        connection.abort()
        assert await waiting[1] is None
        assert not pool.has_slots
        await opened.close()


async def test_stale_and_closed_connections_are_not_taken() -> None:
    """The first is about to be closed by the far side, the second was."""
    async with FarSide(Line.forever) as far:
        opened = Opened(far)
        pool = OriginPool(3)
        good, stale, closed = await opened.one(), await opened.one(stale_at=1.0), await opened.one()
        for _ in range(3):
            await pool.take_turn()
        for connection in (good, stale, closed):
            pool.give_back(connection)
        closed.abort()

        assert pool.take_idle(now=1.0) is good
        assert pool.take_idle(now=1.0) is None
        await asyncio.wait_for(stale.lost, 1)
        await opened.close()


async def test_the_sweep_closes_what_is_stale_and_keeps_the_rest() -> None:
    """Idle connections cost the far side something too."""
    async with FarSide(Line.forever) as far:
        opened = Opened(far)
        pool = OriginPool(2)
        young, old = await opened.one(stale_at=2.0), await opened.one(stale_at=1.0)
        for _ in range(2):
            await pool.take_turn()
        for connection in (young, old):
            pool.give_back(connection)

        assert pool.close_stale(now=1.5)
        await asyncio.wait_for(old.lost, 1)
        assert young.is_sound()
        assert not pool.close_stale(now=2.5)
        await asyncio.wait_for(young.lost, 1)
