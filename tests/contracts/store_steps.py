"""The steps that the store's contract is written in: owners, leases and outcomes in one line.

Nothing here knows an engine. Times that a store makes itself are compared with `about`, since
an engine's own clock goes on between two lines of a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

from mail_sender.clock import Clock
from mail_sender.domain.attempt import OutcomeKind
from mail_sender.domain.message import Address, Message
from mail_sender.domain.status import RecipientStatus, State
from mail_sender.store.moves import lease_at_acceptance
from mail_sender.store.port import (
    Call,
    Change,
    Lease,
    Query,
    RecipientChange,
    Record,
    Store,
    Stored,
    Swept,
)

from ..make import make_attempt, make_message, make_new

LEASE = timedelta(seconds=60)
GRACE = timedelta(minutes=2)
HOUR = timedelta(hours=1)
A, B = "worker-a", "worker-b"


class MovableClock(Clock, Protocol):
    """The clock that the store reads, in the hand of a test."""

    def advance(self, by: timedelta) -> None:
        """Let `by` pass; a negative `by` is a clock that was set back."""


def about(at: datetime | None, expected: datetime) -> bool:
    """Whether a time that the store made is the expected one, give or take a slow machine."""
    return at is not None and abs(at - expected) < timedelta(seconds=20)


_OF_NEW = {
    "due_at", "owner", "call", "attempts", "idempotency_key", "keep_key_for", "suppressed",
}  # fmt: skip


async def accepted(store: Store, clock: Clock, id_: str | None = None, **fields: Any) -> Message:  # noqa: ANN401
    """Accept a message that was created now; `fields` as in `make_new`."""
    message_fields = {name: fields.pop(name) for name in tuple(fields) if name not in _OF_NEW}
    message = make_message(id_, **{"created_at": clock.now(), **message_fields})
    assert await store.accept(make_new(message, **fields)) == Stored(message.id)
    return message


async def begun(
    store: Store,
    clock: Clock,
    *,
    owner: str = A,
    provider: str = "ses",
    **fields: Any,  # noqa: ANN401
) -> Lease:
    """Accept a message whose first call, to all its recipients, begins in the same commit."""
    await store.heartbeat(owner, LEASE)
    message = make_message(created_at=clock.now(), **fields)
    call = Call(provider=provider, recipients=message.content.recipients)
    new = make_new(message, owner=owner, call=call)
    assert await store.accept(new) == Stored(message.id)
    return lease_at_acceptance(new, owner)


async def claimed(store: Store, owner: str = A, limit: int = 10) -> Sequence[Lease]:
    """Let `owner` live and claim."""
    await store.heartbeat(owner, LEASE)
    return await store.claim(owner, limit=limit)


async def leased(store: Store, owner: str = A) -> Lease:
    """Return the one message that is due."""
    (lease,) = await claimed(store, owner)
    return lease


async def sending(store: Store, owner: str = A, provider: str = "ses") -> Lease:
    """Return the one message that is due, with a call begun for whoever waits."""
    lease = await leased(store, owner)
    assert await store.begin(lease, provider=provider, recipients=lease.pending)
    return lease


async def died(
    store: Store, clock: MovableClock, *, after: timedelta = LEASE + GRACE + LEASE
) -> Swept:
    """Let the owners miss their heartbeats, and sweep."""
    clock.advance(after)
    return await store.sweep(GRACE)


async def seen(store: Store, message: Message) -> Record:
    """Return the record of a message that must be there."""
    record = await store.get(message.id)
    assert record is not None
    return record


def statuses(record: Record) -> dict[Address, RecipientStatus]:
    """Return what is known of each recipient."""
    return {r.address: r.status for r in record.recipients}


async def listed(store: Store, **filters: Any) -> list[str]:  # noqa: ANN401
    """Return the ids that a list with these filters shows, on one page."""
    return [record.message.id for record in (await store.find(Query(**filters))).rows]


def as_sent(lease: Lease, *, provider: str = "ses", **fields: Any) -> Change:  # noqa: ANN401
    """Return the change of a call that the provider accepted for whoever waited."""
    return Change(
        **{
            "state": State.SENT,
            "provider": provider,
            "provider_message_id": f"{provider}-1",
            "recipients": changes(lease.pending, RecipientStatus.SENT, provider=provider),
            "attempts": (make_attempt(number=lease.attempts_made + 1, provider=provider),),
            **fields,
        }
    )


def as_deferred(
    lease: Lease,
    due_at: datetime,
    *,
    provider: str = "ses",
    **fields: Any,  # noqa: ANN401
) -> Change:
    """Return the change of a call that was surely not taken, to be tried again."""
    attempt = make_attempt(
        OutcomeKind.DEFERRED,
        number=lease.attempts_made + 1,
        provider=provider,
        code=503,
        detail="Service Unavailable",
    )
    return Change(
        **{
            "state": State.QUEUED,
            "due_at": due_at,
            "recipients": changes(lease.pending, RecipientStatus.QUEUED, provider=provider),
            "attempts": (attempt,),
            **fields,
        }
    )


def as_unknown(lease: Lease, due_at: datetime | None, **fields: Any) -> Change:  # noqa: ANN401
    """Return the change of a call that may have been taken."""
    attempt = make_attempt(OutcomeKind.UNKNOWN, number=lease.attempts_made + 1)
    return Change(
        **{
            "state": State.UNKNOWN,
            "due_at": due_at,
            "recipients": changes(lease.pending, RecipientStatus.UNKNOWN, provider="ses"),
            "attempts": (attempt,),
            **fields,
        }
    )


def as_failed(lease: Lease) -> Change:
    """Return the change of a call that was refused for good."""
    return Change(
        state=State.FAILED,
        recipients=changes(lease.pending, RecipientStatus.FAILED, code=550, detail="No mailbox"),
        attempts=(make_attempt(OutcomeKind.REFUSED, number=lease.attempts_made + 1),),
    )


def changes(
    addresses: Sequence[Address],
    status: RecipientStatus,
    **fields: Any,  # noqa: ANN401
) -> dict[Address, RecipientChange]:
    """Return the same change for each address."""
    return dict.fromkeys(addresses, RecipientChange(status=status, **fields))
