"""Accepting: message, content, recipients, key and events of many callers in one commit.

A repeated idempotency key is a write too. A plain look-up would find the first message even when
its commit reached no standby (somebody cancelled the wait), and the answer would be a promise
that the next failover breaks; the write waits for the standbys, and with it for everything
before it.

A commit whose answer was lost is done again under the same ids: what came about is found, what
did not is written. So a broken connection is not a "perhaps" for the client.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import asyncpg
import msgspec

from ...domain.message import Address, KeyId, MessageId
from ...domain.status import RecipientStatus, State
from ...domain.suppression import SuppressionReason
from ..listing import ascii_lower, encode_listed
from ..micros import micros, micros_of
from ..moves import state_at_acceptance
from ..port import Duplicate, NewMessage, Stored
from ..rows import LANE, Columns, attempt_columns, event_columns, json_text
from . import attempts, events
from .hosts import Connection
from .sql import NOW, columns, text, unnest
from .suppressions import suppressed_among


class _ClientKey(msgspec.Struct, frozen=True):
    key_id: KeyId
    key: str
    fingerprint: bytes
    keep_for: int


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """The rows of one message, less the number that only the store can give."""

    id: MessageId
    message: Columns
    state: State
    call: Columns  #: provider and recipients, or None
    content: Columns
    search: Columns
    recipients: Sequence[Columns]
    attempts: Sequence[Columns]
    tags: Sequence[str]
    events: Sequence[Columns]
    key: _ClientKey | None
    at_once: Sequence[Address]  #: whom its owner will hand it over for, without a claim


def arrival(new: NewMessage) -> Arrival:
    """Return the rows of a new message. Runs in the caller's task: its fault is its own."""
    message, content = new.message, new.message.content
    created_at = micros(message.created_at)
    give_up_at = micros(message.give_up_at)
    state = state_at_acceptance(new)
    is_owned = state in {State.LEASED, State.SENDING}
    call = new.call if state is State.SENDING else None
    return Arrival(
        id=message.id,
        state=state,
        message=(
            message.id,
            LANE[content.priority],
            micros(new.due_at) if state is State.QUEUED else None,
            created_at,
            give_up_at,
            micros(content.send_at) if content.send_at else created_at,
            int(is_owned),
            new.owner if is_owned else None,
            message.route,
            message.on_unknown.value,
            message.key_id,
            message.is_test,
            len(new.encoded),
        ),
        call=(call.provider, json_text(call.recipients)) if call else (None, None),
        content=(text(encode_listed(content)), new.encoded),
        search=(
            text(ascii_lower("\n".join(content.recipients))),
            text(ascii_lower(content.sender.address)),
            text(ascii_lower(content.subject)),
        ),
        recipients=[
            (position, address, kind.value, created_at)
            for position, (address, kind) in enumerate(content.kinds.items())
        ],
        attempts=[attempt_columns(attempt) for attempt in new.attempts],
        tags=content.tags,
        events=[event_columns(event) for event in new.events],
        key=_client_key(new),
        at_once=content.recipients if is_owned else (),
    )


def _client_key(new: NewMessage) -> _ClientKey | None:
    claim = new.idempotency
    if claim is None:
        return None
    keep_for = micros_of(claim.keep_for)
    return _ClientKey(new.message.key_id, claim.key, claim.fingerprint, keep_for)


# ---------------------------------------------------------------- the statements

_OF_MESSAGE = (
    "seq, id, lane, due_at, created_at, give_up_at, ready_at, fence, owner, route, on_unknown, "
    "key_id, is_test, size, state, attempts_made, begun_provider, begun_recipients"
)
_MESSAGE_TYPES = "b t i b b b b i t t t t f i t i t t"
_WIDTHS = (18, 3, 4, 5)
_NUMBERS = 1000  #: that the sequence gives at a time

