"""Deliveries to webhooks in SQLite: made from events, tried, listed, forgotten.

Neighbours: `sqlite_webhooks` calls; `sqlite_endpoints` has the webhooks.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..domain.webhook import (
    DeliveryId,
    DeliveryState,
    Occurrence,
    WebhookAttempt,
    WebhookDelivery,
    WebhookId,
)
from .micros import micros, optional_micros
from .paging import cursor_at, event_number, position
from .rows import json_text
from .sqlite_endpoints import Pausing, pause_now
from .sqlite_values import insert_rows
from .webhook_rows import (
    DELIVERY,
    WEBHOOK_ATTEMPT,
    delivery_columns,
    delivery_of,
    occurrence_of,
    webhook_attempt_columns,
    webhook_attempt_of,
)
from .webhooks import DeliveryChange, DeliveryPage, DeliveryQuery, OccurrenceQuery

_INSERT = f"INSERT OR IGNORE INTO webhook_deliveries ({DELIVERY})"

# ---------------------------------------------------------------- from events


def occurrences(connection: sqlite3.Connection, query: OccurrenceQuery) -> list[Occurrence]:
    """Return events with the key and tags of their messages."""
    return [occurrence_of(row) for row in connection.execute(*occurrences_statement(query))]


def occurrences_statement(query: OccurrenceQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page, with its values.

    There is no index by time: each event would pay for it, and a replay asks once.
    """
    wanted, values = ["e.n > ?"], [event_number(query.after) if query.after else 0]
    if query.since is not None:
        wanted.append("e.at >= ?")
        values.append(micros(query.since))
    if query.until is not None:
        wanted.append("e.at < ?")
        values.append(micros(query.until))
    statement = (
        "SELECT e.n, m.id, e.type, e.at, e.data, m.key_id, c.listed FROM events AS e "
        "LEFT JOIN messages AS m ON m.seq = e.seq LEFT JOIN contents AS c ON c.seq = e.seq "
        f"WHERE {' AND '.join(wanted)} ORDER BY e.n LIMIT ?"
    )
    return statement, [*values, query.limit]


@dataclass(frozen=True, slots=True)
class Publication:
    """The deliveries of the events between two places of a webhook's cursor."""

    id: WebhookId
    after: str
    upto: str
    new: Sequence[WebhookDelivery]
    now: int


def publish(connection: sqlite3.Connection, it: Publication) -> bool:
    """Move the cursor, if it stands where it should, and keep the deliveries."""
    moved = connection.execute(
        "UPDATE webhooks SET cursor = ? WHERE id = ? AND cursor = ?",
        (event_number(it.upto), it.id, event_number(it.after) if it.after else 0),
    )
    if not moved.rowcount:
        return False
    insert_rows(connection, _INSERT, [delivery_columns(new, it.now) for new in it.new])
    return True


# ---------------------------------------------------------------- attempts

DUE = f"""
    SELECT {DELIVERY} FROM webhook_deliveries INDEXED BY webhook_deliveries_due
    WHERE webhook_id = ? AND state = 'pending' AND next_attempt_at <= ?
    ORDER BY next_attempt_at, n LIMIT ?
"""
PENDING = """
    SELECT webhook_id, count(*) FROM webhook_deliveries INDEXED BY webhook_deliveries_due
    WHERE state = 'pending' GROUP BY webhook_id
"""


def due(
    connection: sqlite3.Connection, most: Mapping[WebhookId, int], now: int
) -> list[WebhookDelivery]:
    """Return what is due, without the attempts made so far."""
    return [
        delivery_of(row, ())
        for id_, limit in most.items()
        for row in connection.execute(DUE, (id_, now, limit))
    ]


def pending(connection: sqlite3.Connection) -> dict[WebhookId, int]:
    """Count what waits."""
    return {WebhookId(id_): count for id_, count in connection.execute(PENDING)}


@dataclass(frozen=True, slots=True)
class Record:
    """An attempt at a delivery."""

    id: DeliveryId
    change: DeliveryChange
    now: int


def record(connection: sqlite3.Connection, it: Record) -> bool:
    """Keep an attempt; return whether the webhook is paused by it."""
    change, delivered = it.change, it.change.state is DeliveryState.DELIVERED
    row = connection.execute(
        "SELECT n, webhook_id, state FROM webhook_deliveries WHERE id = ?", (it.id,)
    ).fetchone()
    if row is None:
        return False
    number, webhook_id, state = row
    _insert_attempts(connection, number, [change.attempt])
    if not delivered and state != DeliveryState.PENDING.value:
        return False
    connection.execute(
        "UPDATE webhook_deliveries SET state = ?, next_attempt_at = ?, tries = tries + 1, "
        "updated_at = ? WHERE n = ?",
        (change.state.value, optional_micros(change.next_attempt_at), it.now, number),
    )
    connection.execute(
        "UPDATE webhooks SET failing_since = CASE WHEN ? THEN NULL "
        "ELSE coalesce(failing_since, ?) END WHERE id = ?",
        (int(delivered), micros(change.attempt.at), webhook_id),
    )
    if change.pause is None:
        return False
    return pause_now(connection, Pausing(webhook_id, change.pause, change.events))


