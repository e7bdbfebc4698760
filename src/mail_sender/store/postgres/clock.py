"""The database's clock, as far as it can be known without asking each time.

Nodes whose clocks differ must agree on when a message was created and when it is due, so a
gateway on PostgreSQL reads the time here and not from its machine: what the database said last,
plus what has passed since by a clock that nobody sets. A step of the machine's clock changes
nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta


class DatabaseClock:
    """See `clock.Clock`. Until the database has said something, the machine's clock counts."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._said = datetime.now(UTC)
        self._heard_at = monotonic()

    def now(self) -> datetime:
        """Return the current time, aware, in UTC."""
        return self._said + timedelta(seconds=self._monotonic() - self._heard_at)

    def hear(self, said: datetime) -> None:
        """Note what the database's clock says at this moment."""
        self._said, self._heard_at = said, self._monotonic()
