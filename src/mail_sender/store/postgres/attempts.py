"""Attempts: only ever added to."""

# ruff: noqa: S608 - statements are put together from constants only

from __future__ import annotations

from collections.abc import Sequence

from ..rows import Columns
from .hosts import Connection
from .sql import columns, unnest

_OF_ATTEMPT = (
    "seq, number, provider, started_at, duration, outcome, blame, code, enhanced_code, detail, "
    "provider_message_id, recipients"
)
_INSERT = f"""
    INSERT INTO attempts ({_OF_ATTEMPT})
    SELECT * FROM {unnest("b i t b b t t i t t t t", _OF_ATTEMPT)}
"""
_WIDTH = 12
_TEXTS = (2, 5, 6, 8, 9, 10, 11)  #: columns of text; those that a provider words may hold a NUL


async def insert(connection: Connection, attempts: Sequence[Columns]) -> None:
    """Append (message's seq, `rows.attempt_columns`), in this order."""
    if attempts:
        rows = [_storable(attempt) for attempt in attempts]
        await connection.execute(_INSERT, *columns(rows, _WIDTH))


def _storable(attempt: Columns) -> Columns:
    if not any("\0" in attempt[at] for at in _TEXTS if attempt[at]):
        return attempt
    return tuple(
        it.replace("\0", "\N{REPLACEMENT CHARACTER}") if isinstance(it, str) else it
        for it in attempt
    )
