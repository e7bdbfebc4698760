"""Reading messages and depth."""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from ...domain.attempt import Attempt
from ...domain.message import Content, MessageId, Priority
from ...domain.status import State
from ..listing import readable, readable_listed
from ..micros import optional_instant
from ..port import Depth, Recipient, Record
from ..rows import (
    ATTEMPT,
    LANE,
    RECIPIENT,
    RECORD,
    attempt_of,
    recipient_of,
    record_of,
)
from .hosts import Connection
from .sql import NOW

_ONE = f"""
    SELECT m.seq, {RECORD}, c.listed, c.content
    FROM messages AS m LEFT JOIN contents AS c ON c.seq = m.seq WHERE m.id = $1
"""
_SEVERAL = f"""
    SELECT m.seq, {RECORD}, c.listed
    FROM messages AS m LEFT JOIN contents AS c ON c.seq = m.seq WHERE m.seq = ANY($1::bigint[])
"""
_RECIPIENTS = f"""
    SELECT r.seq, {RECIPIENT} FROM recipients AS r
    WHERE r.seq = ANY($1::bigint[]) ORDER BY r.seq, r.position
"""
_ATTEMPTS = f"""
    SELECT a.seq, {ATTEMPT} FROM attempts AS a
    WHERE a.seq = ANY($1::bigint[]) ORDER BY a.seq, a.n
"""


async def get(connection: Connection, id_: MessageId) -> Record | None:
    """Return everything about a message, of one moment.

    Where its content is damaged, the part that lists show stands for it: the status of a
    message must be had even then.
    """
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        row = await connection.fetchrow(_ONE, id_)
        if row is None:
            return None
        seq, *record, listed, content = row
        contents = {seq: readable(content, listed)}
        return (await _records(connection, {seq: record}, contents, [seq]))[0]


async def by_seqs(connection: Connection, seqs: Sequence[int]) -> list[Record]:
    """Return records in the order of `seqs`, without bodies. Within the caller's transaction."""
    rows = await connection.fetch(_SEVERAL, seqs)
    records = {row[0]: list(row)[1:-1] for row in rows}
    contents = {row[0]: readable_listed(row[-1]) for row in rows}
    return await _records(connection, records, contents, [seq for seq in seqs if seq in records])


async def _records(
    connection: Connection,
    rows: Mapping[int, Sequence[Any]],
    contents: Mapping[int, Content],
    order: Sequence[int],
) -> list[Record]:
    recipients: dict[int, list[Recipient]] = defaultdict(list)
    for seq, *recipient in await connection.fetch(_RECIPIENTS, order):
        recipients[seq].append(recipient_of(recipient))
    attempts: dict[int, list[Attempt]] = defaultdict(list)
    for seq, *attempt in await connection.fetch(_ATTEMPTS, order):
        attempts[seq].append(attempt_of(attempt))
    return [record_of(rows[seq], contents[seq], recipients[seq], attempts[seq]) for seq in order]


# ---------------------------------------------------------------- depth

_WAITING = "state = 'queued' AND NOT held AND lane"
DEPTH = f"""
    SELECT {
    ", ".join(
        f'''(SELECT count(*) FROM messages WHERE {_WAITING} = {lane} AND due_at <= {NOW}),
        (SELECT count(*) FROM messages WHERE {_WAITING} = {lane} AND due_at > {NOW}),
        (SELECT due_at FROM messages WHERE {_WAITING} = {lane} AND due_at <= {NOW}
            ORDER BY due_at LIMIT 1)'''
        for lane in LANE.values()
    )
},
    (SELECT count(*) FROM messages WHERE state = 'queued' AND held),
    {
    ", ".join(
        f"(SELECT count(*) FROM messages WHERE state = '{state}')"
        for state in (State.LEASED, State.SENDING, State.UNKNOWN)
    )
}
"""


async def depth(connection: Connection) -> Depth:
    """Count what waits, on indexes alone."""
    row = list(await connection.fetchrow(DEPTH) or ())
    held, leased, sending, unknown = row[-4:]
    by_lane = {priority: row[3 * lane : 3 * lane + 3] for priority, lane in LANE.items()}
    return Depth(
        due=_counted({priority: found[0] for priority, found in by_lane.items()}),
        later=_counted({priority: found[1] for priority, found in by_lane.items()}),
        held=held,
        leased=leased,
        sending=sending,
        unknown=unknown,
        oldest_due_at=optional_instant(
            min((found[2] for found in by_lane.values() if found[2] is not None), default=None)
        ),
    )


def _counted(counts: Mapping[Priority, int]) -> dict[Priority, int]:
    return {priority: count for priority, count in counts.items() if count}
