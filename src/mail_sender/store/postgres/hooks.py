"""Calls of providers' webhooks, and the events in them, in the store.

Neighbours: `store.hearing` says what an event changes. Here the messages of a batch of events are
looked up and locked at once; each event is heard in the order in which it came, so that one about
a message sees what the one before it taught; and what they changed is written at the end.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from ...domain.feedback import Feedback
from ...domain.message import Address
from ...domain.status import State
from ...domain.suppression import Suppression
from ..hearing import (
    FORGET_AT_ONCE,
    KEEP_WAITING,
    MOST_OCTETS,
    REMEMBER,
    Hearing,
    heard,
    look_again,
    mark_of,
    may_become_known,
    suppressions_of_stranger,
)
from ..micros import instant, micros, micros_of, optional_micros
from ..moves import Standing
from ..port import Fate, HookCall, Learnt, ReadHook, RecipientChange, StoredHook
from ..rows import Columns, event_columns
from . import events
from .hosts import Connection
from .moves import standings
from .sql import NOW, columns, optional_text, text, unnest
from .suppressions import add_within

_encode = msgspec.json.Encoder().encode
_decode_feedback = msgspec.json.Decoder(Feedback).decode

# ---------------------------------------------------------------- calls

_KEEP = f"""
    INSERT INTO hooks (provider, key, received_at, state, body)
    SELECT v.provider, v.key, {NOW}, 'stored', v.body
    FROM {unnest("t t y", "provider, key, body")}
    ON CONFLICT DO NOTHING RETURNING provider, key
"""


async def keep(connection: Connection, requests: Sequence[HookCall]) -> list[bool]:
    """Keep calls, each once. False: it came before."""
    rows = [(it.provider, text(it.key), it.body) for it in requests]
    new = {tuple(row) for row in await connection.fetch(_KEEP, *columns(sorted(rows), 3))}
    answers = []
    for provider, key, _ in rows:
        answers.append((provider, key) in new)
        new.discard((provider, key))
    return answers


WAITING = """
    SELECT n, provider, key, received_at, body FROM (
        SELECT n, provider, key, received_at, body,
            sum(octet_length(body)) OVER (ORDER BY n) - octet_length(body) AS before
        FROM hooks WHERE state = 'stored' ORDER BY n LIMIT $1
    ) AS first_ones WHERE before <= $2 ORDER BY n
"""


async def waiting(connection: Connection, limit: int) -> list[StoredHook]:
    """Return calls that nobody has read yet; not more than fit into memory."""
    return [
        StoredHook(
            number=n,
            call=HookCall(provider=provider, key=key, body=body),
            received_at=instant(received_at),
        )
        for n, provider, key, received_at, body in await connection.fetch(
            WAITING, limit, MOST_OCTETS
        )
    ]


# ---------------------------------------------------------------- learning

# Locked, so that of two nodes that read the same call one learns it.
_STILL_STORED = """
    SELECT n FROM hooks WHERE n = ANY($1::bigint[]) AND state = 'stored' ORDER BY n FOR UPDATE
"""
_DONE = f"""
    UPDATE hooks AS h SET state = v.state,
        body = CASE v.state WHEN 'processed' THEN ''::bytea ELSE h.body END
    FROM {unnest("b t", "n, state")} WHERE h.n = v.n
"""
_NEW = f"""
    INSERT INTO told (mark, at) SELECT v.mark, {NOW} FROM {unnest("y", "mark")} ORDER BY v.mark
    ON CONFLICT DO NOTHING RETURNING mark
"""
_WAIT = f"""
    INSERT INTO unattached (provider, heard_at, due_at, feedback)
    SELECT v.provider, {NOW}, v.due_at, v.feedback
    FROM {unnest("t b y", "provider, due_at, feedback")}
