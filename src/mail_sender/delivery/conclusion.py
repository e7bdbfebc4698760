"""What a walk over the providers means for a message: its new state and its events. Pure.

Neighbours: `worker` writes the `Change` that comes out, and journals it after each outcome in
case it is killed before it can.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import msgspec

from ..domain.event import Event, EventType
from ..domain.message import Address, OnUnknown
from ..domain.outcome import Accepted, Blame, Deferred, Outcome, Refused, Unknown
from ..domain.status import RecipientStatus, State, state_of
from ..store.port import Change, Lease, RecipientChange
from .failover import Pass
from .retry import RetryPolicy, next_attempt

FIRST_LOOK = timedelta(seconds=15)  #: how soon a provider is asked about an unknown outcome


class Circumstances(msgspec.Struct, frozen=True, kw_only=True):
    """What the conclusion depends on beside the outcomes.

    Attributes:
        now: The time.
        policy: For the next pass.
        chance: A random number in [0, 1).
        route: Every provider of the plan.
        earliest: When the first provider that could take it may be asked; None: now, or it does
            not matter, since nobody waits.
        caller_waits: A sync request: what was not taken in this pass is never tried again.
        looks_up: Whether the provider of the unknown outcome can be asked about it.
        others: What is known of the recipients that were not part of this pass.
    """

    now: datetime
    policy: RetryPolicy
    chance: float
    route: tuple[str, ...]
    earliest: datetime | None
    caller_waits: bool
    looks_up: bool
    others: tuple[RecipientStatus, ...] = ()


def conclude(lease: Lease, done: Pass, around: Circumstances) -> Change:
    """Return what to write after a pass."""
    recipients = changes_of(done, lease.message.on_unknown)
    if lease.suppressed:
        recipients |= _left_out(lease)
    statuses = dict.fromkeys(lease.pending, RecipientStatus.QUEUED)
    statuses |= {r: change.status for r, change in recipients.items()}
    waiting = [r for r, status in statuses.items() if status is RecipientStatus.QUEUED]
    due_at, ending = _next_due(lease, done, around) if waiting else (None, None)
    if ending is not None:
        for recipient in waiting:
            statuses[recipient] = ending
            recipients[recipient] = _ended(recipients.get(recipient), ending)
    state = state_of([*statuses.values(), *around.others])
    if state is State.UNKNOWN:
        due_at = around.now + FIRST_LOOK if around.looks_up else None
    return Change(
        state=state,
        due_at=due_at,
        attempts=tuple(done.attempts),
        recipients=recipients,
        provider=done.provider,
        provider_message_id=done.provider_message_id,
        counts_as_retry=done.asked,
        events=tuple(_events(lease, done, state, due_at, around.now)),
    )


def changes_of(done: Pass, on_unknown: OnUnknown) -> dict[Address, RecipientChange]:
    """Return what the outcomes taught about each recipient."""
    return {
        recipient: _change(outcome, done.by[recipient], on_unknown)
        for recipient, outcome in done.outcomes.items()
    }


def _left_out(lease: Lease) -> dict[Address, RecipientChange]:
    """Return what becomes of the recipients that are on the suppression list."""
    return {
        recipient: RecipientChange(
            status=RecipientStatus.SUPPRESSED, detail=f"on the suppression list: {reason}"
        )
        for recipient, reason in lease.suppressed.items()
    }


def _next_due(
    lease: Lease, done: Pass, around: Circumstances
) -> tuple[datetime | None, RecipientStatus | None]:
    """Return when those who wait are tried again, or how they end."""
    if around.caller_waits or set(around.route) <= done.never:
        return None, RecipientStatus.FAILED
    give_up_at = lease.message.give_up_at
    if not done.asked:
        wait = timedelta(seconds=1 + around.chance)
        at = max(around.now, around.earliest or around.now) + wait
        return (at, None) if at < give_up_at else (None, RecipientStatus.EXPIRED)
    at_or_none = next_attempt(
        around.policy,
        passes=lease.retries_made + 1,
        now=around.now,
        give_up_at=give_up_at,
        chance=around.chance,
        not_before=around.earliest,
    )
    return at_or_none, None if at_or_none else RecipientStatus.EXPIRED


def _change(outcome: Outcome, provider: str, on_unknown: OnUnknown) -> RecipientChange:
    diagnostic = outcome.diagnostic
    return RecipientChange(
        status=_status(outcome, on_unknown),
        provider=provider,
        code=diagnostic.code if diagnostic else None,
        enhanced_code=diagnostic.enhanced_code if diagnostic else None,
        detail=diagnostic.text if diagnostic else "",
    )


def _status(outcome: Outcome, on_unknown: OnUnknown) -> RecipientStatus:
    match outcome:
        case Accepted():
            return RecipientStatus.SENT
        case Unknown():
            if on_unknown is OnUnknown.RISK_DUPLICATE:
                return RecipientStatus.QUEUED
            return RecipientStatus.UNKNOWN
        case Refused(blame=Blame.RECIPIENT) | Refused(blame=Blame.MESSAGE):
            return RecipientStatus.FAILED
        case Refused() | Deferred():
            return RecipientStatus.QUEUED


def _ended(change: RecipientChange | None, ending: RecipientStatus) -> RecipientChange:
    if change is None:
        return RecipientChange(status=ending)
    return RecipientChange(
        status=ending,
        provider=change.provider,
        code=change.code,
        enhanced_code=change.enhanced_code,
        detail=change.detail,
    )


_EVENTS = {
    State.QUEUED: EventType.DEFERRED,
    State.SENT: EventType.SENT,
    State.UNKNOWN: EventType.UNKNOWN,
    State.FAILED: EventType.FAILED,
    State.EXPIRED: EventType.EXPIRED,
}


def _events(
    lease: Lease, done: Pass, state: State, due_at: datetime | None, now: datetime
) -> Iterator[Event]:
    if lease.suppressed:
        left_out = [
            {"address": address, "reason": reason} for address, reason in lease.suppressed.items()
        ]
        yield Event(
            type=EventType.SUPPRESSED,
            at=now,
            message_id=lease.message.id,
            data={"recipients": left_out},
        )
    if state is not State.SUPPRESSED:
        yield _event(lease, done, state, due_at, now)


def _event(lease: Lease, done: Pass, state: State, due_at: datetime | None, now: datetime) -> Event:
    last = done.attempts[-1] if done.attempts else None
    data: dict[str, object] = {}
    if state is State.SENT:
        data |= {"provider": done.provider, "provider_message_id": done.provider_message_id}
    elif last is not None:
        data |= {"provider": last.provider, "outcome": last.outcome, "detail": last.detail}
    if state is State.QUEUED and due_at is not None:
        data["next_attempt_at"] = due_at.isoformat()
    if state is State.UNKNOWN:
        data["on_unknown"] = lease.message.on_unknown
    return Event(type=_EVENTS[state], at=now, message_id=lease.message.id, data=_plain(data))


def _plain(data: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if value is not None}
