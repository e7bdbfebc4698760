"""The suppression list in memory. Neighbour: `memory` asks it with the time of its clock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ..domain.message import Address
from ..domain.suppression import Suppression, SuppressionReason, joined
from .listing import ascii_lower
from .micros import micros
from .paging import cursor_at, position
from .port import Added, AddedSuppression, Page, SuppressionQuery


class SuppressionList:
    """See `port.Store`; by mailbox, the address in lower case (ASCII)."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, Suppression]] = {}
        self._last = 0

    def add(self, new: Sequence[Suppression], now: datetime) -> list[AddedSuppression]:
        """See `port.Store.add_suppressions`."""
        return [self._add(news, now) for news in new]

    def _add(self, news: Suppression, now: datetime) -> AddedSuppression:
        before = self.get(news.address, now)
        mailbox = ascii_lower(news.address)
        if before is None:
            self._last += 1
            self._entries[mailbox] = (self._last, news)
            return AddedSuppression(news, Added.ADDED)
        after = joined(before, news)
        self._entries[mailbox] = (self._entries[mailbox][0], after)
        return AddedSuppression(after, Added.KNOWN if after == before else Added.CHANGED)

    def remove(self, address: Address, now: datetime) -> Suppression | None:
        """See `port.Store.remove_suppression`."""
        found = self.get(address, now)
        self._entries.pop(ascii_lower(address), None)
        return found

    def get(self, address: Address, now: datetime) -> Suppression | None:
        """See `port.Store.suppression`."""
        _, found = self._entries.get(ascii_lower(address), (0, None))
        return found if found and found.counts(now) else None

    def among(
        self, addresses: Iterable[Address], now: datetime
    ) -> dict[Address, SuppressionReason]:
        """See `port.Store.suppressed_among`."""
        found = {address: self.get(address, now) for address in addresses}
        return {address: it.reason for address, it in found.items() if it is not None}

    def page(self, query: SuppressionQuery, now: datetime) -> Page[Suppression]:
        """See `port.Store.suppressions`."""
        before = position(query.cursor) if query.cursor else None
        places = sorted(
            (
                ((micros(it.created_at), number), it)
                for number, it in self._entries.values()
                if it.counts(now) and _matches(it, query)
            ),
            key=lambda placed: placed[0],
            reverse=True,
        )
        found = [placed for placed in places if before is None or placed[0] < before]
        rows = found[: query.limit]
        more = rows and len(found) > len(rows)
        cursor = cursor_at(rows[-1][1].created_at, rows[-1][0][1]) if more else None
        return Page([it for _, it in rows], cursor)

    def forget_expired(self, now: datetime) -> None:
        """Delete what does not count any more."""
        kept = {box: entry for box, entry in self._entries.items() if entry[1].counts(now)}
        self._entries = kept


def _matches(it: Suppression, query: SuppressionQuery) -> bool:
    return (
        (not query.address or ascii_lower(query.address) in ascii_lower(it.address))
        and query.reason in {None, it.reason}
        and query.origin in {None, it.origin.kind}
        and query.origin_id in {None, it.origin.id}
    )
