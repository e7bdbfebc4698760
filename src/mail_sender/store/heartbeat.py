"""How long an owner lives, by a clock that may be set back.

A clock set back by an hour would make every lease an hour longer, and a dead owner's messages
would wait that long. A heartbeat in the future gives the step away: the lease is then counted
anew from now, which can never be earlier than promised, since the real time went on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """When an owner was last heard of, and until when its leases are good."""

    at: datetime
    until: datetime


def after_step(beat: Heartbeat, now: datetime) -> Heartbeat:
    """Return the heartbeat as it has to be read now."""
    return beat if beat.at <= now else Heartbeat(now, now + (beat.until - beat.at))


def next_beat(known: Heartbeat | None, now: datetime, lease: timedelta) -> Heartbeat:
    """Return the owner's heartbeat after one more; it never shortens what was promised."""
    until = now + lease
    return Heartbeat(now, max(until, after_step(known, now).until) if known else until)
