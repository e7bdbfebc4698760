"""The store is the queue of several processes: who accepts mail tells the workers of the others.

Neighbours: `polling` is the same within one process. What is told may get lost; workers look for
themselves as well.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Protocol

from .port import Queue


class Bell(Protocol):
    """Is heard in all other processes on the same store, perhaps."""

    def ring(self) -> None:
        """Tell the others that something is due. Returns at once, never raises."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever another process rings."""
        ...


class SharedQueue:
    """See `queue.port.Queue`."""

    def __init__(self, here: Queue, bell: Bell) -> None:
        """`here` wakes the workers of this process."""
        self._here = here
        self._bell = bell
        bell.listen(here.announce)

    def announce(self, count: int = 1) -> None:
        """See `Queue.announce`."""
        self._here.announce(count)
        if count > 0:
            self._bell.ring()

    async def wait(self, at_most: timedelta) -> None:
        """See `Queue.wait`."""
        await self._here.wait(at_most)
