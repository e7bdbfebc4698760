"""Deliveries to webhooks in PostgreSQL: made from events, tried, listed, forgotten.

Neighbours: `webhooks` calls; `endpoints` has the webhooks.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.webhook import (
    DeliveryId,
    DeliveryState,
    Occurrence,
    WebhookAttempt,
    WebhookDelivery,
    WebhookId,
)
from ..micros import micros, optional_micros
from ..paging import cursor_at, event_number, position
from ..webhook_rows import (
    DELIVERY,
    WEBHOOK_ATTEMPT,
    delivery_columns,
    delivery_of,
    occurrence_of,
    webhook_attempt_columns,
    webhook_attempt_of,
)
from ..webhooks import DeliveryChange, DeliveryPage, DeliveryQuery, OccurrenceQuery
from .endpoints import pause_within
from .events import HORIZON
from .hosts import Connection
from .sql import NOW, columns, text, unnest

# Updated now; the time in the row does not count.
_INSERT = f"""
    INSERT INTO webhook_deliveries ({DELIVERY})
    SELECT v.id, v.webhook_id, v.event_id, v.event_type, v.body, v.created_at, {NOW}, v.state,
        v.tries, v.next_attempt_at
    FROM {unnest("t t t t y b b t i b", DELIVERY)}
    ON CONFLICT DO NOTHING
"""

# ---------------------------------------------------------------- from events


async def occurrences(connection: Connection, query: OccurrenceQuery) -> list[Occurrence]:
    """Return events with the key and tags of their messages: those before any open write."""
    select, values = occurrences_statement(query)
    return [occurrence_of(tuple(row)) for row in await connection.fetch(select, *values)]


def occurrences_statement(query: OccurrenceQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page, with its values.

    There is no index by time: each event would pay for it, and a replay asks once.
    """
    values: list[object] = [query.limit, event_number(query.after) if query.after else 0]
    wanted = ["e.n > $2::bigint", f"e.n < {HORIZON}"]
    for bound, than in ((query.since, ">="), (query.until, "<")):
        if bound is not None:
            values.append(micros(bound))
            wanted.append(f"e.at {than} ${len(values)}::bigint")
    return (
        "SELECT e.n, m.id, e.type, e.at, e.data, m.key_id, c.listed FROM events AS e "
        "LEFT JOIN messages AS m ON m.seq = e.seq LEFT JOIN contents AS c ON c.seq = e.seq "
        f"WHERE {' AND '.join(wanted)} ORDER BY e.n LIMIT $1"
    ), values


_MOVE_CURSOR = "UPDATE webhooks SET cursor = $2 WHERE id = $1 AND cursor = $3 RETURNING id"


async def publish(
    connection: Connection, id_: WebhookId, after: str, upto: str, new: Sequence[WebhookDelivery]
) -> bool:
    """Move the cursor, if it stands where it should, and keep the deliveries."""
    async with connection.transaction():
        stands_at = event_number(after) if after else 0
        if await connection.fetchval(_MOVE_CURSOR, id_, event_number(upto), stands_at) is None:
            return False
        await _insert(connection, new)
        return True


async def _insert(connection: Connection, new: Sequence[WebhookDelivery]) -> None:
    if new:
        await connection.execute(_INSERT, *columns([delivery_columns(it, 0) for it in new], 10))


# ---------------------------------------------------------------- attempts

DUE = f"""
    SELECT {DELIVERY} FROM webhook_deliveries
    WHERE webhook_id = $1 AND state = 'pending' AND next_attempt_at <= {NOW}
    ORDER BY next_attempt_at, n LIMIT $2
"""
PENDING = """
    SELECT webhook_id, count(*) FROM webhook_deliveries WHERE state = 'pending' GROUP BY webhook_id
"""


async def due(connection: Connection, most: Mapping[WebhookId, int]) -> list[WebhookDelivery]:
    """Return what is due, without the attempts made so far."""
    return [
        delivery_of(tuple(row), ())
        for id_, limit in most.items()
        for row in await connection.fetch(DUE, id_, limit)
    ]


async def pending(connection: Connection) -> dict[WebhookId, int]:
    """Count what waits."""
    return {WebhookId(id_): count for id_, count in await connection.fetch(PENDING)}


_TRIED = f"""
    UPDATE webhook_deliveries SET state = $2, next_attempt_at = $3, tries = tries + 1,
        updated_at = {NOW}
    WHERE n = $1
"""
_JUDGED = """
    UPDATE webhooks
    SET failing_since = CASE WHEN $2 THEN NULL ELSE coalesce(failing_since, $3::bigint) END
    WHERE id = $1
"""


async def record(connection: Connection, id_: DeliveryId, change: DeliveryChange) -> bool:
    """Keep an attempt; return whether the webhook is paused by it."""
    delivered = change.state is DeliveryState.DELIVERED
    async with connection.transaction():
        row = await connection.fetchrow(
            "SELECT n, webhook_id, state FROM webhook_deliveries WHERE id = $1 FOR UPDATE", id_
        )
        if row is None:
            return False
        number, webhook_id, state = row
        await _insert_attempts(connection, number, [change.attempt])
        if not delivered and state != DeliveryState.PENDING.value:
            return False
        await connection.execute(
            _TRIED, number, change.state.value, optional_micros(change.next_attempt_at)
        )
        await connection.execute(_JUDGED, webhook_id, delivered, micros(change.attempt.at))
        if change.pause is None:
            return False
        return await pause_within(connection, webhook_id, change.pause, change.events)


