"""Requests a minute per API key or per client address, counted in this process.

A window begins with the first request and lasts a minute, so that `RateLimit-Reset` says exactly
when there is room again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

Who = TypeVar("Who")

_WINDOW = timedelta(minutes=1)
_MOST_COUNTED = 100_000  #: beyond, the oldest windows are forgotten: anybody can bring an address


@dataclass(slots=True)
class _Count:
    until: datetime
    used: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a key or address stands, this request included.

    Attributes:
        remaining: Requests left in the window; -1 when this one is one too many.
        resets_in: Until the window ends.
    """

    limit: int
    remaining: int
    resets_in: timedelta

    @property
    def headers(self) -> dict[str, str]:
        """The header fields of the answer."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.remaining, 0)),
            "RateLimit-Reset": str(math.ceil(self.resets_in.total_seconds())),
        }


class RateLimit(Generic[Who]):
    """See the module."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._counts: dict[Who, _Count] = {}  #: the oldest window first

    def count(self, who: Who, now: datetime) -> Reading:
        """Count one request."""
        counted = self._counts.get(who)
        if counted is None or now >= counted.until:
            self._counts.pop(who, None)
            if len(self._counts) >= _MOST_COUNTED:
                del self._counts[next(iter(self._counts))]
            counted = self._counts[who] = _Count(now + _WINDOW)
        counted.used = min(counted.used + 1, self._limit + 1)
        return Reading(self._limit, self._limit - counted.used, counted.until - now)