def _insert_attempts(
    connection: sqlite3.Connection, delivery: int, attempts: Sequence[WebhookAttempt]
) -> None:
    rows = [webhook_attempt_columns(delivery, it) for it in attempts]
    into = f"INSERT INTO webhook_attempts ({WEBHOOK_ATTEMPT})"
    insert_rows(connection, into, rows)


# ---------------------------------------------------------------- looking and doing again


def deliveries(connection: sqlite3.Connection, query: DeliveryQuery) -> DeliveryPage:
    """Return a page, newest first. Raises `InvalidCursor`."""
    rows = connection.execute(*statement(query)).fetchall()
    shown = _with_attempts(connection, rows[: query.limit])
    more = bool(shown) and len(rows) > len(shown)
    cursor = cursor_at(shown[-1].created_at, rows[len(shown) - 1][0]) if more else None
    return DeliveryPage(shown, cursor)


def statement(query: DeliveryQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page and one row more, with its values."""
    wanted, values = ["webhook_id = ?"], list[object]([query.webhook_id])
    if query.state is not None:
        wanted.append("state = ?")
        values.append(query.state.value)
    if query.event_type is not None:
        wanted.append("event_type = ?")
        values.append(query.event_type.value)
    if query.cursor is not None:
        wanted.append("n < ?")
        values.append(position(query.cursor)[1])
    text = (
        f"SELECT n, {DELIVERY} FROM webhook_deliveries INDEXED BY webhook_deliveries_by_webhook "
        f"WHERE {' AND '.join(wanted)} ORDER BY n DESC LIMIT ?"
    )
    return text, [*values, query.limit + 1]


def delivery(
    connection: sqlite3.Connection, webhook: WebhookId, id_: DeliveryId
) -> WebhookDelivery | None:
    """Return one delivery of a webhook."""
    rows = connection.execute(
        f"SELECT n, {DELIVERY} FROM webhook_deliveries WHERE id = ? AND webhook_id = ?",
        (id_, webhook),
    ).fetchall()
    found = _with_attempts(connection, rows)
    return found[0] if found else None


def states(
    connection: sqlite3.Connection, ids: Sequence[DeliveryId]
) -> dict[DeliveryId, DeliveryState]:
    """Return how the deliveries stand."""
    rows = connection.execute(
        "SELECT id, state FROM webhook_deliveries WHERE id IN (SELECT value FROM json_each(?))",
        (json_text(ids),),
    )
    return {DeliveryId(id_): DeliveryState(state) for id_, state in rows}


@dataclass(frozen=True, slots=True)
class Replay:
    """Deliveries that begin anew."""

    again: Sequence[WebhookDelivery]
    now: int


def replay(connection: sqlite3.Connection, it: Replay) -> None:
    """Make them pending, or add them, where the webhook is still there."""
    known = {id_ for (id_,) in connection.execute("SELECT id FROM webhooks")}
    again = [each for each in it.again if each.webhook_id in known]
    insert_rows(connection, _INSERT, [delivery_columns(each, it.now) for each in again])
    connection.execute(
        "UPDATE webhook_deliveries SET state = 'pending', tries = 0, next_attempt_at = ?1, "
        "updated_at = ?1 WHERE id IN (SELECT value FROM json_each(?2))",
        (it.now, json_text([each.id for each in again])),
    )


def add_tried(connection: sqlite3.Connection, it: WebhookDelivery) -> None:
    """Keep a delivery that has ended."""
    insert_rows(connection, _INSERT, [delivery_columns(it, micros(it.created_at))])
    (number,) = connection.execute(
        "SELECT n FROM webhook_deliveries WHERE id = ?", (it.id,)
    ).fetchone()
    _insert_attempts(connection, number, it.attempts)


# ---------------------------------------------------------------- housekeeping


@dataclass(frozen=True, slots=True)
class Purge:
    """Up to `limit` deliveries that nothing happened to since then."""

    before: int
    limit: int


OVER = """
    SELECT json_group_array(n) FROM (
        SELECT n FROM webhook_deliveries INDEXED BY webhook_deliveries_by_age
        WHERE updated_at < ? ORDER BY updated_at LIMIT ?)
"""


def purge(connection: sqlite3.Connection, it: Purge) -> int:
    """Delete what is old."""
    (over,) = connection.execute(OVER, (it.before, it.limit)).fetchone()
    these = "IN (SELECT value FROM json_each(?))"
    connection.execute(f"DELETE FROM webhook_attempts WHERE delivery {these}", (over,))
    return connection.execute(f"DELETE FROM webhook_deliveries WHERE n {these}", (over,)).rowcount


def _with_attempts(
    connection: sqlite3.Connection, rows: Sequence[Sequence[Any]]
) -> list[WebhookDelivery]:
    attempts: dict[int, list[WebhookAttempt]] = defaultdict(list)
    made = connection.execute(
        f"SELECT {WEBHOOK_ATTEMPT} FROM webhook_attempts "
        "WHERE delivery IN (SELECT value FROM json_each(?)) ORDER BY n",
        (json_text([row[0] for row in rows]),),
    )
    for delivery, *attempt in made:
        attempts[delivery].append(webhook_attempt_of(attempt))
    return [delivery_of(row[1:], attempts[row[0]]) for row in rows]