_INSERT_ATTEMPTS = f"""
    INSERT INTO webhook_attempts ({WEBHOOK_ATTEMPT})
    SELECT * FROM {unnest("b b b i t t", WEBHOOK_ATTEMPT)}
"""


async def _insert_attempts(
    connection: Connection, delivery: int, attempts: Sequence[WebhookAttempt]
) -> None:
    rows = [
        (*times, text(answer), text(error))
        for it in attempts
        for *times, answer, error in [webhook_attempt_columns(delivery, it)]
    ]
    await connection.execute(_INSERT_ATTEMPTS, *columns(rows, 6))


# ---------------------------------------------------------------- looking and doing again


async def deliveries(connection: Connection, query: DeliveryQuery) -> DeliveryPage:
    """Return a page, newest first. Raises `InvalidCursor`."""
    select, values = statement(query)
    rows = await connection.fetch(select, *values)
    shown = await _with_attempts(connection, rows[: query.limit])
    more = bool(shown) and len(rows) > len(shown)
    cursor = cursor_at(shown[-1].created_at, rows[len(shown) - 1][0]) if more else None
    return DeliveryPage(shown, cursor)


def statement(query: DeliveryQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page and one row more, with its values."""
    values: list[object] = [query.limit + 1, query.webhook_id]
    wanted = ["webhook_id = $2"]
    if query.state is not None:
        values.append(query.state.value)
        wanted.append(f"state = ${len(values)}")
    if query.event_type is not None:
        values.append(query.event_type.value)
        wanted.append(f"event_type = ${len(values)}")
    if query.cursor is not None:
        values.append(position(query.cursor)[1])
        wanted.append(f"n < ${len(values)}::bigint")
    return (
        f"SELECT n, {DELIVERY} FROM webhook_deliveries WHERE {' AND '.join(wanted)} "
        "ORDER BY n DESC LIMIT $1"
    ), values


async def delivery(
    connection: Connection, webhook: WebhookId, id_: DeliveryId
) -> WebhookDelivery | None:
    """Return one delivery of a webhook."""
    rows = await connection.fetch(
        f"SELECT n, {DELIVERY} FROM webhook_deliveries WHERE id = $1 AND webhook_id = $2",
        id_,
        webhook,
    )
    found = await _with_attempts(connection, rows)
    return found[0] if found else None


async def states(
    connection: Connection, ids: Sequence[DeliveryId]
) -> dict[DeliveryId, DeliveryState]:
    """Return how the deliveries stand."""
    rows = await connection.fetch(
        "SELECT id, state FROM webhook_deliveries WHERE id = ANY($1::text[])", ids
    )
    return {DeliveryId(id_): DeliveryState(state) for id_, state in rows}


_AGAIN = f"""
    UPDATE webhook_deliveries SET state = 'pending', tries = 0, next_attempt_at = {NOW},
        updated_at = {NOW}
    WHERE id = ANY($1::text[])
"""


async def replay(connection: Connection, again: Sequence[WebhookDelivery]) -> None:
    """Make them pending, or add them, where the webhook is still there."""
    async with connection.transaction():
        known = {row[0] for row in await connection.fetch("SELECT id FROM webhooks")}
        kept = [each for each in again if each.webhook_id in known]
        await _insert(connection, kept)
        await connection.execute(_AGAIN, [each.id for each in kept])


async def add_tried(connection: Connection, it: WebhookDelivery) -> None:
    """Keep a delivery that has ended."""
    async with connection.transaction():
        await _insert(connection, [it])
        number = await connection.fetchval("SELECT n FROM webhook_deliveries WHERE id = $1", it.id)
        await _insert_attempts(connection, number, it.attempts)


# ---------------------------------------------------------------- housekeeping

OVER = """
    SELECT n FROM webhook_deliveries WHERE updated_at < $1
    ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""


async def purge(connection: Connection, before: int, limit: int) -> int:
    """Delete what is old."""
    async with connection.transaction():
        over = [row[0] for row in await connection.fetch(OVER, before, limit)]
        await connection.execute(
            "DELETE FROM webhook_attempts WHERE delivery = ANY($1::bigint[])", over
        )
        await connection.execute("DELETE FROM webhook_deliveries WHERE n = ANY($1::bigint[])", over)
    return len(over)


async def _with_attempts(
    connection: Connection, rows: Sequence[Sequence[Any]]
) -> list[WebhookDelivery]:
    attempts: dict[int, list[WebhookAttempt]] = defaultdict(list)
    made = await connection.fetch(
        f"SELECT {WEBHOOK_ATTEMPT} FROM webhook_attempts WHERE delivery = ANY($1::bigint[]) "
        "ORDER BY n",
        [row[0] for row in rows],
    )
    for number, *attempt in made:
        attempts[number].append(webhook_attempt_of(attempt))
    return [delivery_of(tuple(row)[1:], attempts[row[0]]) for row in rows]
