"""Unguessable bytes from the operating system, taken in stock.

A call to the system for each id costs a hundred microseconds under load, since Python lets other
threads run meanwhile. The bytes are the same ones, only asked for 16 KiB at a time.
"""

from __future__ import annotations

import os
import threading

_STOCK = 16 * 1024


class Chance:
    """A stock of unguessable bytes. Each is given out once, to whichever thread asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stock = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        """Return `count` (at most 1,024) bytes that nobody can guess."""
        with self._lock:
            start = self._used
            if start + count > len(self._stock):
                self._stock, start = os.urandom(_STOCK), 0
            self._used = start + count
            return self._stock[start : self._used]


_chance = Chance()
os.register_at_fork(after_in_child=lambda: setattr(_chance, "_used", _STOCK))


def chance_bytes(count: int) -> bytes:
    """Return `count` (at most 1,024) unguessable bytes from the stock of this process."""
    return _chance.take(count)