"""


async def learn(connection: Connection, read: Sequence[ReadHook]) -> list[Learnt]:
    """See `port.Store.learn`."""
    async with connection.transaction():
        numbers = [each.hook.number for each in read]
        stored = {row[0] for row in await connection.fetch(_STILL_STORED, numbers)}
        read = [each for each in read if each.hook.number in stored]
        told = [(each.hook.call.provider, feedback) for each in read for feedback in each.feedback]
        learnt = await _all_learnt(connection, told)
        done = [
            (each.hook.number, "processed" if each.readable else "unreadable")
            for each in read
            if not each.goes_on
        ]
        await connection.execute(_DONE, *columns(done, 2))
    return learnt


async def _all_learnt(connection: Connection, told: Sequence[tuple[str, Feedback]]) -> list[Learnt]:
    marks = [mark_of(provider, feedback) for provider, feedback in told]
    new = {row[0] for row in await connection.fetch(_NEW, sorted(set(marks)))}
    owners = await _owners(connection, told)
    sitting = await _sitting(connection, owners)
    learnt = []
    waits: list[Columns] = []
    for mark, seq, (provider, feedback) in zip(marks, owners, told, strict=True):
        if mark not in new:
            learnt.append(Learnt(provider=provider, feedback=feedback, fate=Fate.KNOWN))
        elif seq is not None:
            learnt.append(sitting.attach(seq, provider, feedback))
        elif may_become_known(feedback):
            due_at = micros(look_again(sitting.now, sitting.now))
            waits.append(
                (provider, due_at, _encode(replace(feedback, detail=text(feedback.detail))))
            )
            learnt.append(Learnt(provider=provider, feedback=feedback, fate=Fate.WAITING))
        else:
            learnt.append(sitting.refuse(provider, feedback))
        new.discard(mark)
    if waits:
        await connection.execute(_WAIT, *columns(waits, 3))
    await _write(connection, sitting)
    return learnt


# ---------------------------------------------------------------- whose they are

BY_OUR_ID = "SELECT m.id, m.seq FROM messages AS m WHERE m.id = ANY($1::text[])"
BY_PROVIDERS_ID = """
    SELECT a.provider, a.provider_message_id, a.seq FROM attempts AS a
    WHERE a.provider_message_id = ANY($1::text[])
"""


async def _owners(connection: Connection, told: Sequence[tuple[str, Feedback]]) -> list[int | None]:
    """Return the number of the message that each event is about; None when there is none."""
    ours = {text(it.message_id) for _, it in told if it.message_id is not None}
    found = dict(map(tuple, await connection.fetch(BY_OUR_ID, sorted(ours)))) if ours else {}
    theirs = {
        text(it.provider_message_id)
        for _, it in told
        if it.provider_message_id is not None and it.message_id not in found
    }
    taken: dict[tuple[str, str], int] = {}
    if theirs:
        rows = await connection.fetch(BY_PROVIDERS_ID, sorted(theirs))
        taken = {(provider, id_): seq for provider, id_, seq in rows}
    return [
        found.get(it.message_id) or taken.get((provider, it.provider_message_id or ""))
        for provider, it in told
    ]


# ---------------------------------------------------------------- hearing


@dataclass(slots=True)
class _Sitting:
    """What is heard in one transaction. `standings` go along with what each event taught."""

    now: datetime
    standings: dict[int, Standing]
    recipients: dict[tuple[int, Address], tuple[RecipientChange, str]] = field(
        default_factory=dict
    )  #: what is known at the end, and who told first that it was taken
    states: dict[int, tuple[Hearing, str, str | None]] = field(default_factory=dict)
    events: list[tuple[int | None, Columns]] = field(default_factory=list)
    suppressions: list[Suppression] = field(default_factory=list)

    def attach(self, seq: int, provider: str, feedback: Feedback) -> Learnt:
        standing = self.standings[seq]
        hearing = heard(standing, provider, feedback, self.now)
        for address, change in hearing.recipients.items():
            _, taken_by = self.recipients.get((seq, address), (change, provider))
            self.recipients[seq, address] = change, taken_by
        if hearing.state is not None:
            _, first, id_ = self.states.get(seq, (hearing, provider, None))
            self.states[seq] = hearing, first, id_ or feedback.provider_message_id
        self.standings[seq] = replace(
            standing,
            recipients={
                **standing.recipients,
                **{address: it.status for address, it in hearing.recipients.items()},
            },
            state=hearing.state or standing.state,
            due_at=hearing.due_at if hearing.state is not None else standing.due_at,
        )
        self.events += [(seq, event_columns(event)) for event in hearing.events]
        self.suppressions += hearing.suppressions
        return Learnt(
            provider=provider,
            feedback=feedback,
            fate=Fate.ATTACHED,
            message_id=standing.id,
            state=hearing.state,
            suppressed=tuple(it.address for it in hearing.suppressions),
        )

    def refuse(self, provider: str, feedback: Feedback) -> Learnt:
        found = suppressions_of_stranger(provider, feedback, self.now)
        self.suppressions += found
        return Learnt(
            provider=provider,
            feedback=feedback,
            fate=Fate.STRANGE,
            suppressed=tuple(it.address for it in found),
        )


async def _sitting(connection: Connection, owners: Iterable[int | None]) -> _Sitting:
    seqs = sorted({seq for seq in owners if seq is not None})
    now = instant(await connection.fetchval(f"SELECT {NOW}"))
    _, standing = await standings(connection, seqs)
    return _Sitting(now, standing)


_OF_RECIPIENT = "seq, address, status, provider, code, enhanced_code, detail, taken_by"
_RECIPIENTS = f"""
    UPDATE recipients AS r
    SET status = v.status, provider = v.provider, code = v.code,
        enhanced_code = v.enhanced_code, detail = v.detail, updated_at = {NOW},
        taken_by = coalesce(r.taken_by, v.taken_by), taken_at = coalesce(r.taken_at, {NOW})
    FROM {unnest("b t t t i t t t", _OF_RECIPIENT)}
    WHERE r.seq = v.seq AND r.address = v.address
