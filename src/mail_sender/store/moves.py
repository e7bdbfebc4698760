"""What becomes of a message in the store: decided here, once for all stores.

For a sweep or a client's action a store reads a `Standing`, asks for a `Move` and writes it
down, all in one transaction; None means that the state forbids it. What a worker writes
(`Change`) is decided in `delivery` and `worker`; here stands only what a store makes of it.
Everything is pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..domain.attempt import Attempt, OutcomeKind
from ..domain.event import Event, EventType
from ..domain.message import Address, Message, MessageId, OnUnknown
from ..domain.status import RecipientStatus, State, raise_to, state_of
from ..domain.suppression import SuppressionReason
from .port import Change, Lease, NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A provider call that was begun and of which nothing is recorded yet."""

    provider: str
    recipients: tuple[Address, ...]
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a move is decided from.

    Attributes:
        due_at: None unless QUEUED or UNKNOWN.
        span: `give_up_at - created_at` as it was at acceptance.
        begun: None when no call is under way.
    """

    id: MessageId
    state: State
    held: bool
    due_at: datetime | None
    give_up_at: datetime
    span: timedelta
    on_unknown: OnUnknown
    attempts_made: int
    recipients: Mapping[Address, RecipientStatus]
    begun: Begun | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What a store writes.

    Attributes:
        recipients: Only those that change.
        ready_at: From when the hand-over is counted; None leaves it.
        fence_up: The fence rises, so that whoever holds the message loses it.
        keeps_owner: Its owner may still record late evidence.
    """

    state: State
    give_up_at: datetime
    due_at: datetime | None = None
    held: bool = False
    recipients: Mapping[Address, RecipientStatus] = field(default_factory=dict)
    attempts: tuple[Attempt, ...] = ()
    events: tuple[Event, ...] = ()
    ready_at: datetime | None = None
    fence_up: bool = False
    keeps_owner: bool = False
    counts_as_retry: bool = False


# ---------------------------------------------------------------- acceptance


def state_at_acceptance(new: NewMessage) -> State:
    """Return the first state of a message."""
    if new.owner is None:
        return State.QUEUED
    return State.LEASED if new.call is None else State.SENDING


def lease_at_acceptance(
    new: NewMessage, owner: str, suppressed: Mapping[Address, SuppressionReason] | None = None
) -> Lease:
    """Return what `owner` holds of a message that is stored as its own; see `lease_of`."""
    recipients = new.message.content.recipients
    if not suppressed:
        return Lease(message=new.message, owner=owner, fence=1, pending=recipients)
    return lease_of(
        new.message,
        owner=owner,
        fence=1,
        waiting=RecipientStatus.QUEUED,
        statuses=dict.fromkeys(recipients, RecipientStatus.QUEUED),
        attempts=(),
        retries_made=0,
        suppressed=suppressed,
    )


def unanswered(it: Standing, now: datetime) -> Move | None:
    """LEASED or SENDING for a caller who was told that nothing was accepted -> FAILED.

    Its owner lost the store's answer, and so called nobody.
    """
    if it.state not in {State.LEASED, State.SENDING}:
        return None
    detail = "The store's answer was lost; no provider was called."
    event = Event(type=EventType.FAILED, at=now, message_id=it.id, data={"detail": detail})
    return _given_up(it, now, RecipientStatus.FAILED, State.FAILED, event)


# ---------------------------------------------------------------- clients' actions


def cancelled(it: Standing, now: datetime, event: Event) -> Move | None:
    """QUEUED, LEASED -> CANCELLED, or to what those prove that were handed over before."""
    if it.state not in {State.QUEUED, State.LEASED}:
        return None
    return _given_up(it, now, RecipientStatus.CANCELLED, State.CANCELLED, event)


def retried(it: Standing, now: datetime, event: Event, *, risk_duplicate: bool) -> Move | None:
    """-> QUEUED, due now: those recipients again which the state says were not reached."""
    if it.state is State.QUEUED:
        return _waiting(it, due_at=now, held=it.held, event=event)
    again = _GOES_AGAIN.get(it.state)
    if again is None or (it.state is State.UNKNOWN and not risk_duplicate):
        return None
    return Move(
        state=State.QUEUED,
        due_at=now,
        give_up_at=now + it.span,
        recipients={a: RecipientStatus.QUEUED for a, s in it.recipients.items() if s is again},
        events=(event,),
        fence_up=it.state is State.UNKNOWN,
    )


