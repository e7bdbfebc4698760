"""Writing down what `store.moves` decided: sweeps, clients' actions, and forgetting what is over.

Each reads how messages stand, locked, with the time; decides; and writes all of it in a few
statements. Several nodes sweep and purge at once: each skips what another has locked.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ...domain.message import Address, MessageId
from ...domain.status import RecipientStatus
from .. import moves
from ..micros import instant, micros, micros_of, optional_micros
from ..moves import Move, Standing
from ..port import ActionResult, Done, Swept
from ..rows import STANDING, Columns, attempt_columns, event_columns, standing_of
from . import attempts, events
from .hosts import Connection
from .sql import NOW, columns, unnest
from .suppressions import forget_expired

_FORGET_OWNERS_AFTER = timedelta(days=1)  #: an owner that is not listed is dead since ever

_STANDINGS = f"""
    SELECT {NOW}, {STANDING} FROM messages AS m WHERE m.seq = ANY($1::bigint[])
    ORDER BY m.id FOR UPDATE
"""
_STATUSES = """
    SELECT r.seq, r.address, r.status FROM recipients AS r WHERE r.seq = ANY($1::bigint[])
    ORDER BY r.seq, r.position
"""


async def standings(
    connection: Connection, seqs: Sequence[int]
) -> tuple[datetime, dict[int, Standing]]:
    """Return the time, and how these messages stand; they are locked until the commit."""
    rows = await connection.fetch(_STANDINGS, seqs)
    statuses: dict[int, dict[Address, RecipientStatus]] = defaultdict(dict)
    for seq, address, status in await connection.fetch(_STATUSES, seqs):
        statuses[seq][Address(address)] = RecipientStatus(status)
    now = instant(rows[0][0]) if rows else instant(0)
    return now, {row[1]: standing_of(tuple(row)[1:], statuses[row[1]]) for row in rows}


@dataclass(frozen=True, slots=True)
class Written:
    """Moves of messages, by their number; all of one transaction."""

    moves: Sequence[tuple[int, Move]]


_OF_MOVE = (
    "seq, state, is_final, held, due_at, give_up_at, ready_at, fence_up, keeps_owner, retries, "
    "attempts"
)
_MOVE = f"""
    UPDATE messages AS m
    SET state = v.state, held = v.held, due_at = v.due_at, give_up_at = v.give_up_at,
        updated_at = {NOW}, finished_at = CASE WHEN v.is_final THEN {NOW} END,
        ready_at = coalesce(v.ready_at, m.ready_at), fence = m.fence + v.fence_up,
        owner = CASE WHEN v.keeps_owner THEN m.owner END,
        retries_made = m.retries_made + v.retries, attempts_made = m.attempts_made + v.attempts,
        begun_provider = NULL, begun_recipients = NULL, begun_at = NULL
    FROM {unnest("b t f f b b b i f i i", _OF_MOVE)}
    WHERE m.seq = v.seq
"""
_MOVE_RECIPIENTS = f"""
    UPDATE recipients AS r SET status = v.status, updated_at = {NOW}
    FROM {unnest("b t t", "seq, address, status")}
    WHERE r.seq = v.seq AND r.address = v.address
"""


async def write(connection: Connection, written: Written) -> None:
    """Write moves with their attempts and events."""
    if not written.moves:
        return
    rows = [
        (
            seq,
            move.state.value,
            move.state.is_final,
            move.held,
            optional_micros(move.due_at),
            micros(move.give_up_at),
            optional_micros(move.ready_at),
            int(move.fence_up),
            move.keeps_owner,
            int(move.counts_as_retry),
            len(move.attempts),
        )
        for seq, move in written.moves
    ]
    await connection.execute(_MOVE, *columns(rows, 11))
    recipients: list[Columns] = [
        (seq, address, status.value)
        for seq, move in written.moves
        for address, status in move.recipients.items()
    ]
    if recipients:
        await connection.execute(_MOVE_RECIPIENTS, *columns(recipients, 3))
    await attempts.insert(
        connection,
        [(seq, *attempt_columns(a)) for seq, move in written.moves for a in move.attempts],
    )
    await events.insert(
        connection, [(seq, event_columns(e)) for seq, move in written.moves for e in move.events]
    )


# ---------------------------------------------------------------- clients' actions


Decide = Callable[[Standing, datetime], Move | None]


async def act(connection: Connection, id_: MessageId, decide: Decide) -> ActionResult:
    """Do what a client asked for, if the state allows it; `decide` is a function of `moves`."""
    async with connection.transaction():
        seq = await connection.fetchval("SELECT seq FROM messages WHERE id = $1", id_)
        now, standing = await standings(connection, [seq] if seq is not None else [])
        it = standing.get(seq)
        if it is None:
            return ActionResult(Done.NOT_FOUND)
        move = decide(it, now)
        if move is None:
            return ActionResult(Done.WRONG_STATE, it.state)
        await write(connection, Written([(seq, move)]))
        return ActionResult(Done.YES, move.state)


# ---------------------------------------------------------------- sweeps

# Do what `store.heartbeat.after_step` says: heartbeats in the future were before a step back.
_FORGIVE = f"""
    UPDATE owners SET beat_at = {NOW}, lease_until = {NOW} + (lease_until - beat_at)
    WHERE beat_at > {NOW}
