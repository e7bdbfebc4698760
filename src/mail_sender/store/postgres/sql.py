"""What the statements have in common: the time, and many rows as arrays.

A batch is one statement over `unnest`: an array for each column, whatever the number of rows, so
that a statement is prepared once. asyncpg encodes arrays in C.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..rows import Columns, storable

NOW = "(extract(epoch FROM now()) * 1000000)::bigint"  #: microseconds, of the transaction's begin


def unnest(types: str, names: str, *, first: int = 1) -> str:
    """Return the FROM of a table of rows, `v(names…)`.

    Args:
        types: The columns' types, apart by spaces: `b` bigint, `i` integer, `t` text, `y` bytea,
            `f` boolean.
        names: Of the columns, apart by commas.
        first: The number of the parameter that holds the first column.
    """
    arrays = ", ".join(
        f"${number}::{_TYPES[letter]}[]" for number, letter in enumerate(types.split(), start=first)
    )
    return f"unnest({arrays}) AS v({names})"


_TYPES = {"b": "bigint", "i": "integer", "t": "text", "y": "bytea", "f": "boolean"}


def columns(rows: Sequence[Columns], width: int) -> list[Sequence[Any]]:
    """Turn rows into the arrays that `unnest` wants; `width` counts where there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [()] * width


def text(value: str) -> str:
    """Return text that PostgreSQL can hold: UTF-8, and no NUL."""
    return storable(value.replace("\0", "\N{REPLACEMENT CHARACTER}"))


def optional_text(value: str | None) -> str | None:
    """Return `text`, or None for None."""
    return None if value is None else text(value)
