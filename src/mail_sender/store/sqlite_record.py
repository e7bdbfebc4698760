"""What workers write: the intent before a call, and what came of it.

Every write names the message, its owner and its fence; what matches nothing is lost. Requests
of many workers share the statements. Neighbour: `moves` says what a record means.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from datetime import datetime

import msgspec

from ..domain.message import Address
from ..domain.status import RecipientStatus, State
from .micros import micros, optional_micros
from .moves import TAKEN, due_after, learnt
from .port import Change, Lease
from .rows import (
    INSERT_ATTEMPTS,
    INSERT_EVENTS,
    Columns,
    attempt_columns,
    event_columns,
    json_text,
    storable,
)
from .sqlite_values import insert_rows, select_rows, update_rows

_decode = msgspec.json.Decoder().decode

# ---------------------------------------------------------------- begin


class Begin(msgspec.Struct, frozen=True):
    """A lease, and the call that its holder is about to make."""

    id: str
    owner: str
    fence: int
    provider: str
    recipients: str  #: JSON
    now: int


def begin_of(lease: Lease, provider: str, recipients: Sequence[Address], now: datetime) -> Begin:
    """Return the row of a begin."""
    return Begin(
        lease.message.id, lease.owner, lease.fence, provider, json_text(recipients), micros(now)
    )


BEGIN = """
    UPDATE messages
    SET state = 'sending', begun_provider = v.column4, begun_recipients = v.column5,
        begun_at = v.column6, updated_at = v.column6
    FROM {v} AS v
    WHERE messages.id = v.column1 AND messages.owner = v.column2 AND messages.fence = v.column3
        AND messages.state IN ('leased', 'sending')
"""
_BEGUN = """
    SELECT v.column4 FROM {v} AS v CROSS JOIN messages AS m ON m.id = v.column1
    WHERE m.owner = v.column2 AND m.fence = v.column3 AND m.state = 'sending'
"""


def begin(connection: sqlite3.Connection, requests: Sequence[Begin]) -> list[bool]:
    """LEASED, SENDING -> SENDING for those who still hold the message."""
    rows = [(b.id, b.owner, b.fence, b.provider, b.recipients, b.now) for b in requests]
    if update_rows(connection, BEGIN, rows) == len(requests):
        return [True] * len(requests)
    # Whoever holds a message that is SENDING now has just begun it.
    held = [(b.id, b.owner, b.fence, index) for index, b in enumerate(requests)]
    begun = {index for (index,) in select_rows(connection, _BEGUN, held)}
    return [index in begun for index in range(len(requests))]


# ---------------------------------------------------------------- record


class Outcome(msgspec.Struct, frozen=True):
    """The rows of a record, less the message's number. `begun` when the next call begins."""

    id: str
    owner: str
    fence: int
    message: Columns
    attempts: Sequence[Columns]
    recipients: Sequence[Columns]
    events: Sequence[Columns]


def outcome_of(lease: Lease, change: Change, now: datetime, begun: Begin | None) -> Outcome:
    """Return the rows of a record. Runs in the caller's task: its fault is its own."""
    at = micros(now)
    state = change.state if begun is None else State.SENDING
    return Outcome(
        id=lease.message.id,
        owner=lease.owner,
        fence=lease.fence,
        message=(
            state.value,
            optional_micros(due_after(change, now)) if begun is None else None,
            at,
            at if state.is_final else None,
            int(state in {State.SENDING, State.UNKNOWN}),
            change.provider,
            change.provider_message_id,
            len(change.attempts),
            int(change.counts_as_retry and state is not State.SENDING),
            begun and begun.provider,
            begun and begun.recipients,
            begun and begun.now,
        ),
        attempts=[attempt_columns(attempt) for attempt in change.attempts],
        recipients=[
            (
                address,
                news.status.value,
                _OVERWRITES[news.status],
                news.provider,
                news.code,
                news.enhanced_code,
                storable(news.detail),
                at,
                (news.provider or change.provider) if news.status in TAKEN else None,
                at if news.status in TAKEN else None,
            )
            for address, news in change.recipients.items()
        ],
        events=[event_columns(event) for event in change.events],
    )


