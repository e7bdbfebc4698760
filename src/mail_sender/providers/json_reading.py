"""Reading JSON that may be anything at all: an answer may be a proxy's, or a provider's new idea.

Neighbours: the JSON providers. Nothing here raises; what has another shape is empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Document = dict[str, Any]


def fields_of(document: object) -> Document:
    """Return the fields of an object; none when it is something else."""
    return document if isinstance(document, dict) else {}


def rows_of(document: object) -> list[Document]:
    """Return the objects in a list; none when it is something else."""
    return [row for row in document if isinstance(row, dict)] if isinstance(document, list) else []


def text_of(value: object) -> str:
    """Return a text that says something, or a number as text; empty for anything else."""
    if isinstance(value, bool):
        return ""
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def texts_of(value: object) -> list[str]:
    """Return the texts in a list, or the one that it is."""
    values: Iterable[object] = value if isinstance(value, list) else [value]
    return [text for each in values if (text := text_of(each))]
