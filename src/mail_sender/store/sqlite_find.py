"""Lists: how a page is found without walking over everything.

A page is walked newest first along the index of each state asked for, broken off after a page.
That is fast when what is searched for is common. When it is rare, the walk would go to the end
of a large table: so words and tags are looked up first, where that is cheap, and when they name
few messages, only these are looked at.
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..domain.status import State
from .listing import ascii_lower
from .micros import micros
from .paging import cursor_at, position
from .port import Page, Query, Record
from .rows import json_text
from .sqlite_read import by_seqs

_FEW = 2000

BY_WORDS = "SELECT seq FROM searches AS s WHERE {words} ORDER BY seq DESC LIMIT ?"
BY_ID = "SELECT seq FROM messages WHERE id IN (SELECT value FROM json_each(?)) LIMIT ?"
BY_TAG = "SELECT seq FROM tags WHERE tag = ? LIMIT ?"
_HAS_WORDS = "EXISTS (SELECT 1 FROM searches AS s WHERE s.seq = m.seq AND {words})"
_HAS_TAG = "EXISTS (SELECT 1 FROM tags AS t WHERE t.tag = ? AND t.seq = m.seq)"
_HAS_ID = "m.id IN (SELECT value FROM json_each(?))"
_IS_SCHEDULED = "(m.state = 'queued' AND m.due_at > ? AND m.attempts_made = 0) = ?"
_ORDER = "ORDER BY m.created_at DESC, m.seq DESC LIMIT ?"


@dataclass(slots=True)
class _Filters:
    conditions: list[str] = field(default_factory=list)
    values: list[object] = field(default_factory=list)

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values += values


def find(connection: sqlite3.Connection, query: Query, now: datetime) -> Page[Record]:
    """Return a page of messages. Raises `InvalidCursor`."""
    found = statement(connection, query, now)
    rows = connection.execute(*found).fetchall()
    shown = by_seqs(connection, [seq for seq, _ in rows[: query.limit]])
    more = shown and len(rows) > len(shown)
    seq = rows[len(shown) - 1][0] if more else 0
    return Page(shown, cursor_at(shown[-1].message.created_at, seq) if more else None)


def statement(
    connection: sqlite3.Connection, query: Query, now: datetime
) -> tuple[str, Sequence[object]]:
    """Return the SELECT (seq, created_at) of a page and one row more, with its values."""
    filters = _filters(query, now)
    few = _narrow(connection, query, filters)
    limit = query.limit + 1
    states = sorted(query.states or State)
    if few is not None:
        filters.add("m.seq IN (SELECT value FROM json_each(?))", json_text(few))
        filters.add("m.state IN (SELECT value FROM json_each(?))", json_text(states))
        return _walk("", filters.conditions), [*filters.values, limit]
    walk = _walk("INDEXED BY messages_by_state", ["m.state = ?", *filters.conditions])
    union = " UNION ALL ".join([f"SELECT * FROM ({walk})"] * len(states))
    values = [v for state in states for v in (state.value, *filters.values, limit)]
    return f"SELECT * FROM ({union}) AS m {_ORDER}", [*values, limit]


def _walk(index: str, conditions: Sequence[str]) -> str:
    wanted = " AND ".join(conditions)
    return f"SELECT m.seq, m.created_at FROM messages AS m {index} WHERE {wanted} {_ORDER}"


def _filters(query: Query, now: datetime) -> _Filters:
    filters = _Filters()
    if query.held is not None:
        filters.add("m.held = ?", int(query.held))
    if query.scheduled is not None:
        filters.add(_IS_SCHEDULED, micros(now), int(query.scheduled))
    if query.provider is not None:
        filters.add("m.provider = ?", query.provider)
    if query.key_id is not None:
        filters.add("m.key_id = ?", query.key_id)
    if query.since is not None:
        filters.add("m.created_at >= ?", micros(query.since))
    if query.until is not None:
        filters.add("m.created_at < ?", micros(query.until))
    if query.cursor is not None:
        filters.add("(m.created_at, m.seq) < (?, ?)", *position(query.cursor))
    return filters


def _narrow(
    connection: sqlite3.Connection, query: Query, filters: _Filters
) -> Sequence[int] | None:
    """Add the filters for ids, words and tag; return the messages that match, if they are few."""
    few: Sequence[int] | None = None
    for lookup, condition, values in (*_ids(query), *_words(query), *_tag(query)):
        filters.add(condition, *values)
        if few is None:
            found = connection.execute(lookup, (*values, _FEW)).fetchall()
            few = [seq for (seq,) in found] if len(found) < _FEW else None
    return few


_Lookup = tuple[str, str, Sequence[str]]


def _ids(query: Query) -> list[_Lookup]:
    return [(BY_ID, _HAS_ID, [json_text(sorted(query.ids))])] if query.ids else []


def _words(query: Query) -> list[_Lookup]:
    """Recipient, sender and subject together: each look-up reads the whole table."""
    searched = {"recipients": query.recipient, "sender": query.sender, "subject": query.subject}
    parts = {name: ascii_lower(part) for name, part in searched.items() if part}
    if not parts:
        return []
    words = " AND ".join(f"instr(s.{name}, ?) > 0" for name in parts)
    return [(BY_WORDS.format(words=words), _HAS_WORDS.format(words=words), [*parts.values()])]


def _tag(query: Query) -> list[_Lookup]:
    return [] if query.tag is None else [(BY_TAG, _HAS_TAG, [query.tag])]
