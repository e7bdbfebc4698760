"""The store is the queue of several processes: who accepts mail tells the workers of the others.

Neighbours: `polling` is the same within one process. What is told may get lost; workers look for
themselves as well.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from .polling import PollingQueue


class Bell(Protocol):
    """Is heard in all other processes on the same store, perhaps."""

    def ring(self) -> None:
        """Tell the others that something is due. Returns at once, never raises."""
        ...

    def listen(self, heard: Callable[[], None]) -> None:
        """Call `heard` whenever another process rings."""
        ...


class SharedQueue(PollingQueue):
    """See `queue.port.Queue`."""

    def __init__(self, bell: Bell) -> None:
        super().__init__()
        self._bell = bell
        bell.listen(super().announce)

    def announce(self, count: int = 1) -> None:
        """See `Queue.announce`."""
        super().announce(count)
        if count > 0:
            self._bell.ring()
