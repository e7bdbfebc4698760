"""What a provider's feedback changes about a message: decided here, once for all stores. Pure.

Neighbours: a store reads a `Standing`, asks `heard` and writes down what comes out, all in one
transaction. A recipient's status is the most that is proven, so neither order nor repetition
matters; a message leaves its state only when it turns out that a provider has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from ..domain.address import parse_address
from ..domain.event import Event, EventType
from ..domain.feedback import Fact, Feedback
from ..domain.message import Address
from ..domain.status import RecipientStatus, State, raise_to, state_of
from ..domain.suppression import Origin, OriginKind, Suppression, note_of
from ..mime.addresses import smtputf8_address
from .listing import ascii_lower
from .moves import TAKEN, Standing
from .port import RecipientChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What a store writes.

    Attributes:
        recipients: Only those of whom more is known now.
        state: With it whoever holds the message loses it: what it was about to do is done. None:
            it stays, and who holds the message goes on.
        due_at: Of a new state.
        events: For the timeline, in order.
        suppressions: For the list.
    """

    recipients: Mapping[Address, RecipientChange]
    events: tuple[Event, ...]
    suppressions: tuple[Suppression, ...]
    state: State | None = None
    due_at: datetime | None = None


def heard(standing: Standing, provider: str, feedback: Feedback, now: datetime) -> Hearing:
    """Return what feedback about this message changes.

    Args:
        standing: The message as it is.
        provider: Who told it, by its name in the configuration.
        feedback: About this message.
        now: Of the store's clock.
    """
    concerned = _concerned(standing, feedback)
    proven = dict.fromkeys(_of_message(standing, feedback.sent_to), RecipientStatus.SENT)
    proven |= dict.fromkeys(concerned, feedback.proves)
    changes = {
        address: _change(status, provider, feedback)
        for address, status in proven.items()
        if raise_to(standing.recipients[address], status) is not standing.recipients[address]
    }
    state = _state_after(standing, changes)
    return Hearing(
        recipients=changes,
        state=state,
        due_at=_due_after(standing, state, now),
        events=(
            *(_settled(standing, provider, feedback, changes, now) if state is State.SENT else ()),
            *_told(standing, provider, feedback, now),
        ),
        suppressions=_suppressions(provider, feedback, concerned, now),
    )


def suppressions_of_stranger(
    provider: str, feedback: Feedback, now: datetime
) -> tuple[Suppression, ...]:
    """Return what follows from feedback whose message is not there.

    A complaint may come after its message was deleted. What carries an id of ours was ours; what
    does not may be another program's mail, whose readers are not ours to count.
    """
    if feedback.message_id is None or not _OUR_ID.fullmatch(feedback.message_id):
        return ()
    return _suppressions(provider, feedback, _valid(feedback.recipients), now)


_OUR_ID = re.compile(r"msg_[0-9A-HJKMNP-TV-Z]{26}", re.ASCII)


def _valid(told: Iterable[str]) -> Iterator[Address]:
    for each in told:
        with suppress(ValueError):
            yield parse_address(each)


def _suppressions(
    provider: str, feedback: Feedback, recipients: Iterable[Address], now: datetime
) -> tuple[Suppression, ...]:
    reason = feedback.suppresses
    if reason is None:
        return ()
    return tuple(
        Suppression(
            address=recipient,
            reason=reason,
            origin=Origin(OriginKind.PROVIDER, provider),
            created_at=now,
            note=note_of(feedback.detail),
        )
        for recipient in recipients
    )


# ---------------------------------------------------------------- whom it is about


def _concerned(standing: Standing, feedback: Feedback) -> list[Address]:
    """Return the recipients it is about, as the message has them.

    Without any name it is about the only recipient, if there is but one. A name that is not in
    the message (where somebody's forwarded mail bounced) proves nothing of those who are.
    """
    if feedback.recipients:
        return _of_message(standing, feedback.recipients)
    return list(standing.recipients) if len(standing.recipients) == 1 else []


def _of_message(standing: Standing, told: Sequence[str]) -> list[Address]:
    mailboxes = {_mailbox(each) for each in told}
    return [address for address in standing.recipients if _mailbox(address) in mailboxes]


