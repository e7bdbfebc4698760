"""When to try again: exponential back-off with jitter, and an end. Pure.

This is the only place where a wait between two passes over the providers is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Waits of `first`, then doubled, up to `longest`."""

    first: timedelta = timedelta(seconds=15)
    longest: timedelta = timedelta(minutes=30)


def next_attempt(
    policy: RetryPolicy,
    *,
    passes: int,
    now: datetime,
    give_up_at: datetime,
    chance: float,
    not_before: datetime | None = None,
) -> datetime | None:
    """Return when the next pass may begin; None when that would be too late.

    Args:
        policy: The waits.
        passes: Passes that failed so far, this one included (at least 1).
        now: The time of the failure.
        give_up_at: No pass begins at or after this.
        chance: A random number in [0, 1): the wait lies between half and the whole of the
            doubled one, so that an outage does not end in a stampede.
        not_before: A provider's Retry-After, or the end of the shortest pause among the
            providers of the route.
    """
    doubled = min(policy.first * 2 ** min(passes - 1, 30), policy.longest)
    at = now + doubled * (0.5 + chance / 2)
    if not_before is not None and not_before > at:
        at = not_before + policy.first * chance
    return at if at < give_up_at else None
