"""Calls of providers' webhooks, and the events in them, in the store.

Neighbours: `hearing` says what an event changes; here each is looked up, judged and written, in
the order in which they came, so that one about a message sees what the one before it taught.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import msgspec

from ..domain.feedback import Feedback
from ..domain.suppression import Suppression
from .hearing import (
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
from .micros import instant, micros, micros_of, optional_micros
from .port import Fate, HookCall, Learnt, ReadHook, StoredHook
from .rows import INSERT_EVENTS, Columns, event_columns, json_text, storable
from .sqlite_moves import standing_at
from .sqlite_suppressions import Additions, add
from .sqlite_values import insert_rows, select_rows, update_rows

_encode = msgspec.json.Encoder().encode
_decode_feedback = msgspec.json.Decoder(Feedback).decode

# ---------------------------------------------------------------- calls


@dataclass(frozen=True, slots=True)
class Arrival:
    """A call, and when it came, in microseconds."""

    call: HookCall
    now: int


def keep(connection: sqlite3.Connection, requests: Sequence[Arrival]) -> list[bool]:
    """Keep calls, each once. False: it came before."""
    statement = (
        "INSERT INTO hooks (provider, key, received_at, state, body) "
        "VALUES (?, ?, ?, 'stored', ?) ON CONFLICT DO NOTHING"
    )
    return [
        connection.execute(
            statement, (it.call.provider, it.call.key, it.now, it.call.body)
        ).rowcount
        == 1
        for it in requests
    ]


WAITING = """
    SELECT n, provider, key, received_at, body FROM hooks INDEXED BY hooks_stored
    WHERE state = 'stored' ORDER BY n LIMIT ?
"""


def waiting(connection: sqlite3.Connection, limit: int) -> list[StoredHook]:
    """Return calls that nobody has read yet; not more than fit into memory."""
    found: list[StoredHook] = []
    octets = 0
    for n, provider, key, received_at, body in connection.execute(WAITING, (limit,)):
        octets += len(body)
        if found and octets > MOST_OCTETS:
            break
        call = HookCall(provider=provider, key=key, body=body)
        found.append(StoredHook(number=n, call=call, received_at=instant(received_at)))
    return found


# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was read, and when that is."""

    read: Sequence[ReadHook]
    now: datetime


@dataclass(frozen=True, slots=True)
class Search:
    """How many events to look for messages of, and when that is."""

    limit: int
    now: datetime


_DONE = """
    UPDATE hooks SET state = v.column2, body = iif(v.column2 = 'processed', x'', body)
    FROM {v} AS v WHERE hooks.n = v.column1
"""
_STILL_STORED = """
    SELECT h.n FROM {v} AS v CROSS JOIN hooks AS h ON h.n = v.column1 WHERE h.state = 'stored'
"""


def learn(connection: sqlite3.Connection, lesson: Lesson) -> list[Learnt]:
    """See `port.Store.learn`."""
    numbers = [(read.hook.number,) for read in lesson.read]
    stored = {n for (n,) in select_rows(connection, _STILL_STORED, numbers)}
    read = [each for each in lesson.read if each.hook.number in stored]
    told = [(each.hook.call.provider, feedback) for each in read for feedback in each.feedback]
    learnt = _all_learnt(connection, told, lesson.now)
    done = [
        (each.hook.number, "processed" if each.readable else "unreadable")
        for each in read
        if not each.goes_on
    ]
    update_rows(connection, _DONE, done)
    return learnt


def _all_learnt(
    connection: sqlite3.Connection, told: Sequence[tuple[str, Feedback]], now: datetime
) -> list[Learnt]:
    owners = _Owners(connection, told)
    sitting = _Sitting(connection, now)
    learnt = []
    for provider, feedback in told:
        if not sitting.is_new(provider, feedback):
            learnt.append(Learnt(provider=provider, feedback=feedback, fate=Fate.KNOWN))
            continue
        seq = owners.row_of(provider, feedback)
        if seq is not None:
            learnt.append(sitting.attach(seq, provider, feedback))
        elif may_become_known(feedback):
            sitting.let_wait(provider, feedback)
            learnt.append(Learnt(provider=provider, feedback=feedback, fate=Fate.WAITING))
        else:
            learnt.append(sitting.refuse(provider, feedback))
    sitting.close()
    return learnt


