"""Requests a minute per API key, counted in this process.

A window begins with a key's first request and lasts a minute, so that `RateLimit-Reset` says
exactly when there is room again.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.message import KeyId

_WINDOW = timedelta(minutes=1)


@dataclass(slots=True)
class _Count:
    until: datetime
    used: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """How a key stands, this request included.

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


class RateLimit:
    """See the module."""

    def __init__(self, per_minute: int) -> None:
        self._limit = per_minute
        self._counts: dict[KeyId, _Count] = {}

    def count(self, key: KeyId, now: datetime) -> Reading:
        """Count one request."""
        counted = self._counts.get(key)
        if counted is None or now >= counted.until:
            counted = self._counts[key] = _Count(now + _WINDOW)
        counted.used = min(counted.used + 1, self._limit + 1)
        return Reading(self._limit, self._limit - counted.used, counted.until - now)
