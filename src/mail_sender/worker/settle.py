"""An unknown outcome: look for evidence, and settle it or say when to look again.

Neighbours: `loops` claims unknown messages whose time has come; the provider of the unknown
call is asked by our id where it can be. Only evidence settles: silence, however long, does not.
A message whose provider can never be asked stays `unknown` until an event or a person decides.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

from ..delivery.router import as_sent_by
from ..domain.event import Event, EventType
from ..domain.message import Address, Mode
from ..domain.status import RecipientStatus, State, state_of
from ..observability import maillog
from ..providers.port import Evidence, LooksUp, NoEvidence, NotTaken, Taken
from ..store.port import Change, Lease, RecipientChange
from .hand_over import Tools

_NOBODY_TO_ASK: Final = "the provider cannot be asked about it"


async def settle(lease: Lease, tools: Tools) -> None:
    """Look for evidence about one unknown message and record what was found.

    Raises:
        StoreUnavailable: Nothing was recorded; it will be claimed again.
    """
    evidence = await _evidence(lease, tools)
    change = settlement(lease, evidence, now=tools.clock.now())
    maillog.settled(lease.message, type(evidence).__name__, evidence.said)
    if await tools.store.record(lease, change) and change.state is not State.UNKNOWN:
        tools.on_concluded(lease.message, change)


def settlement(lease: Lease, evidence: Evidence, *, now: datetime) -> Change:
    """Return what the evidence means. Pure."""
    provider = lease.last_provider
    match evidence:
        case Taken(provider_message_id=provider_message_id, said=said):
            recipients = _all(lease, RecipientStatus.SENT, said)
            state = state_of([*_statuses(recipients), *lease.others])
            return Change(
                state=state,
                due_at=now if state is State.QUEUED else None,
                recipients=recipients,
                provider=provider,
                provider_message_id=provider_message_id,
                counts_as_retry=False,
                events=_events(lease, EventType.SENT, now, said, provider),
            )
        case NotTaken(said=said):
            status = _after_absence(lease, now)
            recipients = _all(lease, status, said)
            state = state_of([*_statuses(recipients), *lease.others])
            return Change(
                state=state,
                due_at=now if state is State.QUEUED else None,
                recipients=recipients,
                counts_as_retry=False,
                events=_events(lease, _AFTER[status], now, said, provider),
            )
        case NoEvidence(said=said, ask_again=ask_again):
            # A recipient that still waits must not wait for what nobody can tell of another.
            state = state_of([RecipientStatus.UNKNOWN, *lease.others])
            later = now + ask_again if ask_again is not None else None
            return Change(
                state=state,
                due_at=now if state is State.QUEUED else later,
                counts_as_retry=False,
                events=_events(lease, None, now, said, provider),
            )


_AFTER = {
    RecipientStatus.QUEUED: EventType.RETRIED,
    RecipientStatus.FAILED: EventType.FAILED,
    RecipientStatus.EXPIRED: EventType.EXPIRED,
}


def _after_absence(lease: Lease, now: datetime) -> RecipientStatus:
    """Surely not taken: send it again, unless it is too late or the caller was told to wait.

    A sync caller heard "outcome unknown": it must be able to rely on nothing being sent behind
    its back once the answer is "no".
    """
    if lease.message.content.mode is Mode.SYNC:
        return RecipientStatus.FAILED
    return RecipientStatus.QUEUED if now < lease.message.give_up_at else RecipientStatus.EXPIRED


async def _evidence(lease: Lease, tools: Tools) -> Evidence:
    member = tools.fleet.members.get(lease.last_provider or "")
    if member is None or not isinstance(member.provider, LooksUp) or lease.unknown_since is None:
        return NoEvidence(_NOBODY_TO_ASK, None)
    return await member.provider.look_up(
        as_sent_by(member.provider, lease.message),
        to=lease.pending,
        attempted_at=lease.unknown_since,
        now=tools.clock.now(),
    )


def _all(lease: Lease, status: RecipientStatus, said: str) -> dict[Address, RecipientChange]:
    change = RecipientChange(status=status, provider=lease.last_provider, detail=said)
    return dict.fromkeys(lease.pending, change)


def _statuses(recipients: dict[Address, RecipientChange]) -> list[RecipientStatus]:
    return [change.status for change in recipients.values()]


def _events(
    lease: Lease, news: EventType | None, now: datetime, said: str, provider: str | None
) -> tuple[Event, ...]:
    asked = Event(
        type=EventType.SETTLING,
        at=now,
        message_id=lease.message.id,
        data={"provider": provider, "finding": said},
    )
    if news is None:
        return (asked,)
    return asked, Event(
        type=news, at=now, message_id=lease.message.id, data={"provider": provider, "detail": said}
    )
