"""Accepting: message, content, recipients, key and events of many callers in one commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count

import msgspec

from ..domain.message import Address, KeyId, MessageId
from ..domain.status import RecipientStatus, State
from .listing import ascii_lower, encode_listed
from .micros import micros, micros_of
from .moves import state_at_acceptance
from .port import Duplicate, NewMessage, Stored
from .rows import (
    INSERT_ATTEMPTS,
    INSERT_EVENTS,
    LANE,
    Columns,
    attempt_columns,
    event_columns,
    json_text,
)
from .sqlite_suppressions import suppressed_among
from .sqlite_values import insert_rows, select_rows

_INSERT_MESSAGES = (
    "INSERT INTO messages (seq, id, state, lane, due_at, created_at, updated_at, give_up_at, "
    "span, ready_at, fence, owner, route, on_unknown, key_id, is_test, size, "
    "attempts_made, begun_provider, begun_recipients, begun_at)"
)
_TAKE_BACK_CALL = (
    "UPDATE messages SET state = ?, attempts_made = 0, begun_provider = NULL, "
    "begun_recipients = NULL, begun_at = NULL WHERE id = ? AND state = ? RETURNING seq"
)
_INSERT_CONTENTS = "INSERT INTO contents (seq, listed, content)"
_INSERT_RECIPIENTS = "INSERT INTO recipients (seq, position, address, kind, status, updated_at)"
_INSERT_SEARCHES = "INSERT INTO searches (seq, recipients, sender, subject)"
_INSERT_TAGS = "INSERT OR IGNORE INTO tags (tag, seq)"
_INSERT_KEYS = "INSERT OR REPLACE INTO used_keys (key_id, key, fingerprint, message_id, expires_at)"
_USED_KEYS = """
    SELECT u.key_id, u.key, u.message_id, u.fingerprint
    FROM {v} AS v CROSS JOIN used_keys AS u ON u.key_id = v.column1 AND u.key = v.column2
    WHERE u.expires_at > v.column3
"""

_ROW_OCTETS = 512  #: a row costs about as much as so many octets of content


class _ClientKey(msgspec.Struct, frozen=True):
    key_id: KeyId
    key: str
    fingerprint: bytes
    now: int
    expires_at: int


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one message, less the number that only the writer can give."""

    id: MessageId
    message: Columns
    content: Columns
    search: Columns
    recipients: Sequence[Columns]
    attempts: Sequence[Columns]
    tags: Sequence[str]
    events: Sequence[Columns]
    key: _ClientKey | None
    at_once: Sequence[Address]  #: whom its owner will hand it over for, without a claim
    arrived_at: int


def arrival(new: NewMessage, now: datetime) -> Arrival:
    """Return the rows of a new message. Runs in the caller's task: its fault is its own."""
    message, content = new.message, new.message.content
    created_at = micros(message.created_at)
    give_up_at = micros(message.give_up_at)
    state = state_at_acceptance(new)
    is_owned = state in {State.LEASED, State.SENDING}
    call = new.call if state is State.SENDING else None
    return Arrival(
        id=message.id,
        message=(
            message.id,
            state.value,
            LANE[content.priority],
            micros(new.due_at) if state is State.QUEUED else None,
            created_at,
            created_at,
            give_up_at,
            give_up_at - created_at,
            micros(content.send_at) if content.send_at else created_at,
            int(is_owned),
            new.owner if is_owned else None,
            message.route,
            message.on_unknown.value,
            message.key_id,
            int(message.is_test),
            len(new.encoded),
            len(new.attempts),
            call and call.provider,
            call and json_text(call.recipients),
            call and micros(now),
        ),
        content=(encode_listed(content), new.encoded),
        search=(
            ascii_lower("\n".join(content.recipients)),
            ascii_lower(content.sender.address),
            ascii_lower(content.subject),
        ),
        recipients=[
            (
                position,
                address,
                kind.value,
                RecipientStatus.QUEUED.value,
                created_at,
            )
            for position, (address, kind) in enumerate(content.kinds.items())
        ],
        attempts=[attempt_columns(attempt) for attempt in new.attempts],
        tags=content.tags,
        events=[event_columns(event) for event in new.events],
        key=_client_key(new, micros(now)),
        at_once=content.recipients if is_owned else (),
        arrived_at=micros(now),
    )


