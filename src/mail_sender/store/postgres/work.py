"""How workers get their messages: heartbeats and claims.

Several nodes claim at once: each skips what another has locked and takes the next. A claim whose
answer was lost has leased messages to an owner that does not know of them, and lives: they would
stay leased for ever. So each claim has a number, and one that was not confirmed is taken back
before the next.

Neighbours: `record` has what workers write then; `moves` does the sweeps.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from ...domain.message import Priority
from ...domain.status import State
from .. import moves
from ..leases import MOST_OCTETS, lease_of_row
from ..micros import instant, micros_of
from ..moves import SETTLE_PAUSE
from ..port import Lease
from ..rows import LANE, MESSAGE
from .hosts import Connection
from .moves import Written, standings, write
from .sql import NOW

# ---------------------------------------------------------------- owners

# A heartbeat in the future was made before the clock was set back: see `store.heartbeat`.
_HEARTBEAT = f"""
    INSERT INTO owners AS o (owner, beat_at, lease_until)
    VALUES ($1::text, {NOW}, {NOW} + $2::bigint)
    ON CONFLICT (owner) DO UPDATE SET beat_at = {NOW}, lease_until = greatest({NOW} + $2::bigint,
        CASE WHEN o.beat_at > {NOW} THEN {NOW} + (o.lease_until - o.beat_at)
            ELSE o.lease_until END)
    RETURNING {NOW}
"""


async def heartbeat(connection: Connection, owner: str, lease: int) -> datetime:
    """Extend an owner's life by `lease` microseconds; return the database's time."""
    return instant(await connection.fetchval(_HEARTBEAT, owner, lease))


async def expire_others(connection: Connection, owner: str) -> None:
    """An owner that is not listed is dead since ever."""
    await connection.execute("DELETE FROM owners WHERE owner <> $1", owner)


# ---------------------------------------------------------------- claims


def _of_lane(name: str, lane: int, before: Sequence[str]) -> str:
    counted = "".join(f" - (SELECT count(*) FROM {earlier})" for earlier in before)
    return f"""{name} AS MATERIALIZED (
        SELECT seq, size, {lane} AS lane, due_at FROM messages
        WHERE state = 'queued' AND NOT held AND lane = {lane} AND due_at <= {NOW}
            AND give_up_at >= {NOW}
        ORDER BY due_at, seq LIMIT $1::bigint{counted} FOR UPDATE SKIP LOCKED
    )"""


_NAMES = [f"of_{priority}" for priority in Priority]
_FITTING = f"""
    fitting AS MATERIALIZED (
        SELECT seq, turn FROM (
            SELECT seq, row_number() OVER in_turn AS turn,
                sum(size) OVER in_turn AS octets
            FROM chosen WINDOW in_turn AS (ORDER BY lane, due_at, seq)
        ) AS counted WHERE turn = 1 OR octets <= {MOST_OCTETS}
    )
"""
CLAIM = f"""
    WITH {", ".join(_of_lane(_NAMES[lane], lane, _NAMES[:lane]) for lane in LANE.values())},
    chosen AS ({" UNION ALL ".join(f"SELECT * FROM {name}" for name in _NAMES)}),
    {_FITTING}
    UPDATE messages AS m
    SET state = 'leased', due_at = NULL, owner = $2, claim = $3, updated_at = {NOW},
        fence = m.fence + 1
    FROM fitting AS f WHERE m.seq = f.seq
    RETURNING m.seq, f.turn
"""
CLAIM_UNKNOWN = f"""
    WITH chosen AS MATERIALIZED (
        SELECT seq, size, 0 AS lane, due_at FROM messages
        WHERE state = 'unknown' AND due_at <= {NOW}
        ORDER BY due_at, seq LIMIT $1 FOR UPDATE SKIP LOCKED
    ),
    {_FITTING}
    UPDATE messages AS m
    SET due_at = {NOW} + {micros_of(SETTLE_PAUSE)}, owner = $2, updated_at = {NOW},
        fence = m.fence + 1
    FROM fitting AS f WHERE m.seq = f.seq
    RETURNING m.seq, f.turn
"""
_TAKE_BACK = f"""
    UPDATE messages SET state = 'queued', due_at = {NOW}, owner = NULL, updated_at = {NOW}
    WHERE state = 'leased' AND owner = $1 AND claim = ANY($2::bigint[])
"""
TAKEN = f"""
    SELECT m.seq, {MESSAGE}, m.fence, m.retries_made, c.content,
        (SELECT json_agg(json_build_array(r.address, r.status) ORDER BY r.position)
            FROM recipients AS r WHERE r.seq = m.seq),
        CASE WHEN m.attempts_made > 0 THEN
            (SELECT json_agg(json_build_array(a.number, a.provider, a.outcome, a.detail,
                a.started_at) ORDER BY a.n) FROM attempts AS a WHERE a.seq = m.seq) END,
        CASE WHEN EXISTS (SELECT 1 FROM suppressions) THEN
            (SELECT json_object_agg(r.address, s.reason) FROM recipients AS r
                JOIN suppressions AS s ON s.mailbox = lower(r.address COLLATE "C")
                WHERE r.seq = m.seq AND (s.expires_at IS NULL OR s.expires_at > {NOW})) END
    FROM messages AS m LEFT JOIN contents AS c ON c.seq = m.seq
    WHERE m.seq = ANY($1::bigint[])
"""


async def claim(connection: Connection, owner: str, limit: int, number: int) -> list[int]:
    """QUEUED -> LEASED under this claim's number; return the messages, in their turn."""
    return _in_turn(await connection.fetch(CLAIM, limit, owner, number))


async def claim_unknown(connection: Connection, owner: str, limit: int) -> list[int]:
    """UNKNOWN stays; return the messages, in their turn."""
    return _in_turn(await connection.fetch(CLAIM_UNKNOWN, limit, owner))


def _in_turn(rows: Sequence[Any]) -> list[int]:
    return [seq for _, seq in sorted((turn, seq) for seq, turn in rows)]


async def take_back(connection: Connection, owner: str, numbers: Sequence[int]) -> None:
    """LEASED by claims of which nobody knows -> QUEUED: nobody called a provider."""
    await connection.execute(_TAKE_BACK, owner, numbers)


async def leases(
    connection: Connection, owner: str, order: Sequence[int], state: State
) -> list[Lease]:
    """Return the leases of claimed messages. Whose content is damaged is ended instead."""
    rows = {row[0]: row for row in await connection.fetch(TAKEN, order)}
    found = {seq: lease_of_row(tuple(rows[seq]), owner, state) for seq in order if seq in rows}
    if damaged := [seq for seq, lease in found.items() if lease is None]:
        async with connection.transaction():
            now, standing = await standings(connection, damaged)
            moved = [(seq, moves.unreadable(it, now)) for seq, it in standing.items()]
            await write(connection, Written(moved))
    return [lease for lease in found.values() if lease is not None]