"""
_STATES = f"""
    UPDATE messages AS m
    SET state = v.state, due_at = v.due_at, finished_at = CASE WHEN v.is_final THEN {NOW} END,
        owner = NULL, provider = coalesce(m.provider, v.provider),
        provider_message_id = coalesce(m.provider_message_id, v.provider_message_id),
        updated_at = {NOW}
    FROM {unnest("b t f b t t", "seq, state, is_final, due_at, provider, provider_message_id")}
    WHERE m.seq = v.seq
"""
_UPDATED = f"UPDATE messages SET updated_at = {NOW} WHERE seq = ANY($1::bigint[])"


async def _write(connection: Connection, sitting: _Sitting) -> None:
    recipients = [
        (
            seq,
            address,
            it.status.value,
            it.provider,
            it.code,
            optional_text(it.enhanced_code),
            text(it.detail),
            taken_by,
        )
        for (seq, address), (it, taken_by) in sitting.recipients.items()
    ]
    if recipients:
        await connection.execute(_RECIPIENTS, *columns(recipients, 8))
        await connection.execute(_UPDATED, sorted({seq for seq, _ in sitting.recipients}))
    states = [
        (seq, state.value, state.is_final, due_at, provider, optional_text(id_))
        for seq, (hearing, provider, id_) in sitting.states.items()
        for state, due_at in [_state_of(hearing)]
    ]
    if states:
        await connection.execute(_STATES, *columns(states, 6))
    await events.insert(connection, sitting.events)
    if sitting.suppressions:
        await add_within(connection, sitting.suppressions)


def _state_of(hearing: Hearing) -> tuple[State, int | None]:
    if hearing.state is None:
        raise AssertionError("only hearings with a state are kept")
    return hearing.state, optional_micros(hearing.due_at)


# ---------------------------------------------------------------- what waits for its message

DUE = f"""
    SELECT n, provider, heard_at, feedback FROM unattached WHERE due_at <= {NOW}
    ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
_LATER = f"""
    UPDATE unattached AS u SET due_at = v.due_at FROM {unnest("b b", "n, due_at")} WHERE u.n = v.n
"""


async def attach_waiting(connection: Connection, limit: int) -> list[Learnt]:
    """See `port.Store.attach_waiting`. Two nodes look at different ones."""
    async with connection.transaction():
        waits = [
            (n, provider, instant(heard_at), _decode_feedback(feedback))
            for n, provider, heard_at, feedback in await connection.fetch(DUE, limit)
        ]
        if not waits:
            return []
        owners = await _owners(connection, [(provider, it) for _, provider, _, it in waits])
        sitting = await _sitting(connection, owners)
        learnt: list[Learnt] = []
        later: list[Columns] = []
        for seq, (n, provider, heard_at, feedback) in zip(owners, waits, strict=True):
            if seq is not None:
                learnt.append(sitting.attach(seq, provider, feedback))
            elif sitting.now - heard_at >= KEEP_WAITING:
                learnt.append(sitting.refuse(provider, feedback))
            else:
                later.append((n, micros(look_again(heard_at, sitting.now))))
        await _write(connection, sitting)
        await connection.execute(_LATER, *columns(later, 2))
        gone = sorted({n for n, *_ in waits} - {n for n, _ in later})
        await connection.execute("DELETE FROM unattached WHERE n = ANY($1::bigint[])", gone)
    return learnt


# ---------------------------------------------------------------- housekeeping

_OLD_MARKS = f"""
    DELETE FROM told WHERE n IN (
        SELECT n FROM (SELECT n, at FROM told ORDER BY n LIMIT $2) AS oldest
        WHERE at < {NOW} - $1::bigint)
"""
_OLD_CALLS = f"""
    DELETE FROM hooks WHERE n IN (
        SELECT n FROM (SELECT n, received_at, state FROM hooks ORDER BY n LIMIT $2) AS oldest
        WHERE received_at < {NOW} - $1::bigint AND state <> 'stored')
"""


async def forget(connection: Connection) -> None:
    """Forget what was told long ago. Both tables grow at one end and are cut at the other.

    A call that nobody could read yet, however long ago it came, stays.
    """
    for statement in (_OLD_MARKS, _OLD_CALLS):
        await connection.execute(statement, micros_of(REMEMBER), FORGET_AT_ONCE)
