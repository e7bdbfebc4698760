"""A circuit breaker for each provider: stop asking the one that keeps failing.

Neighbours: `failover` asks `admit` before each call and calls `record` after it; `explain` and
the provider pages read `blocked` and `view`. Only failures blamed on the provider count, and
unknown outcomes, which an outage that cuts answers consists of; a bad address or a bad message
never closes a good provider.

Closed: everybody passes. Open: nobody passes until the rest is over, then one mail does, as a
probe; it closes the breaker or starts a rest twice as long. A failure that reaches one sender
domain leaves out only that domain.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import msgspec

from ..clock import Clock
from ..domain.outcome import Accepted, Blame, Deferred, Outcome, Reach, Refused, Unknown

_REMEMBERED = 20  #: calls that the failure share is taken of
_SENDER_REST = timedelta(minutes=5)
_MOST_SENDERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerPolicy:
    """Opens when `failures` of the last 20 calls failed, and at least half of them."""

    failures: int = 5
    rest: timedelta = timedelta(seconds=20)
    longest_rest: timedelta = timedelta(minutes=5)


class BreakerState(StrEnum):
    """What a provider's breaker does with the next mail."""

    CLOSED = "closed"  #: passes
    OPEN = "open"  #: leaves the provider out until `probe_at`
    HALF_OPEN = "half_open"  #: the rest is over: one mail is, or will be, the probe


@dataclass(frozen=True, slots=True)
class Blocked:
    """Why a provider is not asked now, and when it may be."""

    reason: str
    until: datetime


class Admission(msgspec.Struct, frozen=True):
    """Leave for one call, to be given back to `record` or `withdraw`."""

    generation: int
    is_probe: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that the breaker counts."""

    reach: Reach
    reason: str
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerView:
    """What operators see."""

    state: BreakerState
    reason: str | None
    opened_at: datetime | None
    probe_at: datetime | None
    recent_calls: int
    recent_failures: int
    blocked_senders: dict[str, str]


def failure_of(outcomes: Iterable[Outcome]) -> Failure | None:
    """Return the provider's failure that the outcomes of one call show; None if it is well.

    One recipient taken, or refused for its own sake, shows a working provider.
    """
    worst: Failure | None = None
    for outcome in outcomes:
        match outcome:
            case Accepted():
                return None
            case Unknown(diagnostic=diagnostic):
                worst = worst or Failure(Reach.CALL, diagnostic.text)
            case Deferred(
                blame=Blame.PROVIDER, diagnostic=diagnostic, retry_after=wait, reach=reach
            ):
                worst = worst or Failure(reach, diagnostic.text, wait)
            case Refused(blame=Blame.PROVIDER, diagnostic=diagnostic, reach=reach):
                worst = worst or Failure(reach, diagnostic.text)
            case Deferred() | Refused():
                return None
    return worst


class Breaker:
    """See the module. One per provider and process; not shared between processes."""

    def __init__(
        self,
        clock: Clock,
        policy: BreakerPolicy,
        on_change: Callable[[BreakerView], None] = lambda _view: None,
    ) -> None:
        self._clock = clock
        self._policy = policy
        self._on_change = on_change
        self._calls: deque[bool] = deque(maxlen=_REMEMBERED)
        self._generation = 0
        self._opened_at: datetime | None = None
        self._probe_at: datetime | None = None
        self._rest = policy.rest
        self._reason: str | None = None
        self._probing = False
        self._senders: dict[str, Blocked] = {}

    def blocked(self, sender_domain: str) -> Blocked | None:
        """Return why a mail of this sender would not pass now; None if it would."""
        sender = self._senders.get(sender_domain)
        if sender is None and self._probe_at is None:
            return None
        now = self._clock.now()
        if sender is not None and sender.until > now:
            return sender
        if self._probe_at is None:
            return None
        if self._probing:
            return Blocked(f"out of service, being probed: {self._reason}", now + self._policy.rest)
        if self._probe_at > now:
            return Blocked(f"out of service: {self._reason}", self._probe_at)
        return None

    def admit(self, sender_domain: str) -> Admission | Blocked:
        """Let one call through, or say why not. A probe is the only call of its time."""
        blocked = self.blocked(sender_domain)
        if blocked is not None:
            return blocked
        is_probe = self._probe_at is not None
        self._probing = self._probing or is_probe
        return Admission(self._generation, is_probe)

    def withdraw(self, admission: Admission) -> None:
        """Take back an admission whose call was not made."""
        if admission.is_probe and admission.generation == self._generation:
            self._probing = False

    def record(self, admission: Admission, failure: Failure | None, sender_domain: str) -> None:
        """Count one finished call.

        A call that began before the breaker opened says nothing new about it afterwards.
        """
        if failure is not None and failure.reach is Reach.SENDER:
            self._block_sender(sender_domain, failure)
            failure = None
        elif failure is not None and failure.reach is Reach.MESSAGE:
            failure = None
        if admission.generation != self._generation:
            return
        if failure is None:
            self._calls.append(True)
            if admission.is_probe:
                self._close()
            return
        self._calls.append(False)
        if admission.is_probe:
            self._rest = min(self._rest * 2, self._policy.longest_rest)
            self._open(failure)
        elif failure.reach is Reach.ACCOUNT or failure.retry_after or self._fails_too_often():
            self._rest = self._policy.rest
            self._open(failure)

    def view(self) -> BreakerView:
        """Return what operators see."""
        now = self._clock.now()
        state = BreakerState.CLOSED
        if self._probe_at is not None:
            state = BreakerState.OPEN if self._probe_at > now else BreakerState.HALF_OPEN
        return BreakerView(
            state=state,
            reason=self._reason,
            opened_at=self._opened_at,
            probe_at=self._probe_at,
            recent_calls=len(self._calls),
            recent_failures=self._calls.count(False),
            blocked_senders={d: b.reason for d, b in self._senders.items() if b.until > now},
        )

    def reset(self) -> None:
        """Close it, as a person asks for."""
        self._senders.clear()
        if self._probe_at is not None:
            self._close()

    def _fails_too_often(self) -> bool:
        failures = self._calls.count(False)
        return failures >= self._policy.failures and failures * 2 >= len(self._calls)

    def _open(self, failure: Failure) -> None:
        now = self._clock.now()
        was_open = self._probe_at is not None
        self._opened_at = self._opened_at or now
        self._probe_at = now + max(self._rest, failure.retry_after or timedelta(0))
        self._reason = failure.reason
        self._probing = False
        self._generation += 1
        if not was_open:
            self._on_change(self.view())

    def _close(self) -> None:
        self._opened_at = self._probe_at = self._reason = None
        self._rest = self._policy.rest
        self._probing = False
        self._calls.clear()
        self._generation += 1
        self._on_change(self.view())

    def _block_sender(self, domain: str, failure: Failure) -> None:
        if len(self._senders) >= _MOST_SENDERS:
            self._senders.clear()
        until = self._clock.now() + max(_SENDER_REST, failure.retry_after or timedelta(0))
        self._senders[domain] = Blocked(f"may not send as {domain}: {failure.reason}", until)
