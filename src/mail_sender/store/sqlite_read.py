"""Reading messages, lists, events and depth. Runs on connections that cannot write."""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from ..domain.attempt import Attempt
from ..domain.event import Event
from ..domain.message import Content, MessageId, Priority
from ..domain.status import State
from .listing import readable, readable_listed
from .micros import micros, optional_instant
from .paging import EventQuery, event_number
from .port import Depth, Page, Recipient, Record
from .rows import (
    ATTEMPT,
    LANE,
    RECIPIENT,
    RECORD,
    Columns,
    attempt_of,
    event_of,
    json_text,
    recipient_of,
    record_of,
)

_ONE = f"""
    SELECT m.seq, {RECORD}, c.listed, c.content
    FROM messages AS m LEFT JOIN contents AS c ON c.seq = m.seq WHERE m.id = ?
"""
_SEVERAL = f"""
    SELECT m.seq, {RECORD}, c.listed
    FROM messages AS m LEFT JOIN contents AS c ON c.seq = m.seq
    WHERE m.seq IN (SELECT value FROM json_each(?))
"""
_RECIPIENTS = f"""
    SELECT r.seq, {RECIPIENT} FROM recipients AS r
    WHERE r.seq IN (SELECT value FROM json_each(?)) ORDER BY r.seq, r.position
"""
_ATTEMPTS = f"""
    SELECT a.seq, {ATTEMPT} FROM attempts AS a
    WHERE a.seq IN (SELECT value FROM json_each(?)) ORDER BY a.n
"""


def get(connection: sqlite3.Connection, id_: MessageId) -> Record | None:
    """Return everything about a message.

    Where its content is damaged, the part that lists show stands for it: the status of a
    message must be had even then.
    """
    row = connection.execute(_ONE, (id_,)).fetchone()
    if row is None:
        return None
    seq, *record, listed, content = row
    return _records(connection, {seq: record}, {seq: readable(content, listed)}, [seq])[0]


def by_seqs(connection: sqlite3.Connection, seqs: Sequence[int]) -> list[Record]:
    """Return records in the order of `seqs`, without bodies."""
    rows = connection.execute(_SEVERAL, (json_text(seqs),)).fetchall()
    records = {seq: record for seq, *record, _ in rows}
    contents = {row[0]: readable_listed(row[-1]) for row in rows}
    return _records(connection, records, contents, seqs)


def _records(
    connection: sqlite3.Connection,
    rows: dict[int, Sequence[Any]],
    contents: dict[int, Content],
    order: Iterable[int],
) -> list[Record]:
    chosen = json_text(list(rows))
    recipients: dict[int, list[Recipient]] = defaultdict(list)
    for seq, *recipient in connection.execute(_RECIPIENTS, (chosen,)):
        recipients[seq].append(recipient_of(recipient))
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    for seq, *attempt in connection.execute(_ATTEMPTS, (chosen,)):
        attempts[seq].append(attempt_of(attempt))
    return [record_of(rows[seq], contents[seq], recipients[seq], attempts[seq]) for seq in order]


# ---------------------------------------------------------------- events


def events(connection: sqlite3.Connection, query: EventQuery) -> Page[Event]:
    """Return a page of events. Raises `InvalidCursor`."""
    rows = connection.execute(*events_statement(query)).fetchall()
    shown = [event_of(row) for row in rows[: query.limit]]
    more = shown and len(rows) > len(shown)
    return Page(shown, shown[-1].id if more else None)


def events_statement(query: EventQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page and one row more, with its values."""
    wanted, values = _event_filters(query)
    direction = "DESC" if query.newest_first else "ASC"
    statement = (
        "SELECT e.n, m.id, e.type, e.at, e.data "
        "FROM events AS e LEFT JOIN messages AS m ON m.seq = e.seq "
        f"WHERE {' AND '.join(wanted)} ORDER BY e.n {direction} LIMIT ?"
    )
    return statement, [*values, query.limit + 1]


def _event_filters(query: EventQuery) -> tuple[list[str], list[object]]:
    wanted, values = ["true"], list[object]()
    if query.after is not None:
        wanted.append("e.n < ?" if query.newest_first else "e.n > ?")
        values.append(event_number(query.after))
    if query.message_id is not None:
        wanted.append("e.seq = (SELECT seq FROM messages WHERE id = ?)")
        values.append(query.message_id)
    if query.key_id is not None:
        wanted.append("m.key_id = ?")
        values.append(query.key_id)
    return wanted, values


# ---------------------------------------------------------------- depth

DUE = """
    SELECT count(*) FROM messages INDEXED BY messages_due
    WHERE state = 'queued' AND held = 0 AND lane = ? AND due_at <= ?
"""
LONGEST = """
    SELECT due_at FROM messages INDEXED BY messages_due
    WHERE state = 'queued' AND held = 0 AND lane = ? ORDER BY due_at LIMIT 1
"""
LATER = """
    SELECT count(*) FROM messages INDEXED BY messages_due
    WHERE state = 'queued' AND held = 0 AND lane = ? AND due_at > ?
"""
HELD = "SELECT count(*) FROM messages INDEXED BY messages_held WHERE state = 'queued' AND held = 1"
IN_STATE = "SELECT count(*) FROM messages INDEXED BY messages_by_state WHERE state = ?"


def depth(connection: sqlite3.Connection, now: datetime) -> Depth:
    """Count what waits, on indexes alone."""
    at = micros(now)
    due: dict[Priority, int] = {}
    later: dict[Priority, int] = {}
    longest: list[int] = []
    for priority, lane in LANE.items():
        if count := _first(connection, DUE, lane, at):
            due[priority] = count
            longest.append(_first(connection, LONGEST, lane))
        if count := _first(connection, LATER, lane, at):
            later[priority] = count
    return Depth(
        due=due,
        later=later,
        held=_first(connection, HELD),
        leased=_first(connection, IN_STATE, State.LEASED.value),
        sending=_first(connection, IN_STATE, State.SENDING.value),
        unknown=_first(connection, IN_STATE, State.UNKNOWN.value),
        oldest_due_at=optional_instant(min(longest, default=None)),
    )


def _first(connection: sqlite3.Connection, query: str, *values: object) -> int:
    row: Columns = connection.execute(query, values).fetchone()
    return int(row[0])
