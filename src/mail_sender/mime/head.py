"""The header of a mail that somebody else wrote: its fields, read without trusting them.

Neighbours: `whole` makes a message of a whole mail, `parts` reads its body, `kept` writes it again.
Nothing here raises, whatever it is given: what cannot be decoded is shown as it came. A field
keeps its octets, folding included, so that what is not touched leaves as it arrived.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.utils import getaddresses
from functools import cached_property

from ..domain.address import mailbox, parse_address
from ..domain.message import Mailbox

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:")
_MAX_FIELDS = 1000  #: more is an attack or a mistake
_SIMPLE = re.compile(r'(?:"?([^"<>,;:\\()@]*)"?[ ]+)?<([^<>\s",;:\\()]+@[^<>\s",;:\\()@]+)>')
_BARE = re.compile(r"[^<>\s\",;:\\()@]+@[^<>\s\",;:\\()@]+")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029]+")


@dataclass(frozen=True)
class Field:
    """One header field (RFC 5322 section 2.2).

    Attributes:
        name: In lower case.
        octets: The whole field as it came, without its last CRLF.
    """

    name: str
    octets: bytes

    @cached_property
    def text(self) -> str:
        """The value as a person reads it: unfolded, decoded, without controls."""
        value = _text(self.octets.partition(b":")[2].replace(b"\r\n", b""))
        return _CONTROLS.sub(" ", decoded(value)).strip()


@dataclass(frozen=True, slots=True)
class Head:
    """The fields of a mail in order, and where its body begins (`len(raw)`: there is none)."""

    fields: tuple[Field, ...]
    body_at: int

    def all(self, name: str) -> list[Field]:
        """Return the fields of this name (in lower case), in order."""
        return [field for field in self.fields if field.name == name]

    def first(self, name: str) -> Field | None:
        """Return the first field of this name."""
        return next((field for field in self.fields if field.name == name), None)

    def text(self, name: str) -> str:
        """Return the value of the first field of this name; empty when there is none."""
        field = self.first(name)
        return field.text if field is not None else ""


def read_head(raw: bytes) -> Head:
    """Split a mail. The first line that is no field begins the body, as in every MTA.

    Args:
        raw: Lines end CRLF.
    """
    end = raw.find(b"\r\n\r\n")
    block = raw if end < 0 else raw[:end]
    if raw.startswith(b"\r\n"):
        return Head((), 2)
    fields: list[Field] = []
    at = 0
    for octets in _unfinished(block):
        name = _FIELD.match(octets)
        if name is None or len(fields) == _MAX_FIELDS:
            return Head(tuple(fields), at)
        fields.append(Field(name[1].decode().lower(), octets))
        at += len(octets) + 2
    return Head(tuple(fields), len(raw) if end < 0 else end + 4)


def _unfinished(block: bytes) -> Iterator[bytes]:
    """Yield each field with the lines that continue it (RFC 5322 section 2.2.3)."""
    held: list[bytes] = []
    for line in block.split(b"\r\n"):
        if held and line[:1] in (b" ", b"\t"):
            held.append(line)
            continue
        if held:
            yield b"\r\n".join(held)
        held = [line]
    if held != [b""]:
        yield b"\r\n".join(held)


def decoded(value: str) -> str:
    """Return a value with its encoded words (RFC 2047) decoded, or as it is."""
    if "=?" not in value:
        return value
    with suppress(HeaderParseError, LookupError, UnicodeError, ValueError):
        value = str(make_header(decode_header(value)))
    return value.encode("utf-8", "replace").decode()


def mailboxes_in(fields: Sequence[Field]) -> tuple[Mailbox, ...]:
    """Return the mailboxes in address fields; what is no address is left out."""
    found: list[Mailbox] = []
    for field in fields:
        value = _text(field.octets.partition(b":")[2].replace(b"\r\n", b"")).strip()
        found.extend(_mailboxes(value))
    return tuple(found)


def _mailboxes(value: str) -> Iterator[Mailbox]:
    simple = _SIMPLE.fullmatch(value)
    if simple is not None:
        pairs = [(simple[1] or "", simple[2])]
    elif _BARE.fullmatch(value):
        pairs = [("", value)]
    else:
        try:
            pairs = getaddresses([value])
        except (ValueError, IndexError, TypeError, RecursionError):
            return
    for name, address in pairs:
        box = _mailbox(_CONTROLS.sub(" ", decoded(name)).strip(), address)
        if box is not None:
            yield box


def _mailbox(name: str, address: str) -> Mailbox | None:
    try:
        return mailbox(address, name)
    except ValueError:
        pass
    try:
        return Mailbox(parse_address(address))
    except ValueError:
        return None


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("latin-1")
