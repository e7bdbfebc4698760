"""What a queue promises: a hint, soon, that something may be due. It may lie or stay silent.

The store is the truth and every worker also looks there on its own, so a lost hint costs a
delay and never a message.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Protocol


class Queue(Protocol):
    """Announces due messages to the workers of all processes."""

    def announce(self, count: int = 1) -> None:
        """Say that `count` messages became due. Returns at once, never raises."""
        ...

    async def wait(self, at_most: timedelta) -> None:
        """Return when something was announced, or after `at_most`."""
        ...