# ---------------------------------------------------------------- whose they are

BY_OUR_ID = "SELECT m.id, m.seq FROM {v} AS v CROSS JOIN messages AS m ON m.id = v.column1"
BY_PROVIDERS_ID = """
    SELECT a.provider, a.provider_message_id, a.seq
    FROM {v} AS v CROSS JOIN attempts AS a ON a.provider_message_id = v.column1
"""


class _Owners:
    """Which message each event of a batch is about, looked up at once."""

    def __init__(
        self, connection: sqlite3.Connection, told: Sequence[tuple[str, Feedback]]
    ) -> None:
        ours = {(storable(it.message_id),) for _, it in told if it.message_id is not None}
        self._ours: dict[str, int] = dict(select_rows(connection, BY_OUR_ID, sorted(ours)))
        theirs = {
            (storable(it.provider_message_id),)
            for _, it in told
            if it.provider_message_id is not None and it.message_id not in self._ours
        }
        self._theirs: dict[tuple[str, str], int] = {
            (provider, id_): seq
            for provider, id_, seq in select_rows(connection, BY_PROVIDERS_ID, sorted(theirs))
        }

    def row_of(self, provider: str, feedback: Feedback) -> int | None:
        """Return the message's number; None when there is none."""
        if feedback.message_id is not None and feedback.message_id in self._ours:
            return self._ours[feedback.message_id]
        return self._theirs.get((provider, feedback.provider_message_id or ""))


# ---------------------------------------------------------------- writing


class _Sitting:
    """Events that are heard in one transaction; `close` writes what goes together."""

    def __init__(self, connection: sqlite3.Connection, now: datetime) -> None:
        self._connection = connection
        self._now = now
        self._events: list[Columns] = []
        self._suppressions: list[Suppression] = []

    def close(self) -> None:
        insert_rows(self._connection, INSERT_EVENTS, self._events)
        if self._suppressions:
            add(self._connection, Additions(self._suppressions, micros(self._now)))

    def is_new(self, provider: str, feedback: Feedback) -> bool:
        row = (mark_of(provider, feedback), micros(self._now))
        statement = "INSERT INTO told (mark, at) VALUES (?, ?) ON CONFLICT DO NOTHING"
        return self._connection.execute(statement, row).rowcount == 1

    def let_wait(self, provider: str, feedback: Feedback) -> None:
        now = self._now
        body = _encode(replace(feedback, detail=storable(feedback.detail)))
        self._connection.execute(
            "INSERT INTO unattached (provider, heard_at, due_at, feedback) VALUES (?, ?, ?, ?)",
            (provider, micros(now), micros(look_again(now, now)), body),
        )

    def refuse(self, provider: str, feedback: Feedback) -> Learnt:
        found = suppressions_of_stranger(provider, feedback, self._now)
        self._suppressions += found
        return Learnt(
            provider=provider,
            feedback=feedback,
            fate=Fate.STRANGE,
            suppressed=tuple(it.address for it in found),
        )

    def attach(self, seq: int, provider: str, feedback: Feedback) -> Learnt:
        standing = standing_at(self._connection, seq)
        hearing = heard(standing, provider, feedback, self._now)
        self._write_recipients(seq, hearing, provider)
        self._write_message(seq, hearing, provider, feedback.provider_message_id)
        self._events += [(seq, *event_columns(event)) for event in hearing.events]
        self._suppressions += hearing.suppressions
        return Learnt(
            provider=provider,
            feedback=feedback,
            fate=Fate.ATTACHED,
            message_id=standing.id,
            state=hearing.state,
            suppressed=tuple(it.address for it in hearing.suppressions),
        )

    def _write_recipients(self, seq: int, hearing: Hearing, provider: str) -> None:
        at = micros(self._now)
        for address, it in hearing.recipients.items():
            self._connection.execute(
                "UPDATE recipients SET status = ?, provider = ?, code = ?, enhanced_code = ?, "
                "detail = ?, updated_at = ?, taken_by = coalesce(taken_by, ?), "
                "taken_at = coalesce(taken_at, ?) WHERE seq = ? AND address = ?",
                (
                    it.status.value,
                    it.provider,
                    it.code,
                    it.enhanced_code,
                    storable(it.detail),
                    at,
                    provider,  # all that feedback proves is that it was taken, or more
                    at,
                    seq,
                    address,
                ),
            )

    def _write_message(
        self, seq: int, hearing: Hearing, provider: str, provider_message_id: str | None
    ) -> None:
        at = micros(self._now)
        if hearing.state is not None:
            self._connection.execute(
                "UPDATE messages SET state = ?, due_at = ?, finished_at = ?, owner = NULL, "
                "updated_at = ?, provider = coalesce(provider, ?), "
                "provider_message_id = coalesce(provider_message_id, ?) WHERE seq = ?",
                (
                    hearing.state.value,
                    optional_micros(hearing.due_at),
                    at if hearing.state.is_final else None,
                    at,
                    provider,
                    provider_message_id,
                    seq,
                ),
            )
        elif hearing.recipients:
            self._connection.execute("UPDATE messages SET updated_at = ? WHERE seq = ?", (at, seq))