# What is due "now" is due by the database's clock: it must be so at the next claim.
INSERT = f"""
    WITH new_messages AS (
        INSERT INTO messages ({_OF_MESSAGE}, updated_at, span, begun_at)
        SELECT v.seq, v.id, v.lane,
            CASE WHEN v.due_at = v.created_at THEN least(v.due_at, {NOW}) ELSE v.due_at END,
            v.created_at, v.give_up_at, v.ready_at, v.fence, v.owner, v.route, v.on_unknown,
            v.key_id, v.is_test, v.size, v.state, v.attempts_made, v.begun_provider,
            v.begun_recipients, v.created_at, v.give_up_at - v.created_at,
            CASE WHEN v.begun_provider IS NOT NULL THEN {NOW} END
        FROM {unnest(_MESSAGE_TYPES, _OF_MESSAGE)}
    ), new_contents AS (
        INSERT INTO contents (seq, listed, content)
        SELECT * FROM {unnest("b t y", "seq, listed, content", first=19)}
    ), new_searches AS (
        INSERT INTO searches (seq, recipients, sender, subject)
        SELECT * FROM {unnest("b t t t", "seq, recipients, sender, subject", first=22)}
    ), new_recipients AS (
        INSERT INTO recipients (seq, position, address, kind, updated_at, status)
        SELECT v.*, '{RecipientStatus.QUEUED}'
        FROM {unnest("b i t t b", "seq, position, address, kind, updated_at", first=26)}
    )
    {events.insert_statement(first=31)}
"""
_TAGS = f"""
    INSERT INTO tags (tag, seq) SELECT * FROM {unnest("t b", "tag, seq")} ON CONFLICT DO NOTHING
"""
# Sorted, so that two nodes that are given the same keys do not wait for each other in a ring.
# An expired key is as if it were not there.
_KEYS = f"""
    INSERT INTO used_keys AS u (key_id, key, fingerprint, message_id, expires_at)
    SELECT v.key_id, v.key, v.fingerprint, v.message_id, {NOW} + v.keep_for
    FROM {unnest("t t y t b", "key_id, key, fingerprint, message_id, keep_for")}
    ORDER BY v.key_id, v.key
    ON CONFLICT (key_id, key) DO UPDATE SET
        seen = CASE WHEN u.expires_at <= {NOW} THEN 0 ELSE u.seen + 1 END,
        fingerprint = CASE WHEN u.expires_at <= {NOW} THEN excluded.fingerprint
            ELSE u.fingerprint END,
        message_id = CASE WHEN u.expires_at <= {NOW} THEN excluded.message_id
            ELSE u.message_id END,
        expires_at = CASE WHEN u.expires_at <= {NOW} THEN excluded.expires_at
            ELSE u.expires_at END
    RETURNING key_id, key, message_id, fingerprint
"""


class Intake:
    """Accepts batches; keeps the numbers that this process may still give out."""

    def __init__(self) -> None:
        self._numbers: list[int] = []

    async def accept(
        self, connection: Connection, requests: Sequence[Sequence[Arrival]]
    ) -> list[list[Stored | Duplicate]]:
        """Keep the messages of each request, those whose key was used before left out."""
        arrivals = [arrived for request in requests for arrived in request]
        await self._have_numbers(connection, len(arrivals))
        if _is_plain(arrivals):
            await self._insert(connection, arrivals, {})
            return [[Stored(arrived.id) for arrived in request] for request in requests]
        async with connection.transaction():
            used = await _used_keys(connection, arrivals)
            fresh: list[Arrival] = []
            answers = [[_judge(arrived, used, fresh) for arrived in each] for each in requests]
            suppressed = await _suppressed(connection, fresh)
            if fresh:
                await self._insert(connection, fresh, suppressed)
        return [[suppressed.get(answer.id, answer) for answer in each] for each in answers]

    async def accept_again(
        self, connection: Connection, requests: Sequence[Sequence[Arrival]]
    ) -> list[list[Stored | Duplicate]]:
        """Do it again whose commit was not confirmed; what came about is not written twice."""
        there = await _there(connection, requests)
        try:
            return await self._accept_rest(connection, requests, there)
        except asyncpg.UniqueViolationError:
            # The first transaction was still under way, and ended after our look.
            there = await _there(connection, requests)
            return await self._accept_rest(connection, requests, there)

    async def _accept_rest(
        self,
        connection: Connection,
        requests: Sequence[Sequence[Arrival]],
        there: dict[MessageId, Stored],
    ) -> list[list[Stored | Duplicate]]:
        left = [[a for a in request if a.id not in there] for request in requests]
        answers = []
        for request, new in zip(requests, await self.accept(connection, left), strict=True):
            rest = iter(new)
            answers.append([there[a.id] if a.id in there else next(rest) for a in request])
        return answers

    async def _have_numbers(self, connection: Connection, wanted: int) -> None:
        """Before any transaction: numbers of one that is undone must not come again."""
        while len(self._numbers) < wanted:
            first = await connection.fetchval("SELECT nextval('message_numbers')")
            self._numbers += range(first, first + _NUMBERS)

    async def _insert(
        self,
        connection: Connection,
        fresh: Sequence[Arrival],
        suppressed: Mapping[MessageId, Stored],
    ) -> None:
        numbers, self._numbers = self._numbers[: len(fresh)], self._numbers[len(fresh) :]
        numbered = list(zip(numbers, fresh, strict=True))
        tables = (
            [(seq, *a.message, *_begun(a, suppressed)) for seq, a in numbered],
            [(seq, *a.content) for seq, a in numbered],
            [(seq, *a.search) for seq, a in numbered],
            [(seq, *recipient) for seq, a in numbered for recipient in a.recipients],
        )
        arrays = [
            array
            for rows, width in zip(tables, _WIDTHS, strict=True)
            for array in columns(rows, width)
        ]
        told = events.arrays_of([(seq, event) for seq, a in numbered for event in a.events])
        await connection.execute(INSERT, *arrays, *told)
        await attempts.insert(
            connection,
            [(seq, *m) for seq, a in numbered if a.id not in suppressed for m in a.attempts],
        )
        if tags := [(tag, seq) for seq, a in numbered for tag in a.tags]:
            await connection.execute(_TAGS, *columns(tags, 2))


