"""What a page's cursor and an event's id are made of. Every store gives out the same."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from ..domain.message import KeyId, MessageId
from .micros import micros
from .port import InvalidCursor

_CURSOR = re.compile(r"([0-9a-f]{1,15})-([0-9a-f]{1,15})", re.ASCII)
_EVENT = re.compile(r"evt_([0-9]{16})", re.ASCII)


def cursor_at(created_at: datetime, seq: int) -> str:
    """Return the cursor that goes on behind the message created then, as the `seq`-th."""
    return f"{micros(created_at):x}-{seq:x}"


def position(cursor: str) -> tuple[int, int]:
    """Return (creation in microseconds, seq). Raises `InvalidCursor`."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidCursor(cursor)
    return int(found[1], 16), int(found[2], 16)


def event_id(number: int) -> str:
    """Return the id of the `number`-th event; ids sort like the numbers."""
    return f"evt_{number:016d}"


def event_number(id_: str) -> int:
    """Return the number in an event's id. Raises `InvalidCursor`."""
    found = _EVENT.fullmatch(id_)
    if found is None:
        raise InvalidCursor(id_)
    return int(found[1])


@dataclass(frozen=True, slots=True, kw_only=True)
class EventQuery:
    """See `port.Store.events`."""

    message_id: MessageId | None
    key_id: KeyId | None
    after: str | None
    limit: int
    newest_first: bool