def weight(arrived: Arrival) -> int:
    """Return about how many octets its rows have."""
    return len(arrived.content[1]) + _ROW_OCTETS * len(arrived.recipients)


def _client_key(new: NewMessage, now: int) -> _ClientKey | None:
    claim = new.idempotency
    if claim is None:
        return None
    expires_at = now + micros_of(claim.keep_for)
    return _ClientKey(new.message.key_id, claim.key, claim.fingerprint, now, expires_at)


def accept(
    connection: sqlite3.Connection, requests: Sequence[Sequence[Arrival]]
) -> list[list[Stored | Duplicate]]:
    """Keep the messages of each request, those whose key was used before left out."""
    used = _used_keys(connection, (a for request in requests for a in request))
    fresh: list[Arrival] = []
    answers = [[_judge(arrived, used, fresh) for arrived in request] for request in requests]
    _insert(connection, fresh)
    suppressed = _suppressed(connection, fresh)
    for id_ in suppressed:
        _take_back_call(connection, id_)
    return [[suppressed.get(answer.id, answer) for answer in each] for each in answers]


def _suppressed(
    connection: sqlite3.Connection, fresh: Sequence[Arrival]
) -> dict[MessageId, Stored]:
    """Return the answers of those that are handed over at once and have suppressed recipients."""
    at_once = [arrived for arrived in fresh if arrived.at_once]
    if not at_once:
        return {}
    addresses = {address for arrived in at_once for address in arrived.at_once}
    found = suppressed_among(connection, sorted(addresses), at_once[-1].arrived_at)
    return {
        arrived.id: Stored(arrived.id, {a: found[a] for a in arrived.at_once if a in found})
        for arrived in at_once
        if not found.keys().isdisjoint(arrived.at_once)
    }


def _take_back_call(connection: sqlite3.Connection, id_: MessageId) -> None:
    """Leave a message leased that was to be begun with a call for suppressed recipients too."""
    seqs = connection.execute(_TAKE_BACK_CALL, (State.LEASED, id_, State.SENDING)).fetchall()
    connection.executemany("DELETE FROM attempts WHERE seq = ?", seqs)


def _used_keys(
    connection: sqlite3.Connection, arrivals: Iterable[Arrival]
) -> dict[tuple[KeyId, str], Duplicate]:
    asked = [(a.key.key_id, a.key.key, a.key.now) for a in arrivals if a.key is not None]
    return {
        (key_id, key): Duplicate(message_id, fingerprint)
        for key_id, key, message_id, fingerprint in select_rows(connection, _USED_KEYS, asked)
    }


def _judge(
    arrived: Arrival, used: dict[tuple[KeyId, str], Duplicate], fresh: list[Arrival]
) -> Stored | Duplicate:
    key = arrived.key
    if key is not None:
        first = used.get((key.key_id, key.key))
        if first is not None:
            return first
        used[key.key_id, key.key] = Duplicate(arrived.id, key.fingerprint)
    fresh.append(arrived)
    return Stored(arrived.id)


def _insert(connection: sqlite3.Connection, fresh: Sequence[Arrival]) -> None:
    # Safe within the transaction: nobody else writes until it ends.
    (last,) = connection.execute("SELECT max(seq) FROM messages").fetchone()
    numbered = list(zip(count((last or 0) + 1), fresh, strict=False))
    insert_rows(connection, _INSERT_MESSAGES, [(seq, *a.message) for seq, a in numbered])
    insert_rows(connection, _INSERT_CONTENTS, [(seq, *a.content) for seq, a in numbered])
    insert_rows(connection, _INSERT_SEARCHES, [(seq, *a.search) for seq, a in numbered])
    insert_rows(
        connection, _INSERT_RECIPIENTS, [(seq, *r) for seq, a in numbered for r in a.recipients]
    )
    insert_rows(
        connection, INSERT_ATTEMPTS, [(seq, *made) for seq, a in numbered for made in a.attempts]
    )
    insert_rows(connection, _INSERT_TAGS, [(tag, seq) for seq, a in numbered for tag in a.tags])
    insert_rows(connection, INSERT_EVENTS, [(seq, *e) for seq, a in numbered for e in a.events])
    keys = [
        (a.key.key_id, a.key.key, a.key.fingerprint, a.id, a.key.expires_at)
        for a in fresh
        if a.key is not None
    ]
    insert_rows(connection, _INSERT_KEYS, keys)
