"""The suppression list: adding, looking up, listing.

Neighbours: a claim looks at the list within its own statement (`work`), an acceptance with
`suppressed_among`. Entries are found by `mailbox`, the address in lower case (ASCII).
"""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...domain.message import Address
from ...domain.suppression import Suppression, SuppressionReason, joined
from ..listing import ascii_lower
from ..micros import micros, optional_micros
from ..paging import cursor_at, position
from ..port import Added, AddedSuppression, Page, SuppressionQuery
from ..rows import SUPPRESSION, Columns, suppression_of
from .hosts import Connection
from .sql import NOW, columns, text, unnest

_COUNTS = f"(expires_at IS NULL OR expires_at > {NOW})"

# ---------------------------------------------------------------- adding and removing

BY_MAILBOX = f"""
    SELECT {SUPPRESSION} FROM suppressions WHERE mailbox = ANY($1::text[]) AND {_COUNTS}
"""
_PUT = f"""
    INSERT INTO suppressions (mailbox, {SUPPRESSION})
    SELECT * FROM {unnest("t t t t t b b t", f"mailbox, {SUPPRESSION}")}
    ON CONFLICT (mailbox) DO UPDATE SET
        address = excluded.address, reason = excluded.reason, origin = excluded.origin,
        origin_id = excluded.origin_id, created_at = excluded.created_at,
        expires_at = excluded.expires_at, note = excluded.note
"""


async def add(connection: Connection, new: Sequence[Suppression]) -> list[AddedSuppression]:
    """Add all, joined with what is there. See `port.Store.add_suppressions`."""
    async with connection.transaction():
        return await add_within(connection, new)


async def add_within(connection: Connection, new: Sequence[Suppression]) -> list[AddedSuppression]:
    """Do it in the caller's transaction. Only one adds at a time, so that none is overwritten."""
    await connection.execute("LOCK TABLE suppressions IN SHARE ROW EXCLUSIVE MODE")
    known = await _known(connection, (it.address for it in new))
    answers = []
    for news in new:
        mailbox = ascii_lower(news.address)
        before = known.get(mailbox)
        after = joined(before, news) if before else news
        known[mailbox] = after
        answers.append(AddedSuppression(after, _added(before, after)))
    changed = {ascii_lower(it.suppression.address) for it in answers if it.added is not Added.KNOWN}
    rows = [_row(mailbox, known[mailbox]) for mailbox in sorted(changed)]
    if rows:
        await connection.execute(_PUT, *columns(rows, 8))
    return answers


def _added(before: Suppression | None, after: Suppression) -> Added:
    if before is None:
        return Added.ADDED
    return Added.KNOWN if after == before else Added.CHANGED


async def _known(connection: Connection, addresses: Iterable[Address]) -> dict[str, Suppression]:
    mailboxes = [text(ascii_lower(address)) for address in addresses]
    found = [suppression_of(tuple(row)) for row in await connection.fetch(BY_MAILBOX, mailboxes)]
    return {ascii_lower(it.address): it for it in found}


async def remove(connection: Connection, address: Address) -> Suppression | None:
    """Remove an entry, also one that does not count any more; return it if it did."""
    row = await connection.fetchrow(
        f"DELETE FROM suppressions WHERE mailbox = $1 RETURNING {SUPPRESSION}, {_COUNTS}",
        text(ascii_lower(address)),
    )
    return suppression_of(tuple(row)[:-1]) if row and row[-1] else None


async def forget_expired(connection: Connection) -> None:
    """Delete what does not count any more."""
    await connection.execute(f"DELETE FROM suppressions WHERE expires_at <= {NOW}")


# ---------------------------------------------------------------- looking up

AMONG = f"SELECT mailbox, reason FROM suppressions WHERE mailbox = ANY($1::text[]) AND {_COUNTS}"


async def suppressed_among(
    connection: Connection, addresses: Iterable[Address]
) -> dict[Address, SuppressionReason]:
    """Return those of the addresses that get no mail now."""
    asked = {address: text(ascii_lower(address)) for address in addresses}
    rows = await connection.fetch(AMONG, list(asked.values()))
    found = {mailbox: SuppressionReason(reason) for mailbox, reason in rows}
    return {address: found[mailbox] for address, mailbox in asked.items() if mailbox in found}


async def suppression(connection: Connection, address: Address) -> Suppression | None:
    """Return the entry of an address."""
    return (await _known(connection, [address])).get(ascii_lower(address))


# ---------------------------------------------------------------- listing


async def suppressions(connection: Connection, query: SuppressionQuery) -> Page[Suppression]:
    """Return a page, newest first. Raises `InvalidCursor`."""
    select, values = statement(query)
    rows = await connection.fetch(select, *values)
    shown = [suppression_of(tuple(row)[1:]) for row in rows[: query.limit]]
    more = bool(shown) and len(rows) > len(shown)
    cursor = cursor_at(shown[-1].created_at, rows[len(shown) - 1][0]) if more else None
    return Page(shown, cursor)


def statement(query: SuppressionQuery) -> tuple[str, Sequence[object]]:
    """Return the SELECT of a page and one row more, with its values."""
    equal = {
        "reason": query.reason and query.reason.value,
        "origin": query.origin and query.origin.value,
        "origin_id": query.origin_id,
    }
    values: list[object] = [query.limit + 1]
    conditions = [_COUNTS]
    for name, it in equal.items():
        if it is not None:
            values.append(text(it))
            conditions.append(f"{name} = ${len(values)}")
    if query.address:
        values.append(text(ascii_lower(query.address)))
        conditions.append(f"strpos(mailbox, ${len(values)}) > 0")
    if query.cursor is not None:
        values += position(query.cursor)
        place = f"(${len(values) - 1}::bigint, ${len(values)}::bigint)"
        conditions.append(f"(created_at, n) < {place}")
    return (
        f"SELECT n, {SUPPRESSION} FROM suppressions WHERE {' AND '.join(conditions)} "
        "ORDER BY created_at DESC, n DESC LIMIT $1"
    ), values


# ---------------------------------------------------------------- rows


def _row(mailbox: str, it: Suppression) -> Columns:
    return (
        text(mailbox),
        it.address,
        it.reason.value,
        it.origin.kind.value,
        it.origin.id,
        micros(it.created_at),
        optional_micros(it.expires_at),
        text(it.note),
    )
