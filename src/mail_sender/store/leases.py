"""From a row of a claim to a lease, the same for every engine whose rows hold JSON text.

Pure; no statement is run here. Neighbours: `sqlite_work` and `postgres.work` choose and fetch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..domain.attempt import Attempt, OutcomeKind
from ..domain.message import Address
from ..domain.status import RecipientStatus, State
from ..domain.suppression import SuppressionReason
from .codec import decode_content
from .micros import instant
from .moves import UNMEASURED, lease_of
from .port import Lease
from .rows import message_of

MOST_OCTETS = 32 * 1024 * 1024  #: of content in one claim: a worker must be able to hold it

_decode = msgspec.json.Decoder().decode


def lease_of_row(row: Sequence[Any], owner: str, state: State) -> Lease | None:
    """Return the lease; None when the content cannot be read.

    Args:
        row: seq, the columns of `rows.MESSAGE`, fence, retries made, content, then as JSON text
            or None: [address, status] of the recipients in their order, [number, provider,
            outcome, detail, started at] of the attempts, {address: reason} of the suppressed.
        owner: Whose it is.
        state: LEASED, or UNKNOWN for one that is to be settled.
    """
    _, *message, fence, retries_made, content, recipients, attempts, suppressed = row
    try:
        decoded = decode_content(content or b"")
    except (msgspec.MsgspecError, ValueError):
        return None
    return lease_of(
        message_of(message, decoded),
        owner=owner,
        fence=fence,
        waiting=RecipientStatus.QUEUED if state is State.LEASED else RecipientStatus.UNKNOWN,
        statuses={Address(a): RecipientStatus(status) for a, status in _decode(recipients)},
        attempts=[_past(fields) for fields in _decode(attempts)] if attempts else (),
        retries_made=retries_made,
        suppressed=_suppressed(suppressed) if suppressed and state is State.LEASED else {},
    )


def _suppressed(reasons: str) -> dict[Address, SuppressionReason]:
    return {Address(a): SuppressionReason(reason) for a, reason in _decode(reasons).items()}


def _past(fields: Sequence[Any]) -> Attempt:
    """Return as much of an attempt as a lease is made from."""
    number, provider, outcome, detail, started_at = fields
    return Attempt(
        number=number,
        provider=provider,
        started_at=instant(started_at),
        duration=UNMEASURED,
        outcome=OutcomeKind(outcome),
        detail=detail,
    )
