"""The state of a message, and the state of each of its recipients.

Neighbours: `store` saves both, `worker` moves the message through its states, `feedback`
raises recipients. A message's state says who may act on it next (docs/states.md has the
table); a recipient's status is the most that we know about one address. Provider webhooks
come late, twice and out of order, so there is no transition table to get wrong: events only
add knowledge, and the same events in any order end in the same status.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum


class State(StrEnum):
    """Where a message is in its hand-over. docs/states.md is checked against this."""

    QUEUED = "queued"  #: durable; due now or later (scheduled, waiting for a retry, held)
    LEASED = "leased"  #: claimed by a worker, no provider called: safe to take back
    SENDING = "sending"  #: intent committed, a provider may be called: nobody else may send
    UNKNOWN = "unknown"  #: a provider call may or may not have taken effect
    SENT = "sent"  #: final: at least one recipient was taken by a provider, none is left
    FAILED = "failed"  #: final: refused for good, or (sync) every provider failed
    EXPIRED = "expired"  #: final: gave up at `give_up_at`
    CANCELLED = "cancelled"  #: final: the client withdrew it before hand-over
    SUPPRESSED = "suppressed"  #: final: every recipient is on the suppression list

    @property
    def is_final(self) -> bool:
        """Whether the hand-over is over; provider events may still raise recipients."""
        return self in _FINAL


_FINAL = {State.SENT, State.FAILED, State.EXPIRED, State.CANCELLED, State.SUPPRESSED}


class RecipientStatus(StrEnum):
    """What is known of one recipient, in the order of what it proves; a later one wins."""

    QUEUED = "queued"  #: waiting for its first or next attempt
    SUPPRESSED = "suppressed"  #: never tried: the address is on the suppression list
    CANCELLED = "cancelled"  #: withdrawn before hand-over
    EXPIRED = "expired"  #: not taken by anyone until `give_up_at`
    FAILED = "failed"  #: refused before any provider took it
    UNKNOWN = "unknown"  #: a provider may or may not have taken it
    SENT = "sent"  #: a provider took responsibility
    DEFERRED = "deferred"  #: the provider met a temporary refusal and tries again
    DELIVERED = "delivered"  #: the receiving MTA said 250
    BOUNCED = "bounced"  #: refused for good, even after a 250 (RFC 3464 reports come later)
    COMPLAINED = "complained"  #: the recipient called it spam


_RANK = {status: rank for rank, status in enumerate(RecipientStatus)}


def raise_to(known: RecipientStatus, news: RecipientStatus) -> RecipientStatus:
    """Return the higher of what was known and what a provider's event proves."""
    return max(known, news, key=_RANK.__getitem__)


def state_of(recipients: Iterable[RecipientStatus]) -> State:
    """Return the state of a message between attempts, from what is known of its recipients.

    Whoever is still waiting keeps the message QUEUED, even when another recipient is unknown:
    the next attempt names only those that wait. Never returns LEASED or SENDING.
    """
    known = set(recipients)
    for status, state in (
        (RecipientStatus.QUEUED, State.QUEUED),
        (RecipientStatus.UNKNOWN, State.UNKNOWN),
    ):
        if status in known:
            return state
    if any(_RANK[status] >= _RANK[RecipientStatus.SENT] for status in known):
        return State.SENT
    for status, state in (
        (RecipientStatus.FAILED, State.FAILED),
        (RecipientStatus.EXPIRED, State.EXPIRED),
        (RecipientStatus.CANCELLED, State.CANCELLED),
    ):
        if status in known:
            return state
    return State.SUPPRESSED
