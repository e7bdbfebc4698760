"""Writing down what `moves` decided: sweeps, clients' actions, and forgetting what is over."""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.message import Address, MessageId
from ..domain.status import RecipientStatus
from . import moves
from .micros import micros, micros_of, optional_micros
from .moves import Move, Standing
from .port import ActionResult, Done, Swept
from .rows import (
    INSERT_ATTEMPTS,
    INSERT_EVENTS,
    STANDING,
    attempt_columns,
    event_columns,
    standing_of,
)
from .sqlite_suppressions import forget_expired
from .sqlite_values import insert_rows

_FORGET_OWNERS_AFTER = timedelta(days=1)  #: an owner that is not listed is dead since ever


def standing_at(connection: sqlite3.Connection, seq: int) -> Standing:
    """Return how the message stands. It must be there."""
    row = connection.execute(
        f"SELECT {STANDING} FROM messages AS m WHERE seq = ?",
        (seq,),
    ).fetchone()
    statuses = connection.execute(
        "SELECT address, status FROM recipients WHERE seq = ? ORDER BY position", (seq,)
    )
    return standing_of(row, {Address(a): RecipientStatus(status) for a, status in statuses})


def write_move(connection: sqlite3.Connection, seq: int, move: Move, now: datetime) -> None:
    """Write a move, its attempts and its events."""
    at = micros(now)
    connection.execute(
        "UPDATE messages SET state = ?, held = ?, due_at = ?, give_up_at = ?, updated_at = ?, "
        "finished_at = ?, ready_at = coalesce(?, ready_at), fence = fence + ?, "
        "owner = CASE WHEN ? THEN owner END, retries_made = retries_made + ?, "
        "attempts_made = attempts_made + ?, "
        "begun_provider = NULL, begun_recipients = NULL, begun_at = NULL WHERE seq = ?",
        (
            move.state.value,
            int(move.held),
            optional_micros(move.due_at),
            micros(move.give_up_at),
            at,
            at if move.state.is_final else None,
            optional_micros(move.ready_at),
            int(move.fence_up),
            int(move.keeps_owner),
            int(move.counts_as_retry),
            len(move.attempts),
            seq,
        ),
    )
    for address, status in move.recipients.items():
        connection.execute(
            "UPDATE recipients SET status = ?, updated_at = ? WHERE seq = ? AND address = ?",
            (status.value, at, seq, address),
        )
    insert_rows(connection, INSERT_ATTEMPTS, [(seq, *attempt_columns(a)) for a in move.attempts])
    insert_rows(connection, INSERT_EVENTS, [(seq, *event_columns(e)) for e in move.events])


# ---------------------------------------------------------------- clients' actions


@dataclass(frozen=True, slots=True)
class Action:
    """What a client asked for: `decide` is a function of `moves`."""

    id: MessageId
    decide: Callable[[Standing], Move | None]
    now: datetime


def act(connection: sqlite3.Connection, action: Action) -> ActionResult:
    """Do what a client asked for, if the state allows it."""
    found = connection.execute("SELECT seq FROM messages WHERE id = ?", (action.id,)).fetchone()
    if found is None:
        return ActionResult(Done.NOT_FOUND)
    standing = standing_at(connection, found[0])
    move = action.decide(standing)
    if move is None:
        return ActionResult(Done.WRONG_STATE, standing.state)
    write_move(connection, found[0], move, action.now)
    return ActionResult(Done.YES, move.state)


# ---------------------------------------------------------------- sweeps


@dataclass(frozen=True, slots=True)
class Sweep:
    """A part of a sweep: at most `limit` messages of each kind."""

    now: datetime
    grace: timedelta
    limit: int


_ABANDONED = """
    SELECT m.seq FROM messages AS m INDEXED BY messages_by_state
    LEFT JOIN owners AS o ON o.owner = m.owner
    WHERE m.state = ?1 AND (o.owner IS NULL OR o.lease_until {ran_out}) LIMIT ?2
"""
ABANDONED_LEASED = _ABANDONED.format(ran_out="<= ?3")
_ABANDONED_SENDING = _ABANDONED.format(ran_out="< ?3")
TOO_OLD = """
    SELECT seq FROM messages INDEXED BY messages_give_up
    WHERE state = 'queued' AND give_up_at < ? ORDER BY give_up_at LIMIT ?
"""