def _is_plain(arrivals: Iterable[Arrival]) -> bool:
    """Whether one statement does it, which needs no transaction around it."""
    return not any(a.key or a.at_once or a.tags or a.attempts for a in arrivals)


def _begun(arrived: Arrival, suppressed: Mapping[MessageId, Stored]) -> Columns:
    """Return state, attempts and call: none for who has suppressed recipients to leave out."""
    if arrived.id in suppressed:
        return (State.LEASED.value, 0, None, None)
    return (arrived.state.value, len(arrived.attempts), *arrived.call)


async def _used_keys(
    connection: Connection, arrivals: Iterable[Arrival]
) -> dict[tuple[KeyId, str], Duplicate]:
    """Claim the keys; return those that another message has, or will have, with that message."""
    first: dict[tuple[KeyId, str], Arrival] = {}
    for arrived in arrivals:
        if arrived.key is not None:
            first.setdefault((arrived.key.key_id, arrived.key.key), arrived)
    if not first:
        return {}
    rows = [
        (key.key_id, key.key, key.fingerprint, arrived.id, key.keep_for)
        for arrived in first.values()
        if (key := arrived.key) is not None
    ]
    return {
        (key_id, key): Duplicate(message_id, fingerprint)
        for key_id, key, message_id, fingerprint in await connection.fetch(_KEYS, *columns(rows, 5))
    }


def _judge(
    arrived: Arrival, used: Mapping[tuple[KeyId, str], Duplicate], fresh: list[Arrival]
) -> Stored | Duplicate:
    if arrived.key is not None:
        first = used[arrived.key.key_id, arrived.key.key]
        if first.id != arrived.id:
            return first
    fresh.append(arrived)
    return Stored(arrived.id)


async def _suppressed(connection: Connection, fresh: Iterable[Arrival]) -> dict[MessageId, Stored]:
    """Return the answers of those that are handed over at once and have suppressed recipients."""
    at_once = [arrived for arrived in fresh if arrived.at_once]
    if not at_once:
        return {}
    addresses = {address for arrived in at_once for address in arrived.at_once}
    found = await suppressed_among(connection, sorted(addresses))
    return {arrived.id: _stored(arrived, found) for arrived in at_once
            if not found.keys().isdisjoint(arrived.at_once)}  # fmt: skip


def _stored(arrived: Arrival, found: Mapping[Address, SuppressionReason]) -> Stored:
    return Stored(arrived.id, {a: found[a] for a in arrived.at_once if a in found})


async def _there(
    connection: Connection, requests: Sequence[Sequence[Arrival]]
) -> dict[MessageId, Stored]:
    """Return those that are in the store, once that is confirmed by the standbys.

    The lock makes this a transaction that writes, so its commit waits as theirs should have.
    """
    arrivals = {arrived.id: arrived for request in requests for arrived in request}
    rows = await connection.fetch(
        "SELECT id, state FROM messages WHERE id = ANY($1::text[]) FOR UPDATE", sorted(arrivals)
    )
    leased = [a for id_, state in rows if state == State.LEASED for a in arrivals[id_].at_once]
    found = await suppressed_among(connection, leased) if leased else {}
    return {
        id_: _stored(arrivals[id_], found) if state == State.LEASED else Stored(id_)
        for id_, state in rows
    }
