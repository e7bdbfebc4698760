"""How long to wait between looks at the gateway, and where a stream of events stands. Pure.

Neighbours: the clients' `wait` and `events`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from .answers import Event

QUIET_FOR = (
    40.0  #: seconds of silence after which a stream is dead; the gateway says something every 15
)
RECONNECT_AFTER = 0.5  #: seconds; a gateway that drains has others, or is back soon

_FIRST_PAUSES = (0.05, 0.1, 0.2, 0.4, 0.8)
_LATER_PAUSE = 1.0


def pauses() -> Iterator[float]:
    """Yield the seconds before each further look at a message: most end within a moment."""
    return itertools.chain(_FIRST_PAUSES, itertools.repeat(_LATER_PAUSE))


class Watch:
    """Where a stream of events stands.

    A stream without `Last-Event-ID` begins "now", and each time anew: what happened while the
    line was down would be missed. So it begins behind the newest event that there is. Only where
    nothing ever happened there is none; then the first event of all is fetched later.
    """

    def __init__(self, after: str | None) -> None:
        self.after = after  #: the last event that was seen, or that there was
        self.missed_the_first = False

    def begin(self, newest: Event | None) -> None:
        """Take the newest event that there is."""
        self.after = newest.id if newest else None

    def first(self, oldest: Event | None) -> Iterator[Event]:
        """Yield the first event of all, if it has come."""
        if oldest is not None:
            self.after = oldest.id
            self.missed_the_first = False
            yield oldest

    def pause(self) -> float:
        """Note that the stream ended; return the seconds until the next one."""
        self.missed_the_first = self.after is None
        return RECONNECT_AFTER
