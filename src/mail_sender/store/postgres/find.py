"""Lists: how a page is found without walking over everything.

A page is walked newest first along the index of each state asked for, broken off after a page.
That is fast when what is searched for is common. When it is rare, the walk would go to the end
of a large table: so ids, words and tags are looked up first, where that is cheap, and when they
name few messages, only these are looked at. (`sqlite_find` does the same.)
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...domain.status import State
from ..listing import ascii_lower
from ..micros import micros
from ..paging import cursor_at, position
from ..port import Page, Query, Record
from .hosts import Connection
from .read import by_seqs
from .sql import NOW, text

_FEW = 2000
_ORDER = "ORDER BY m.created_at DESC, m.seq DESC LIMIT $1"
_IS_SCHEDULED = f"(m.state = 'queued' AND m.due_at > {NOW} AND m.attempts_made = 0)"


@dataclass(slots=True)
class _Statement:
    """Conditions of a WHERE, and the values of its parameters. `$1` is the limit."""

    values: list[object]
    conditions: list[str] = field(default_factory=list)

    def value(self, it: object, type_: str) -> str:
        self.values.append(it)
        return f"${len(self.values)}::{type_}"


async def find(connection: Connection, query: Query) -> Page[Record]:
    """Return a page of messages, all of one moment. Raises `InvalidCursor`."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        select, values = await statement(connection, query)
        rows = await connection.fetch(select, *values)
        shown = await by_seqs(connection, [row[0] for row in rows[: query.limit]])
    more = shown and len(rows) > len(shown)
    seq = rows[len(shown) - 1][0] if more else 0
    return Page(shown, cursor_at(shown[-1].message.created_at, seq) if more else None)


async def statement(connection: Connection, query: Query) -> tuple[str, Sequence[object]]:
    """Return the SELECT (seq, created_at) of a page and one row more, with its values."""
    it = _Statement([query.limit + 1])
    _filter(it, query)
    few = await _narrow(connection, query, it)
    states = sorted(query.states or State)
    if few is not None:
        it.conditions.append(f"m.seq = ANY({it.value(few, 'bigint[]')})")
        it.conditions.append(f"m.state = ANY({it.value(states, 'text[]')})")
        return _walk(it.conditions), it.values
    walks = [_walk([f"m.state = '{state}'", *it.conditions]) for state in states]
    union = " UNION ALL ".join(f"(SELECT * FROM ({walk}) AS w)" for walk in walks)
    return f"SELECT m.seq, m.created_at FROM ({union}) AS m {_ORDER}", it.values


def _walk(conditions: Sequence[str]) -> str:
    wanted = " AND ".join(conditions)
    return f"SELECT m.seq, m.created_at FROM messages AS m WHERE {wanted} {_ORDER}"


def _filter(it: _Statement, query: Query) -> None:
    if query.held is not None:
        it.conditions.append(f"m.held = {it.value(query.held, 'boolean')}")
    if query.scheduled is not None:
        it.conditions.append(f"{_IS_SCHEDULED} = {it.value(query.scheduled, 'boolean')}")
    if query.provider is not None:
        it.conditions.append(f"m.provider = {it.value(text(query.provider), 'text')}")
    if query.key_id is not None:
        it.conditions.append(f"m.key_id = {it.value(text(query.key_id), 'text')}")
    if query.since is not None:
        it.conditions.append(f"m.created_at >= {it.value(micros(query.since), 'bigint')}")
    if query.until is not None:
        it.conditions.append(f"m.created_at < {it.value(micros(query.until), 'bigint')}")
    if query.cursor is not None:
        created_at, seq = position(query.cursor)
        place = f"({it.value(created_at, 'bigint')}, {it.value(seq, 'bigint')})"
        it.conditions.append(f"(m.created_at, m.seq) < {place}")


async def _narrow(connection: Connection, query: Query, it: _Statement) -> Sequence[int] | None:
    """Add the filters for ids, words and tag; return the messages that match, if they are few."""
    few: Sequence[int] | None = None
    for lookup in (_ids, _words, _tag):
        alone = _Statement([_FEW])
        found = lookup(query, alone)
        if found is None:
            continue
        select, _ = found
        _, condition = lookup(query, it) or ("", "true")
        it.conditions.append(condition)
        if few is None:
            rows = await connection.fetch(f"{select} LIMIT $1", *alone.values)
            few = [row[0] for row in rows] if len(rows) < _FEW else None
    return few


def _ids(query: Query, it: _Statement) -> tuple[str, str] | None:
    if not query.ids:
        return None
    named = it.value([text(id_) for id_ in sorted(query.ids)], "text[]")
    return f"SELECT seq FROM messages WHERE id = ANY({named})", f"m.id = ANY({named})"


def _words(query: Query, it: _Statement) -> tuple[str, str] | None:
    """Recipient, sender and subject together: each look-up reads the whole table."""
    searched = {"recipients": query.recipient, "sender": query.sender, "subject": query.subject}
    words = " AND ".join(
        f"strpos(s.{name}, {it.value(text(ascii_lower(part)), 'text')}) > 0"
        for name, part in searched.items()
        if part
    )
    if not words:
        return None
    return (
        f"SELECT seq FROM searches AS s WHERE {words}",
        f"EXISTS (SELECT 1 FROM searches AS s WHERE s.seq = m.seq AND {words})",
    )


def _tag(query: Query, it: _Statement) -> tuple[str, str] | None:
    if query.tag is None:
        return None
    tag = it.value(text(query.tag), "text")
    return (
        f"SELECT seq FROM tags WHERE tag = {tag}",
        f"EXISTS (SELECT 1 FROM tags AS t WHERE t.tag = {tag} AND t.seq = m.seq)",
    )
