"""How workers get their messages: heartbeats and claims.

Neighbours: `sqlite_record` has what they write then; `sqlite_moves` does the sweeps.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from ..domain.status import State
from . import moves
from .leases import MOST_OCTETS, lease_of_row
from .micros import micros, optional_micros
from .moves import SETTLE_PAUSE
from .port import Lease
from .rows import LANE, MESSAGE, Columns, json_text
from .sqlite_moves import forgive_step_of_clock, standing_at, write_move

_decode = msgspec.json.Decoder().decode

# ---------------------------------------------------------------- owners


@dataclass(frozen=True, slots=True)
class Beat:
    """A heartbeat, in microseconds."""

    owner: str
    now: int
    lease: int


def heartbeat(connection: sqlite3.Connection, beat: Beat) -> None:
    """Extend an owner's life; see `heartbeat` for a clock that was set back."""
    forgive_step_of_clock(connection, beat.now, beat.owner)
    connection.execute(
        "INSERT INTO owners (owner, beat_at, lease_until) VALUES (?1, ?2, ?2 + ?3) "
        "ON CONFLICT DO UPDATE SET beat_at = ?2, lease_until = max(lease_until, ?2 + ?3)",
        (beat.owner, beat.now, beat.lease),
    )


def expire_others(connection: sqlite3.Connection, owner: str) -> None:
    """An owner that is not listed is dead since ever."""
    connection.execute("DELETE FROM owners WHERE owner <> ?", (owner,))


# ---------------------------------------------------------------- claims


@dataclass(frozen=True, slots=True)
class Claim:
    """Who wants how many, and when that is."""

    owner: str
    limit: int
    now: datetime


CLAIMABLE = """
    SELECT json_group_array(json_array(seq, size)) FROM (
        SELECT seq, size FROM messages INDEXED BY messages_due
        WHERE state = 'queued' AND held = 0 AND lane = ?1 AND due_at <= ?2 AND give_up_at >= ?2
        ORDER BY due_at, seq LIMIT ?3
    )
"""
CLAIMABLE_UNKNOWN = """
    SELECT json_group_array(json_array(seq, size)) FROM (
        SELECT seq, size FROM messages INDEXED BY messages_unknown
        WHERE state = 'unknown' AND due_at <= ?1 ORDER BY due_at, seq LIMIT ?2
    )
"""
_TAKE = """
    UPDATE messages AS m
    SET state = ?2, due_at = ?3, owner = ?4, updated_at = ?5, fence = fence + 1
    WHERE seq IN (SELECT value FROM json_each(?1))
"""
TAKEN = f"""
    SELECT m.seq, {MESSAGE}, m.fence, m.retries_made, c.content,
        (SELECT json_group_array(json_array(address, status)) FROM
            (SELECT address, status FROM recipients AS r WHERE r.seq = m.seq ORDER BY position)),
        CASE WHEN m.attempts_made > 0 THEN
            (SELECT json_group_array(json_array(number, provider, outcome, detail, started_at)) FROM
                (SELECT * FROM attempts AS a WHERE a.seq = m.seq ORDER BY n)) END,
        CASE WHEN EXISTS (SELECT 1 FROM suppressions) THEN
            (SELECT json_group_object(r.address, s.reason) FROM recipients AS r
                CROSS JOIN suppressions AS s ON s.mailbox = lower(r.address)
                WHERE r.seq = m.seq AND (s.expires_at IS NULL OR s.expires_at > ?2)) END
    FROM messages AS m LEFT JOIN contents AS c ON c.seq = m.seq
    WHERE m.seq IN (SELECT value FROM json_each(?1))
"""


def claim(connection: sqlite3.Connection, claim: Claim) -> list[Lease]:
    """See `port.Store.claim`. Fewer may come when their content is large."""
    chosen: list[tuple[int, int]] = []
    for lane in LANE.values():
        left = claim.limit - len(chosen)
        if left <= 0:
            break
        chosen += _pairs(connection, CLAIMABLE, (lane, micros(claim.now), left))
    return _take(connection, claim, chosen, State.LEASED, None)


def claim_unknown(connection: sqlite3.Connection, claim: Claim) -> list[Lease]:
    """See `port.Store.claim_unknown`."""
    chosen = _pairs(connection, CLAIMABLE_UNKNOWN, (micros(claim.now), claim.limit))
    return _take(connection, claim, chosen, State.UNKNOWN, claim.now + SETTLE_PAUSE)


def _pairs(connection: sqlite3.Connection, query: str, values: Columns) -> list[tuple[int, int]]:
    (pairs,) = connection.execute(query, values).fetchone()
    return [(seq, size) for seq, size in _decode(pairs)]


def _take(
    connection: sqlite3.Connection,
    claim: Claim,
    chosen: Sequence[tuple[int, int]],
    state: State,
    due_at: datetime | None,
) -> list[Lease]:
    order = _that_fit(chosen)
    if not order:
        return []
    seqs = json_text(order)
    connection.execute(
        _TAKE, (seqs, state.value, optional_micros(due_at), claim.owner, micros(claim.now))
    )
    rows = {row[0]: row for row in connection.execute(TAKEN, (seqs, micros(claim.now)))}
    leases = [lease_of_row(rows[seq], claim.owner, state) for seq in order]
    for seq, lease in zip(order, leases, strict=True):
        if lease is None:
            standing = standing_at(connection, seq)
            write_move(connection, seq, moves.unreadable(standing, claim.now), claim.now)
    return [lease for lease in leases if lease is not None]


def _that_fit(chosen: Sequence[tuple[int, int]]) -> list[int]:
    """At least one, and as many as may be held in memory at once."""
    fit: list[int] = []
    octets = 0
    for seq, size in chosen:
        octets += size
        if fit and octets > MOST_OCTETS:
            break
        fit.append(seq)
    return fit
