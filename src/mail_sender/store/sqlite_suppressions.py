"""The suppression list: adding, looking up, listing.

Neighbours: a claim looks at the list within its own statement (`sqlite_work`), an acceptance
with `suppressed_among`. Entries are found by `mailbox`, the address in lower case (ASCII).
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..domain.message import Address
from ..domain.suppression import Suppression, SuppressionReason, joined
from .listing import ascii_lower
from .micros import instant, micros, optional_micros
from .paging import cursor_at, position
from .port import Added, AddedSuppression, Page, SuppressionQuery
from .rows import SUPPRESSION, Columns, json_text, storable, suppression_of
from .sqlite_values import select_rows, update_rows

_COUNTS = "(expires_at IS NULL OR expires_at > ?)"

# ---------------------------------------------------------------- adding and removing


@dataclass(frozen=True, slots=True)
class Additions:
    """What is added, and when that is, in microseconds."""

    new: Sequence[Suppression]
    now: int


@dataclass(frozen=True, slots=True)
class Removal:
    """Whose entry is removed."""

    address: Address
    now: int


BY_MAILBOX = f"""
    SELECT {SUPPRESSION} FROM suppressions
    WHERE mailbox IN (SELECT value FROM json_each(?)) AND {_COUNTS}
"""
_PUT = f"""
    INSERT INTO suppressions (mailbox, {SUPPRESSION})
    SELECT * FROM {{v}} WHERE true
    ON CONFLICT (mailbox) DO UPDATE SET
        address = excluded.address, reason = excluded.reason, origin = excluded.origin,
        origin_id = excluded.origin_id, created_at = excluded.created_at,
        expires_at = excluded.expires_at, note = excluded.note
"""


def add(connection: sqlite3.Connection, additions: Additions) -> list[AddedSuppression]:
    """Add all, joined with what is there. See `port.Store.add_suppressions`."""
    known = _known(connection, (it.address for it in additions.new), additions.now)
    answers = []
    for news in additions.new:
        mailbox = ascii_lower(news.address)
        before = known.get(mailbox)
        after = joined(before, news) if before else news
        known[mailbox] = after
        answers.append(AddedSuppression(after, _added(before, after)))
    changed = {ascii_lower(it.suppression.address) for it in answers if it.added is not Added.KNOWN}
    update_rows(connection, _PUT, [_row(mailbox, known[mailbox]) for mailbox in sorted(changed)])
    return answers


def _added(before: Suppression | None, after: Suppression) -> Added:
    if before is None:
        return Added.ADDED
    return Added.KNOWN if after == before else Added.CHANGED


def _known(
    connection: sqlite3.Connection, addresses: Iterable[Address], now: int
) -> dict[str, Suppression]:
    mailboxes = json_text([ascii_lower(address) for address in addresses])
    found = map(suppression_of, connection.execute(BY_MAILBOX, (mailboxes, now)))
    return {ascii_lower(it.address): it for it in found}


def remove(connection: sqlite3.Connection, removal: Removal) -> Suppression | None:
    """Remove an entry, also one that does not count any more; return it if it did."""
    row = connection.execute(
        f"DELETE FROM suppressions WHERE mailbox = ? RETURNING {SUPPRESSION}",
        (ascii_lower(removal.address),),
    ).fetchone()
    found = suppression_of(row) if row else None
    return found if found and found.counts(instant(removal.now)) else None


def forget_expired(connection: sqlite3.Connection, now: int) -> None:
    """Delete what does not count any more."""
    connection.execute("DELETE FROM suppressions WHERE expires_at <= ?", (now,))


# ---------------------------------------------------------------- looking up

AMONG = """
    SELECT v.column1, s.reason FROM {v} AS v CROSS JOIN suppressions AS s ON s.mailbox = v.column2
    WHERE s.expires_at IS NULL OR s.expires_at > v.column3
"""


def suppressed_among(
    connection: sqlite3.Connection, addresses: Iterable[Address], now: int
) -> dict[Address, SuppressionReason]:
    """Return those of the addresses that get no mail now."""
    asked = [(address, ascii_lower(address), now) for address in addresses]
    found = select_rows(connection, AMONG, asked)
    return {Address(address): SuppressionReason(reason) for address, reason in found}


def suppression(connection: sqlite3.Connection, address: Address, now: int) -> Suppression | None:
    """Return the entry of an address."""
    return _known(connection, [address], now).get(ascii_lower(address))


# ---------------------------------------------------------------- listing


def suppressions(
    connection: sqlite3.Connection, query: SuppressionQuery, now: int
) -> Page[Suppression]:
    """Return a page, newest first. Raises `InvalidCursor`."""
    rows = connection.execute(*statement(query, now)).fetchall()
    shown = [suppression_of(row[1:]) for row in rows[: query.limit]]
    more = bool(shown) and len(rows) > len(shown)
    cursor = cursor_at(shown[-1].created_at, rows[len(shown) - 1][0]) if more else None
    return Page(shown, cursor)


def statement(query: SuppressionQuery, now: int) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page and one row more, with its values."""
    equal = {
        "reason": query.reason and query.reason.value,
        "origin": query.origin and query.origin.value,
        "origin_id": query.origin_id,
    }
    given = {name: value for name, value in equal.items() if value is not None}
    conditions = [_COUNTS, *(f"{name} = ?" for name in given)]
    values: list[object] = [now, *given.values()]
    if query.address:
        conditions.append("instr(mailbox, ?) > 0")
        values.append(ascii_lower(query.address))
    if query.cursor is not None:
        conditions.append("(created_at, n) < (?, ?)")
        values += position(query.cursor)
    wanted = " AND ".join(conditions)
    text = (
        f"SELECT n, {SUPPRESSION} FROM suppressions INDEXED BY suppressions_by_time "
        f"WHERE {wanted} ORDER BY created_at DESC, n DESC LIMIT ?"
    )
    return text, [*values, query.limit + 1]


# ---------------------------------------------------------------- rows


def _row(mailbox: str, it: Suppression) -> Columns:
    return (
        mailbox,
        it.address,
        it.reason.value,
        it.origin.kind.value,
        it.origin.id,
        micros(it.created_at),
        optional_micros(it.expires_at),
        storable(it.note),
    )