#: By the news: the JSON list of what may stand there before.
_OVERWRITES = {
    news: json_text([known for known in RecipientStatus if learnt(known, news) is news])
    for news in RecipientStatus
}

HELD = """
    SELECT json_group_array(json_array(v.column4, m.seq))
    FROM {v} AS v CROSS JOIN messages AS m ON m.id = v.column1
    WHERE m.owner = v.column2 AND m.fence = v.column3
        AND m.state IN ('leased', 'sending', 'unknown')
"""
RECORD_MESSAGES = """
    UPDATE messages
    SET state = v.column2, due_at = v.column3, updated_at = v.column4, finished_at = v.column5,
        owner = CASE WHEN v.column6 THEN owner END,
        provider = coalesce(v.column7, provider),
        provider_message_id = coalesce(v.column8, provider_message_id),
        attempts_made = attempts_made + v.column9,
        retries_made = retries_made + v.column10,
        begun_provider = CASE WHEN v.column2 = 'sending'
            THEN coalesce(v.column11, begun_provider) END,
        begun_recipients = CASE WHEN v.column2 = 'sending'
            THEN coalesce(v.column12, begun_recipients) END,
        begun_at = CASE WHEN v.column2 = 'sending' THEN coalesce(v.column13, begun_at) END
    FROM {v} AS v WHERE messages.seq = v.column1
"""
RECORD_RECIPIENTS = """
    UPDATE recipients
    SET status = v.column3, provider = v.column5, code = v.column6, enhanced_code = v.column7,
        detail = v.column8, updated_at = v.column9,
        taken_by = coalesce(taken_by, v.column10), taken_at = coalesce(taken_at, v.column11)
    FROM {v} AS v
    WHERE recipients.seq = v.column1 AND recipients.address = v.column2
        AND recipients.status IN (SELECT value FROM json_each(v.column4))
"""
# The provider's event came before the end of the call, and told that it has it: see
# `moves.settled_before`.
SETTLED_BEFORE = """
    UPDATE messages SET state = 'sent', due_at = NULL, finished_at = updated_at, owner = NULL
    FROM {v} AS v WHERE messages.seq = v.column1 AND NOT EXISTS (
        SELECT 1 FROM recipients AS r WHERE r.seq = v.column1 AND r.status = 'unknown')
"""


def record(connection: sqlite3.Connection, requests: Sequence[Outcome]) -> list[bool]:
    """Write the outcomes of those who still hold their message."""
    first: dict[str, int] = {}
    again: list[int] = []
    for index, outcome in enumerate(requests):
        if first.setdefault(outcome.id, index) != index:
            again.append(index)
    answers = [False] * len(requests)
    for index in _record_once(connection, requests, list(first.values())):
        answers[index] = True
    for index in again:  # the later of two for one message, after the first was written
        answers[index] = bool(_record_once(connection, requests, [index]))
    return answers


def _record_once(
    connection: sqlite3.Connection, requests: Sequence[Outcome], indexes: Sequence[int]
) -> list[int]:
    """Record outcomes of different messages; return the indexes of those that were held."""
    asked = [(requests[i].id, requests[i].owner, requests[i].fence, i) for i in indexes]
    held = [
        (index, seq, requests[index])
        for (found,) in select_rows(connection, HELD, asked)
        for index, seq in _decode(found)
    ]
    insert_rows(
        connection, INSERT_ATTEMPTS, [(seq, *a) for _, seq, it in held for a in it.attempts]
    )
    insert_rows(connection, INSERT_EVENTS, [(seq, *e) for _, seq, it in held for e in it.events])
    update_rows(connection, RECORD_MESSAGES, [(seq, *it.message) for _, seq, it in held])
    recipients = [(seq, *r) for _, seq, it in held for r in it.recipients]
    update_rows(connection, RECORD_RECIPIENTS, recipients)
    in_doubt = [(seq,) for _, seq, it in held if it.message[0] == State.UNKNOWN]
    update_rows(connection, SETTLED_BEFORE, in_doubt)
    return [index for index, _, _ in held]
