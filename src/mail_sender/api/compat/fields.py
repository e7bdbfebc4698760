"""What becomes of each field of a vendor's request: declared at the field, read by everybody.

Neighbours: each vendor's file has its documents as structs, whose fields say `taken`, `mapped` or
`refused`; `refused_in` finds what a request asks for in vain, docs/compatibility.md is made of the
same declarations, and the tests go through them one by one. A field that is not declared is
refused as unknown.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import msgspec

from ...domain.errors import Fault


class Fate(StrEnum):
    """What becomes of a field."""

    TAKEN = "taken"  #: it means the same here
    MAPPED = "mapped"  #: it becomes something else, and the declaration says what
    REFUSED = "refused"  #: a request that uses it is refused, with the reason


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A document as a vendor documents it."""


def taken() -> msgspec.Meta:
    """Declare that a field means the same here."""
    return msgspec.Meta(extra={"fate": Fate.TAKEN})


def mapped(how: str) -> msgspec.Meta:
    """Declare what a field becomes here."""
    return msgspec.Meta(extra={"fate": Fate.MAPPED, "how": how})


def refused(why: str, *, unless: tuple[object, ...] = ()) -> msgspec.Meta:
    """Declare why a field cannot be used.

    Args:
        why: For the vendor's customer, who reads it in the answer.
        unless: Values that ask for nothing, besides null and what is empty.
    """
    return msgspec.Meta(extra={"fate": Fate.REFUSED, "how": why, "unless": unless})


class Declared(NamedTuple):
    """A field of a document, as it is declared."""

    attribute: str
    name: str  #: on the wire
    fate: Fate
    how: str
    unless: tuple[object, ...]
    hint: Any


@cache
def declared(document: type[Wire]) -> tuple[Declared, ...]:
    """Return the fields of a document. Raises `TypeError` for one that says nothing of its fate."""
    hints = typing.get_type_hints(document, include_extras=True)
    return tuple(
        _declared(document, field.name, field.encode_name, hints[field.name])
        for field in msgspec.structs.fields(document)
    )


def _declared(document: type[Wire], attribute: str, name: str, hint: object) -> Declared:
    for argument in typing.get_args(hint)[1:]:
        if isinstance(argument, msgspec.Meta) and argument.extra:
            extra = argument.extra
            return Declared(
                attribute, name, extra["fate"], extra.get("how", ""), extra.get("unless", ()), hint
            )
    raise TypeError(f"{document.__name__}.{attribute} does not say what becomes of it")


def refused_in(document: Wire, below: str = "") -> Iterator[Fault]:
    """Yield a fault for everything in a document that is asked for in vain.

    Args:
        document: As it was read.
        below: The pointer to it.
    """
    for field in declared(type(document)):
        value = getattr(document, field.attribute)
        pointer = f"{below}/{field.name}"
        if field.fate is not Fate.REFUSED:
            yield from _within(value, pointer)
        elif not _asks_for_nothing(value, field.unless):
            yield Fault(pointer, field.how)


def _within(value: object, pointer: str) -> Iterator[Fault]:
    if isinstance(value, Wire):
        yield from refused_in(value, pointer)
    elif isinstance(value, tuple | list):
        for place, each in enumerate(value):
            yield from _within(each, f"{pointer}/{place}")


def _asks_for_nothing(value: object, unless: tuple[object, ...]) -> bool:
    is_empty = value is None or value is msgspec.UNSET or value in ("", (), [], {})
    return is_empty or any(type(value) is type(each) and value == each for each in unless)


def documents_in(hint: object) -> Iterator[type[Wire]]:
    """Yield the documents that a type is made of: itself, or what it is a list or a choice of."""
    if isinstance(hint, type) and issubclass(hint, Wire):
        yield hint
    for argument in typing.get_args(hint):
        yield from documents_in(argument)
