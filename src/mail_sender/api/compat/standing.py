"""What became of a message, in one word for all vendors; each has its own word for these.

Neighbours: `store` has the record. A vendor's status has no word for an outcome that nobody knows;
it is told as still waiting, which is what the gateway does about it.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from ...domain.message import MessageId
from ...domain.status import RecipientStatus, State, raise_to
from ...store.port import Record
from .ids import id_in
from .refusal import Reason, Refusal
from .vendor import Visit


class Standing(StrEnum):
    """How a message stands: where several recipients differ, the most that is known of one."""

    SCHEDULED = "scheduled"
    QUEUED = "queued"
    SENT = "sent"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPPRESSED = "suppressed"


_OF_STATE = {
    State.FAILED: Standing.FAILED,
    State.EXPIRED: Standing.FAILED,
    State.CANCELLED: Standing.CANCELLED,
    State.SUPPRESSED: Standing.SUPPRESSED,
}
_OF_RECIPIENT = {
    RecipientStatus.DEFERRED: Standing.DELAYED,
    RecipientStatus.DELIVERED: Standing.DELIVERED,
    RecipientStatus.BOUNCED: Standing.BOUNCED,
    RecipientStatus.COMPLAINED: Standing.COMPLAINED,
}


def standing_of(record: Record, now: datetime) -> Standing:
    """Return how a message stands."""
    if record.state is State.SENT:
        most = RecipientStatus.QUEUED
        for recipient in record.recipients:
            most = raise_to(most, recipient.status)
        return _OF_RECIPIENT.get(most, Standing.SENT)
    if is_scheduled(record, now):
        return Standing.SCHEDULED
    return _OF_STATE.get(record.state, Standing.QUEUED)


def is_scheduled(record: Record, now: datetime) -> bool:
    """Whether it waits for its own time, not for another attempt."""
    return (
        record.state is State.QUEUED
        and not record.attempts
        and record.due_at is not None
        and record.due_at > now
    )


async def asked_for(visit: Visit, text: str) -> Record:
    """Return the message that a client asks for by the vendor's id. Raises `Refusal`."""
    return await record_of(visit, id_asked_for(text))


def id_asked_for(text: str) -> MessageId:
    """Return our id for a UUID, or for our own. Raises `Refusal`."""
    id_ = id_in(text)
    if id_ is None:
        raise Refusal(Reason.NOT_FOUND)
    return id_


async def record_of(visit: Visit, id_: MessageId) -> Record:
    """Return a message. Raises `Refusal`: there is none."""
    record = await visit.services.store.get(id_)
    if record is None:
        raise Refusal(Reason.NOT_FOUND)
    return record