_GOES_AGAIN = {
    State.FAILED: RecipientStatus.FAILED,
    State.EXPIRED: RecipientStatus.EXPIRED,
    State.UNKNOWN: RecipientStatus.UNKNOWN,
    State.SUPPRESSED: RecipientStatus.SUPPRESSED,  # the list may be another by now
}


def rescheduled(it: Standing, at: datetime, event: Event) -> Move | None:
    """QUEUED -> due at `at`; a later time moves the end by as much."""
    if it.state is not State.QUEUED:
        return None
    later = max(at - (it.due_at or at), timedelta(0))
    return Move(
        state=State.QUEUED,
        due_at=at,
        held=it.held,
        give_up_at=it.give_up_at + later,
        ready_at=at,
        events=(event,),
    )


def held(it: Standing, event: Event) -> Move | None:
    """QUEUED -> held."""
    if it.state is not State.QUEUED:
        return None
    return _waiting(it, due_at=it.due_at, held=True, event=event)


def released(it: Standing, now: datetime, event: Event) -> Move | None:
    """Held -> due now, unless its time is later."""
    if it.state is not State.QUEUED or not it.held:
        return None
    return _waiting(it, due_at=max(now, it.due_at or now), held=False, event=event)


def _waiting(it: Standing, *, due_at: datetime | None, held: bool, event: Event) -> Move:
    return Move(
        state=State.QUEUED, due_at=due_at, held=held, give_up_at=it.give_up_at, events=(event,)
    )


# ---------------------------------------------------------------- sweeps

UNMEASURED = timedelta(0)  #: of a call whose end nobody saw


def requeued(it: Standing, now: datetime) -> Move:
    """LEASED by a dead owner -> QUEUED: nobody called a provider."""
    return Move(state=State.QUEUED, due_at=now, give_up_at=it.give_up_at)


def abandoned(it: Standing, now: datetime) -> Move:
    """SENDING by a dead owner -> UNKNOWN, or QUEUED where the sender risks a duplicate.

    The risk is not taken beyond `give_up_at`: nothing would be sent any more, and the message
    would end as expired although it may have arrived.
    """
    if it.begun is None:
        return requeued(it, now)
    attempt = Attempt(
        number=it.attempts_made + 1,
        provider=it.begun.provider,
        started_at=it.begun.at,
        duration=UNMEASURED,
        outcome=OutcomeKind.UNKNOWN,
        detail="The worker stopped before it recorded an answer.",
    )
    named = {"provider": it.begun.provider, "recipients": list(it.begun.recipients)}
    event = Event(type=EventType.UNKNOWN, at=now, message_id=it.id, data=named)
    risk = it.on_unknown is OnUnknown.RISK_DUPLICATE and now <= it.give_up_at
    recipients = _after_silence(it, it.begun.recipients, risk=risk)
    after = {**it.recipients, **recipients}.values()
    state = State.QUEUED if risk else settled_before(State.UNKNOWN, after)
    return Move(
        state=state,
        due_at=None if state.is_final else now,
        give_up_at=it.give_up_at,
        recipients=recipients,
        attempts=(attempt,),
        events=(event,),
        keeps_owner=not risk,
        counts_as_retry=risk,
    )


def _after_silence(
    it: Standing, called: Iterable[Address], *, risk: bool
) -> dict[Address, RecipientStatus]:
    known = {a: it.recipients[a] for a in called if a in it.recipients}
    if not risk:
        return {a: raise_to(status, RecipientStatus.UNKNOWN) for a, status in known.items()}
    again = {RecipientStatus.QUEUED, RecipientStatus.UNKNOWN}
    return {a: RecipientStatus.QUEUED for a, status in known.items() if status in again}


def expired(it: Standing, now: datetime) -> Move:
    """QUEUED beyond `give_up_at` -> EXPIRED, or what those prove that were handed over."""
    move = _given_up(it, now, RecipientStatus.EXPIRED, State.EXPIRED)
    event = Event(
        type=_EVENT_OF_END[move.state],
        at=now,
        message_id=it.id,
        data={"expired": list(move.recipients)},
    )
    return Move(
        state=move.state,
        due_at=move.due_at,
        give_up_at=it.give_up_at,
        recipients=move.recipients,
        events=(event,),
    )


