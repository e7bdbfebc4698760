"""The store is the queue: workers of this process are woken, others find out by polling."""

from __future__ import annotations

import asyncio
from datetime import timedelta


class PollingQueue:
    """See `queue.port.Queue`."""

    def __init__(self) -> None:
        self._due = asyncio.Event()

    def announce(self, count: int = 1) -> None:
        """See `Queue.announce`."""
        if count > 0:
            self._due.set()

    async def wait(self, at_most: timedelta) -> None:
        """See `Queue.wait`."""
        try:
            async with asyncio.timeout(at_most.total_seconds()):
                await self._due.wait()
        except TimeoutError:
            return
        self._due.clear()
