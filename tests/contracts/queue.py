"""What every queue promises: hints, soon or never, and no harm by those that are lost."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

from mail_sender.queue.port import Queue

LONG = timedelta(seconds=20)  #: far longer than any hint takes; a test that waits so long is red


async def seconds_until_told(queue: Queue, at_most: timedelta = LONG) -> float:
    """Wait as a worker does; return how long it took."""
    began = time.monotonic()
    await queue.wait(at_most)
    return time.monotonic() - began


class QueueContract:
    """Subclass it, give it a `queue` fixture, add nothing but what only that queue has."""

    async def test_a_waiting_worker_is_woken_by_an_announcement(self, queue: Queue) -> None:
        """Mail that was just accepted does not wait for the next look into the store."""
        waiting = asyncio.create_task(seconds_until_told(queue))
        await asyncio.sleep(0)
        queue.announce()
        assert await waiting < LONG.total_seconds() / 2

    async def test_an_announcement_before_the_wait_is_not_lost(self, queue: Queue) -> None:
        """Mail that becomes due between a claim and the wait would else wait for the poll."""
        queue.announce()
        assert await seconds_until_told(queue) < LONG.total_seconds() / 2

    async def test_silence_ends_with_the_polling_interval(self, queue: Queue) -> None:
        """What nobody announced is found all the same: the worker looks for itself."""
        assert await seconds_until_told(queue, timedelta(seconds=0.05)) < LONG.total_seconds() / 2

    async def test_nothing_announced_wakes_nobody(self, queue: Queue) -> None:
        """A sweep that found nothing must not make every worker ask the store."""
        queue.announce(0)
        interval = timedelta(seconds=0.2)
        assert await seconds_until_told(queue, interval) >= interval.total_seconds() * 0.9
