"""What follows from an attempt: delivered, again later, given up, or the webhook is paused. Pure.

The only place where a wait between two attempts is chosen. The waits are those that users know
from others who follow the specification: eight attempts in 27 and a half hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.webhook import DeliveryState, WebhookAttempt

WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=10),
)
"""After the first attempt, after the second, and so on; then it has failed."""

_JITTER = 0.1  #: a wait is so much longer or shorter, so that an outage ends in no stampede
_GONE = 410


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What becomes of a delivery. `pause`: why its webhook is to be called no more."""

    state: DeliveryState
    next_attempt_at: datetime | None = None
    pause: str | None = None


def verdict(
    attempt: WebhookAttempt,
    *,
    tries: int,
    chance: float,
    retry_after: timedelta | None,
    failing_since: datetime | None,
    pause_after: timedelta,
) -> Verdict:
    """Return what follows from an attempt.

    Args:
        attempt: The one just made.
        tries: Made so far, this one included (at least 1).
        chance: A random number in [0, 1).
        retry_after: The receiver's Retry-After. It can make a wait longer, never shorter.
        failing_since: Of the webhook, before this attempt.
        pause_after: A webhook of which nothing but failures is known for so long is paused.
    """
    if attempt.status is not None and 200 <= attempt.status < 300:
        return Verdict(state=DeliveryState.DELIVERED)
    now = attempt.at + attempt.duration
    pause = _why_pause(attempt, now, failing_since, pause_after)
    if tries > len(WAITS):
        return Verdict(state=DeliveryState.FAILED, pause=pause)
    wait = WAITS[tries - 1] * (1 - _JITTER + 2 * _JITTER * chance)
    at = now + max(wait, retry_after or timedelta(0))
    return Verdict(state=DeliveryState.PENDING, next_attempt_at=at, pause=pause)


def _why_pause(
    attempt: WebhookAttempt,
    now: datetime,
    failing_since: datetime | None,
    pause_after: timedelta,
) -> str | None:
    if attempt.status == _GONE:
        return "The receiver answered 410 Gone."
    if failing_since is not None and now - failing_since >= pause_after:
        return f"Every attempt since {failing_since:%Y-%m-%d %H:%M} UTC has failed."
    return None