# ---------------------------------------------------------------- what waits for its message

DUE = """
    SELECT n, provider, heard_at, feedback FROM unattached INDEXED BY unattached_due
    WHERE due_at <= ? ORDER BY due_at LIMIT ?
"""


def attach_waiting(connection: sqlite3.Connection, search: Search) -> list[Learnt]:
    """See `port.Store.attach_waiting`."""
    now = search.now
    waits = [
        (n, provider, instant(heard_at), _decode_feedback(feedback))
        for n, provider, heard_at, feedback in connection.execute(
            DUE, (micros(now), search.limit)
        ).fetchall()
    ]
    owners = _Owners(connection, [(provider, it) for _, provider, _, it in waits])
    sitting = _Sitting(connection, now)
    learnt = []
    gone: list[int] = []
    for n, provider, heard_at, feedback in waits:
        seq = owners.row_of(provider, feedback)
        if seq is not None:
            learnt.append(sitting.attach(seq, provider, feedback))
        elif now - heard_at >= KEEP_WAITING:
            learnt.append(sitting.refuse(provider, feedback))
        else:
            later = micros(look_again(heard_at, now))
            connection.execute("UPDATE unattached SET due_at = ? WHERE n = ?", (later, n))
            continue
        gone.append(n)
    sitting.close()
    connection.execute(
        "DELETE FROM unattached WHERE n IN (SELECT value FROM json_each(?))", (json_text(gone),)
    )
    return learnt


# ---------------------------------------------------------------- housekeeping

OLD_MARKS = """
    DELETE FROM told WHERE n IN (
        SELECT n FROM (SELECT n, at FROM told ORDER BY n LIMIT ?2) WHERE at < ?1)
"""
OLD_CALLS = """
    DELETE FROM hooks WHERE n IN (
        SELECT n FROM (SELECT n, received_at, state FROM hooks ORDER BY n LIMIT ?2)
        WHERE received_at < ?1 AND state <> 'stored')
"""


def forget(connection: sqlite3.Connection, now: int) -> None:
    """Forget what was told long ago. Both tables grow at one end and are cut at the other.

    A call that nobody could read yet, however long ago it came, stays.
    """
    before = now - micros_of(REMEMBER)
    connection.execute(OLD_MARKS, (before, FORGET_AT_ONCE))
    connection.execute(OLD_CALLS, (before, FORGET_AT_ONCE))
