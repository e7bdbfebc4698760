"""Rate and quota per provider: leave out the one whose account is used up for now.

Neighbours: `failover` asks `admit` before each call and gives back what was not used. Messages
a second are counted in this process; recipients an hour and a day start from what the store
knows (of all processes) and are told anew by `learn` now and then.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..clock import Clock
from .breaker import Blocked

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaPolicy:
    """None: no such limit."""

    max_per_second: float | None = None
    per_hour: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaView:
    """What operators see; None where there is no such limit."""

    max_per_second: float | None
    per_hour: int | None
    used_hour: int | None
    per_day: int | None
    used_day: int | None


class Quota:
    """See the module. One per provider and process."""

    def __init__(self, clock: Clock, policy: QuotaPolicy) -> None:
        self._clock = clock
        self._policy = policy
        self._tokens = self._most_tokens()
        self._filled_at = clock.now()
        self._windows = [
            _Window(span, limit)
            for span, limit in ((HOUR, policy.per_hour), (DAY, policy.per_day))
            if limit is not None
        ]
        self._has_limits = bool(self._windows) or policy.max_per_second is not None

    @property
    def spans(self) -> tuple[timedelta, ...]:
        """The windows that `learn` wants to be told of."""
        return tuple(window.span for window in self._windows)

    def learn(self, span: timedelta, used: int) -> None:
        """Set what was used within the last `span`, by all processes, as the store counts it."""
        for window in self._windows:
            if window.span == span:
                window.learn(used, self._clock.now())

    def blocked(self, recipients: int) -> Blocked | None:
        """Return why `recipients` more may not be sent to now; None if they may."""
        if not self._has_limits:
            return None
        now = self._clock.now()
        for window in self._windows:
            if window.used(now) + recipients > window.limit:
                words = "day" if window.span == DAY else "hour"
                return Blocked(f"quota of {window.limit} recipients a {words} is used up",
                               window.free_at(now))  # fmt: skip
        rate = self._policy.max_per_second
        if rate is not None and self._refilled(now) < 1:
            return Blocked(
                f"rate limit of {rate:g} a second is reached",
                now + timedelta(seconds=(1 - self._tokens) / rate),
            )
        return None

    def admit(self, recipients: int) -> Blocked | None:
        """Take one call for `recipients`, or say why not."""
        blocked = self.blocked(recipients)
        if blocked is None:
            self._tokens -= 1
            for window in self._windows:
                window.add(recipients, self._clock.now())
        return blocked

    def withdraw(self, recipients: int) -> None:
        """Take back an admission whose call was not made."""
        self._tokens = min(self._tokens + 1, self._most_tokens())
        self.give_back(recipients)

    def give_back(self, recipients: int) -> None:
        """Give back recipients that the provider surely did not take. The call stays counted."""
        for window in self._windows:
            window.add(-recipients, self._clock.now())

    def view(self) -> QuotaView:
        """Return what operators see."""
        now = self._clock.now()
        used = {window.span: window.used(now) for window in self._windows}
        return QuotaView(
            max_per_second=self._policy.max_per_second,
            per_hour=self._policy.per_hour,
            used_hour=used.get(HOUR),
            per_day=self._policy.per_day,
            used_day=used.get(DAY),
        )

    def _most_tokens(self) -> float:
        return max(1.0, self._policy.max_per_second or 1.0)

    def _refilled(self, now: datetime) -> float:
        passed = max((now - self._filled_at).total_seconds(), 0.0)
        self._filled_at = now
        rate = self._policy.max_per_second or 0.0
        self._tokens = min(self._tokens + passed * rate, self._most_tokens())
        return self._tokens


class _Window:
    """A sliding count in 60 steps."""

    def __init__(self, span: timedelta, limit: int) -> None:
        self.span = span
        self.limit = limit
        self._step = span / 60
        self._counts: deque[tuple[datetime, int]] = deque()

    def learn(self, used: int, now: datetime) -> None:
        unaccounted = used - self.used(now)
        if unaccounted > 0:
            self.add(unaccounted, now)

    def add(self, count: int, now: datetime) -> None:
        if self._counts and now - self._counts[-1][0] < self._step:
            start, counted = self._counts.pop()
            self._counts.append((start, counted + count))
        else:
            self._counts.append((now, count))

    def used(self, now: datetime) -> int:
        while self._counts and now - self._counts[0][0] >= self.span:
            self._counts.popleft()
        return sum(count for _, count in self._counts)

    def free_at(self, now: datetime) -> datetime:
        return self._counts[0][0] + self.span if self._counts else now + self._step