def _mailbox(address: str) -> str:
    """Return what two ways to write one mailbox have in common: small letters and A-labels."""
    try:
        return ascii_lower(smtputf8_address(address))
    except ValueError:
        return ascii_lower(address)


# ---------------------------------------------------------------- what it changes


def _change(status: RecipientStatus, provider: str, feedback: Feedback) -> RecipientChange:
    if status is not feedback.proves:
        return RecipientChange(status=status, provider=provider)
    return RecipientChange(
        status=status,
        provider=provider,
        code=feedback.code,
        enhanced_code=feedback.enhanced_code,
        detail=feedback.detail,
    )


def _state_after(standing: Standing, changes: Mapping[Address, RecipientChange]) -> State | None:
    """Return the state to write: when a provider has what we did not know, or thought refused.

    While a provider is being called, its caller says what becomes of the message.
    """
    known = standing.recipients
    newly_taken = {a for a, it in changes.items() if known[a] not in TAKEN and it.status in TAKEN}
    if not newly_taken or standing.state is State.SENDING:
        return None
    after = {**known, **{address: it.status for address, it in changes.items()}}
    state = state_of(after.values())
    return None if state is standing.state else state


def _due_after(standing: Standing, state: State | None, now: datetime) -> datetime | None:
    if state is State.QUEUED:
        return standing.due_at or now
    return now if state is State.UNKNOWN else None


# ---------------------------------------------------------------- what is told of it


def _settled(
    standing: Standing,
    provider: str,
    feedback: Feedback,
    recipients: Iterable[Address],
    now: datetime,
) -> Iterator[Event]:
    """Yield that a provider has it, which nobody knew."""
    said = {
        "provider": provider,
        "provider_message_id": feedback.provider_message_id,
        "evidence": f"{provider} told that it was {feedback.fact}",
        "recipients": list(recipients),
    }
    at = min(feedback.at, now)
    yield Event(type=EventType.SENT, at=at, message_id=standing.id, data=_plain(said))


def _told(standing: Standing, provider: str, feedback: Feedback, now: datetime) -> Iterator[Event]:
    """Yield what was told, once for each recipient that it is about."""
    if feedback.fact is Fact.ACCEPTED:
        return  # `message.sent` stands there already
    bounce = feedback.bounce
    data = {
        "provider": provider,
        "bounce_type": bounce and bounce.type.value,
        "reason": bounce and bounce.reason.value,
        "code": feedback.code,
        "enhanced_code": feedback.enhanced_code,
        "detail": feedback.detail or None,
        "provider_message_id": feedback.provider_message_id,
        "provider_event_id": feedback.id,
        **feedback.facts,
    }
    for recipient in feedback.recipients or _concerned(standing, feedback) or (None,):
        yield Event(
            type=feedback.event_type,
            at=min(feedback.at, now),
            message_id=standing.id,
            data=_plain({**data, "recipient": recipient}),
        )


def _plain(data: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in data.items() if value is not None}


# ---------------------------------------------------------------- what waits for its message

KEEP_WAITING = timedelta(hours=1)  #: longer than a provider's answer, or its record, may take
REMEMBER = timedelta(days=7)  #: that an event was told, and a call came; no provider repeats later
MOST_OCTETS = 16 * 1024 * 1024  #: of bodies that a store reads at once
FORGET_AT_ONCE = 20_000  #: rows that a store deletes in one transaction
_SOONEST, _LATEST = timedelta(seconds=1), timedelta(minutes=10)


def mark_of(provider: str, feedback: Feedback) -> bytes:
    """Return what tells one event from all others."""
    return blake2b(f"{provider}\n{feedback.id}".encode("utf-8", "replace"), digest_size=16).digest()


def look_again(heard_at: datetime, now: datetime) -> datetime:
    """Return when to look for the message of an event again: after as long as it waited so far."""
    return now + min(max(now - heard_at, _SOONEST), _LATEST)


def may_become_known(feedback: Feedback) -> bool:
    """A message is durable before any provider has it: only the provider's id can come late."""
    return feedback.message_id is None and feedback.provider_message_id is not None