"""
_ABANDONED = f"""
    SELECT m.seq FROM messages AS m
    WHERE m.state = '{{state}}' AND NOT EXISTS (
        SELECT 1 FROM owners AS o WHERE o.owner = m.owner AND o.lease_until {{lives}} {NOW} - $1)
    LIMIT $2 FOR UPDATE OF m SKIP LOCKED
"""
ABANDONED_LEASED = _ABANDONED.format(state="leased", lives=">")
ABANDONED_SENDING = _ABANDONED.format(state="sending", lives=">=")
TOO_OLD = f"""
    SELECT seq FROM messages WHERE state = 'queued' AND give_up_at < {NOW}
    ORDER BY give_up_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""


async def sweep(connection: Connection, grace: timedelta, limit: int) -> Swept:
    """Move what dead owners left and what is too old, at most `limit` of each kind."""
    async with connection.transaction():
        if await connection.fetchval(f"SELECT EXISTS (SELECT 1 FROM owners WHERE beat_at > {NOW})"):
            await connection.execute(_FORGIVE)
        leased = _seqs(await connection.fetch(ABANDONED_LEASED, 0, limit))
        sending = _seqs(await connection.fetch(ABANDONED_SENDING, micros_of(grace), limit))
        too_old = _seqs(await connection.fetch(TOO_OLD, limit))
        chosen = [*leased, *sending, *too_old]
        if not chosen:
            return Swept()
        now, standing = await standings(connection, chosen)
        moved = {
            seq: decide(standing[seq], now)
            for seqs, decide in (
                (leased, moves.requeued), (sending, moves.abandoned), (too_old, moves.expired),
            )
            for seq in seqs
        }  # fmt: skip
        await write(connection, Written(list(moved.items())))
    ids = {seq: it.id for seq, it in standing.items()}
    return Swept(
        requeued=tuple(ids[seq] for seq in leased),
        unknown=tuple(ids[seq] for seq in sending),
        expired=tuple(ids[seq] for seq in too_old),
    )


def _seqs(rows: Sequence[Sequence[int]]) -> list[int]:
    return [row[0] for row in rows]


# ---------------------------------------------------------------- housekeeping

OVER = """
    SELECT seq FROM messages WHERE finished_at IS NOT NULL AND finished_at < $1
    ORDER BY finished_at, seq LIMIT $2 FOR UPDATE SKIP LOCKED
"""
_OF_A_MESSAGE = ("tags", "contents", "searches", "recipients", "attempts", "events", "messages")
_EXPIRED_KEYS = f"""
    DELETE FROM used_keys WHERE (key_id, key) IN (
        SELECT key_id, key FROM used_keys WHERE expires_at <= {NOW}
        ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
"""


async def purge(connection: Connection, before: int, limit: int) -> int:
    """Delete what is over; forget keys, suppressions and owners whose time is over.

    Returns how many messages were deleted.
    """
    async with connection.transaction():
        seqs = _seqs(await connection.fetch(OVER, before, limit))
        if seqs:
            for table in _OF_A_MESSAGE:
                await connection.execute(f"DELETE FROM {table} WHERE seq = ANY($1::bigint[])", seqs)
        await connection.execute(_EXPIRED_KEYS, _KEYS_AT_ONCE)
        await forget_expired(connection)
        await connection.execute(
            f"DELETE FROM owners WHERE lease_until < {NOW} - $1::bigint",
            micros_of(_FORGET_OWNERS_AFTER),
        )
        await connection.execute(
            f"DELETE FROM checks WHERE at < {NOW} - $1::bigint", micros_of(_FORGET_OWNERS_AFTER)
        )
    return len(seqs)


_KEYS_AT_ONCE = 5000
