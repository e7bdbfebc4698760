"""Many rows in one statement.

Each `execute` lets go of Python's lock at every step and must win it back from a busy event
loop; `executemany` does so once a row. So batches are written as one `INSERT … VALUES (…), (…)`
or `UPDATE … FROM (VALUES …)`. The number of rows in a statement is a power of two, so that few
different statements have to be prepared and kept.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

_MOST_ROWS = 128

Row = Sequence[object]


def insert_rows(connection: sqlite3.Connection, into: str, rows: Sequence[Row]) -> None:
    """Insert all rows; `into` is the statement up to VALUES."""
    for chunk in _chunks(rows):
        statement = _insert(into, len(chunk[0]), len(chunk))
        connection.execute(statement, tuple(chain.from_iterable(chunk)))


def update_rows(connection: sqlite3.Connection, statement: str, rows: Sequence[Row]) -> int:
    """Run an UPDATE over all rows; return how many it changed.

    In the statement `{v}` is a table of them with the columns `column1`, `column2`, …
    """
    return sum(cursor.rowcount for cursor in _over_chunks(connection, statement, rows))


def select_rows(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Row]
) -> list[tuple[Any, ...]]:
    """Return what a SELECT finds over all rows; `{v}` as in `update_rows`."""
    return [row for cursor in _over_chunks(connection, statement, rows) for row in cursor]


def _over_chunks(
    connection: sqlite3.Connection, statement: str, rows: Sequence[Row]
) -> Iterator[sqlite3.Cursor]:
    for chunk in _chunks(rows):
        text = _over(statement, len(chunk[0]), len(chunk))
        yield connection.execute(text, tuple(chain.from_iterable(chunk)))


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    at = 0
    size = _MOST_ROWS
    while at < len(rows):
        while size > len(rows) - at:
            size //= 2
        yield rows[at : at + size]
        at += size


@lru_cache(maxsize=256)
def _insert(into: str, columns: int, rows: int) -> str:
    return f"{into} {_values(columns, rows)}"


@lru_cache(maxsize=256)
def _over(statement: str, columns: int, rows: int) -> str:
    return statement.replace("{v}", f"({_values(columns, rows)})")


def _values(columns: int, rows: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return f"VALUES {', '.join([row] * rows)}"
