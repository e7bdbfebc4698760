"""Ids of messages as the vendors make them. One to one, so that nothing has to be remembered.

An id of ours has 128 bits: 48 of time, 80 of chance (`domain.message.new_ulid`). So has a UUID,
which is what most vendors answer with. Pure.
"""

from __future__ import annotations

import re
from uuid import UUID

from ...domain.message import MessageId

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_OURS = re.compile(rf"msg_[0-7][{_CROCKFORD}]{{25}}")


def number_of(id_: MessageId) -> int:
    """Return the 128 bits of an id."""
    number = 0
    for character in id_.removeprefix("msg_"):
        number = number << 5 | _CROCKFORD.index(character)
    return number


def id_of(number: int) -> MessageId:
    """Return the id with these 128 bits."""
    return MessageId("msg_" + "".join(_CROCKFORD[number >> at & 31] for at in range(125, -1, -5)))


def uuid_of(id_: MessageId) -> str:
    """Return an id as a UUID."""
    return str(UUID(int=number_of(id_)))


def id_in(text: str) -> MessageId | None:
    """Return the id that a client asks for, by the UUID or by our own; None: it is neither."""
    if _OURS.fullmatch(text):
        return MessageId(text)
    try:
        return id_of(UUID(text).int)
    except ValueError:
        return None