_EVENT_OF_END = {
    State.EXPIRED: EventType.EXPIRED,
    State.SENT: EventType.SENT,
    State.UNKNOWN: EventType.UNKNOWN,
}


def unreadable(it: Standing, now: datetime) -> Move:
    """Its content is damaged, so it cannot be sent: -> FAILED; UNKNOWN stays, for a person."""
    detail = {"detail": "The stored content is damaged and cannot be read."}
    if it.state is State.UNKNOWN:
        event = Event(type=EventType.UNKNOWN, at=now, message_id=it.id, data=detail)
        return Move(state=State.UNKNOWN, give_up_at=it.give_up_at, events=(event,))
    event = Event(type=EventType.FAILED, at=now, message_id=it.id, data=detail)
    return _given_up(it, now, RecipientStatus.FAILED, State.FAILED, event)


def _given_up(
    it: Standing, now: datetime, status: RecipientStatus, state: State, *events: Event
) -> Move:
    """Whoever waits gets `status`; whoever a provider took, or may have taken, decides first."""
    waiting = {a: status for a, known in it.recipients.items() if known is RecipientStatus.QUEUED}
    proven = state_of({**it.recipients, **waiting}.values())
    after = proven if proven in {State.UNKNOWN, State.SENT} else state
    return Move(
        state=after,
        due_at=now if after is State.UNKNOWN else None,
        give_up_at=it.give_up_at,
        recipients=waiting,
        events=events,
        fence_up=it.state is State.LEASED,
    )


# ---------------------------------------------------------------- what workers write

SETTLE_PAUSE = timedelta(minutes=5)  #: for how long `claim_unknown` keeps others away


def due_after(change: Change, now: datetime) -> datetime | None:
    """Return when the message is due after this change.

    QUEUED without a time is due now: a message that nobody ever claims would be lost.
    """
    if change.state is State.QUEUED:
        return change.due_at or now
    return change.due_at if change.state is State.UNKNOWN else None


def learnt(known: RecipientStatus, news: RecipientStatus) -> RecipientStatus:
    """Return a recipient's status after a worker recorded `news`.

    Before a hand-over it may go either way (unknown, then surely not taken). Whoever a provider
    took stays taken: only more may be proven, so that no mistake above can send twice.
    """
    return raise_to(known, news) if known in TAKEN else news


def settled_before(state: State, recipients: Iterable[RecipientStatus]) -> State:
    """Return the state to record: UNKNOWN is SENT where an event told meanwhile who has it.

    A provider's event may overtake its answer; then nobody is in doubt any more.
    """
    told = state is State.UNKNOWN and RecipientStatus.UNKNOWN not in set(recipients)
    return State.SENT if told else state


TAKEN = frozenset(s for s in RecipientStatus if raise_to(s, RecipientStatus.SENT) is s)
"""SENT and everything that proves it."""


def lease_of(
    message: Message,
    *,
    owner: str,
    fence: int,
    waiting: RecipientStatus,
    statuses: Mapping[Address, RecipientStatus],
    attempts: Iterable[Attempt],
    retries_made: int,
    suppressed: Mapping[Address, SuppressionReason],
) -> Lease:
    """Return a lease, with what its holder must know of the attempts made before.

    Args:
        message: As it stands now.
        owner: Who gets it.
        fence: After the claim.
        waiting: The status of those that the lease is about: QUEUED or UNKNOWN.
        statuses: Of every recipient, in the order of the envelope.
        attempts: In the order in which they were recorded.
        retries_made: See `Lease`.
        suppressed: Recipients on the suppression list, whatever their status; none of a lease
            that is about unknown ones, which a provider may have taken.
    """
    made = list(attempts)
    asked = [a for a in made if a.outcome is not OutcomeKind.SKIPPED]
    silent = [a for a in asked if a.outcome is OutcomeKind.UNKNOWN]
    waits = [a for a, status in statuses.items() if status is waiting]
    return Lease(
        message=message,
        owner=owner,
        fence=fence,
        pending=tuple(a for a in waits if a not in suppressed),
        attempts_made=len(made),
        retries_made=retries_made,
        skipped={a.provider: a.detail for a in made if a.outcome is OutcomeKind.SKIPPED},
        last_provider=asked[-1].provider if asked else None,
        unknown_since=silent[-1].started_at if silent else None,
        others=tuple(status for status in statuses.values() if status is not waiting),
        suppressed={a: suppressed[a] for a in waits if a in suppressed},
    )
