"""Events in an order in which nobody who follows them misses one.

A sequence would number events before their transactions end: a follower that has seen 8 could
miss 7, which is committed a moment later. So an event's number is made of its transaction's (xid8,
64 bits, never used again) and its place therein, and whoever follows reads only below the oldest
transaction that is still open: everything there has ended, in whatever order. A long transaction
of anybody on the same server delays followers, and nothing else; looking back and the timeline of
one message do not wait.

Rule: the events of a transaction are written by one statement, or their places repeat.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence

from ...domain.event import Event
from ..paging import EventQuery, event_number
from ..port import Page
from ..rows import Columns, event_columns, event_of
from .hosts import Connection
from .sql import columns, unnest

MOST_IN_TRANSACTION = 32_768
"""Leaves 3 * 10^11 transactions until an event's number has more than 16 digits: ten years at 1,000
transactions a second, day and night, each of them of many mails."""

_BASE = f"(SELECT pg_current_xact_id()::text::bigint * {MOST_IN_TRANSACTION})"
HORIZON = f"(SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint * {MOST_IN_TRANSACTION})"

COLUMNS = 5


def insert_statement(first: int = 1) -> str:
    """Return the INSERT over the arrays of `arrays_of`, with parameters from `first`."""
    return (
        "INSERT INTO events (n, seq, type, at, data) "
        f"SELECT {_BASE} + v.place, v.seq, v.type, v.at, v.data "
        f"FROM {unnest('i b t b t', 'place, seq, type, at, data', first=first)}"
    )


def arrays_of(events: Sequence[tuple[int | None, Columns]]) -> list[Sequence[object]]:
    """Return the arrays of (message's seq, `rows.event_columns`), in this order."""
    return columns([(place, seq, *event) for place, (seq, event) in enumerate(events)], COLUMNS)


_INSERT = insert_statement()


async def insert(connection: Connection, events: Sequence[tuple[int | None, Columns]]) -> None:
    """Append events; the only ones of this transaction.

    Raises:
        ValueError: They are more than a transaction has numbers for.
    """
    if len(events) > MOST_IN_TRANSACTION:
        raise ValueError(f"{len(events)} events in one transaction")
    if events:
        await connection.execute(_INSERT, *arrays_of(events))


_APPEND = "SELECT (SELECT seq FROM messages WHERE id = $1)"


async def append(connection: Connection, event: Event) -> None:
    """Append an event; about a provider when it names no message."""
    seq = await connection.fetchval(_APPEND, event.message_id)
    await insert(connection, [(seq, event_columns(event))])


# ---------------------------------------------------------------- reading


async def page(connection: Connection, query: EventQuery) -> Page[Event]:
    """Return a page of events. Raises `InvalidCursor`."""
    text, values = statement(query)
    rows = await connection.fetch(text, *values)
    shown = [event_of(tuple(row)) for row in rows[: query.limit]]
    more = shown and len(rows) > len(shown)
    return Page(shown, shown[-1].id if more else None)


def statement(query: EventQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page and one row more, with its values."""
    values: list[object] = [query.limit + 1]
    wanted = ["true"]

    def value(it: object) -> str:
        values.append(it)
        return f"${len(values)}"

    if query.after is not None:
        than = "<" if query.newest_first else ">"
        wanted.append(f"e.n {than} {value(event_number(query.after))}::bigint")
    if query.message_id is not None:
        wanted.append(f"e.seq = (SELECT seq FROM messages WHERE id = {value(query.message_id)})")
    elif not query.newest_first:
        wanted.append(f"e.n < {HORIZON}")
    if query.key_id is not None:
        wanted.append(f"m.key_id = {value(query.key_id)}")
    return (
        "SELECT e.n, m.id, e.type, e.at, e.data "
        "FROM events AS e LEFT JOIN messages AS m ON m.seq = e.seq "
        f"WHERE {' AND '.join(wanted)} "
        f"ORDER BY e.n {'DESC' if query.newest_first else 'ASC'} LIMIT $1"
    ), values