def sweep(connection: sqlite3.Connection, sweep: Sweep) -> Swept:
    """Move what dead owners left and what is too old. See `port.Store.sweep`."""
    now, at = sweep.now, micros(sweep.now)
    forgive_step_of_clock(connection, at)
    ran_out = at - micros_of(sweep.grace)
    leased = _first(connection, ABANDONED_LEASED, ("leased", sweep.limit, at))
    sending = _first(connection, _ABANDONED_SENDING, ("sending", sweep.limit, ran_out))
    requeued = _move_all(connection, leased, moves.requeued, now)
    unknown = _move_all(connection, sending, moves.abandoned, now)
    too_old = _first(connection, TOO_OLD, (at, sweep.limit))
    expired = _move_all(connection, too_old, moves.expired, now)
    return Swept(requeued=requeued, unknown=unknown, expired=expired)


def forgive_step_of_clock(
    connection: sqlite3.Connection, now: int, owner: str | None = None
) -> None:
    """Do what `heartbeat.after_step` says, for one owner or for all."""
    connection.execute(
        "UPDATE owners SET beat_at = ?1, lease_until = ?1 + (lease_until - beat_at) "
        "WHERE beat_at > ?1 AND (?2 IS NULL OR owner = ?2)",
        (now, owner),
    )


def _first(connection: sqlite3.Connection, query: str, values: tuple[object, ...]) -> Sequence[int]:
    return [seq for (seq,) in connection.execute(query, values).fetchall()]


def _move_all(
    connection: sqlite3.Connection,
    seqs: Sequence[int],
    decide: Callable[[Standing, datetime], Move],
    now: datetime,
) -> tuple[MessageId, ...]:
    moved = []
    for seq in seqs:
        standing = standing_at(connection, seq)
        write_move(connection, seq, decide(standing, now), now)
        moved.append(standing.id)
    return tuple(moved)


# ---------------------------------------------------------------- housekeeping


@dataclass(frozen=True, slots=True)
class Purge:
    """Up to `limit` messages that ended before then."""

    before: int
    limit: int
    now: int


OVER = """
    SELECT json_group_array(seq) FROM (
        SELECT seq FROM messages INDEXED BY messages_finished
        WHERE finished_at IS NOT NULL AND finished_at < ? ORDER BY finished_at, seq LIMIT ?)
"""
_THESE = "IN (SELECT value FROM json_each(?))"
_DELETE = (
    # The tags of a message stand in its content's list form; there is no index by message.
    f"""DELETE FROM tags WHERE (tag, seq) IN (
        SELECT tag.value, c.seq FROM contents AS c, json_each(
            CASE WHEN json_valid(c.listed) THEN c.listed ELSE '{{}}' END, '$.tags') AS tag
        WHERE c.seq {_THESE})""",
    f"DELETE FROM contents WHERE seq {_THESE}",
    f"DELETE FROM searches WHERE seq {_THESE}",
    f"DELETE FROM recipients WHERE seq {_THESE}",
    f"DELETE FROM attempts WHERE seq {_THESE}",
    f"DELETE FROM events WHERE seq {_THESE}",
    f"DELETE FROM messages WHERE seq {_THESE}",
)


def purge(connection: sqlite3.Connection, purge: Purge) -> int:
    """Delete what is over; forget keys, suppressions and owners whose time is over.

    Returns how many messages were deleted.
    """
    (seqs,) = connection.execute(OVER, (purge.before, purge.limit)).fetchone()
    deleted = 0
    for statement in _DELETE:
        deleted = connection.execute(statement, (seqs,)).rowcount
    connection.execute("DELETE FROM used_keys WHERE expires_at <= ?", (purge.now,))
    forget_expired(connection, purge.now)
    long_ago = purge.now - micros_of(_FORGET_OWNERS_AFTER)
    connection.execute("DELETE FROM owners WHERE lease_until < ?", (long_ago,))
    return deleted
