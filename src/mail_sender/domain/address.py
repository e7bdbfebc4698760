"""Reading addresses as people and programs write them (RFC 5321 section 4.1.2, RFC 5322 3.4).

Neighbours: every door reads its mailboxes here, so that an address means the same everywhere.
Only what can be delivered over the internet is taken: no source routes, no comments, no groups,
no address literals, no single-label domains.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from .message import Address, Mailbox

MAX_LOCAL_OCTETS = 64  #: RFC 5321 section 4.5.3.1.1
MAX_ADDRESS_OCTETS = 254  #: RFC 5321 section 4.5.3.1.3, less the angle brackets

_ATEXT = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff"
_PLAIN_NAME = re.compile(rf"[{_ATEXT} ]+")
_DOT_ATOM = re.compile(rf"[{_ATEXT}]+(?:\.[{_ATEXT}]+)*")
_QUOTED = re.compile(r'"(?:[\x20-\x21\x23-\x5b\x5d-\x7e\u0080-\U0010ffff]|\\[\x20-\x7e])*"')
_LABEL = re.compile(r"(?!-)[A-Za-z0-9\-\u0080-\U0010ffff]{1,63}(?<!-)")
#: What nearly every address is, seen at one look; the rest is looked at part by part.
_PLAIN = re.compile(
    r"(?P<local>[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+)*)"
    r"@(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}"
)
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029\ud800-\udfff]")


def parse_address(text: str) -> Address:
    """Return the addr-spec, its domain in lower case.

    Raises:
        ValueError: In words for the client, such as "the domain is missing".
    """
    plain = _PLAIN.fullmatch(text)
    if plain and len(text) <= MAX_ADDRESS_OCTETS and plain.end("local") <= MAX_LOCAL_OCTETS:
        return Address(text)
    return _looked_at_part_by_part(text)


def _looked_at_part_by_part(text: str) -> Address:
    if _NOT_PRINTABLE.search(text):
        raise ValueError("an address has no control characters")
    text = text.strip()
    if not text:
        raise ValueError("the address is empty")
    local, at, domain = text.rpartition("@")
    if not at or not domain:
        raise ValueError("expected an address such as ann@example.net: the domain is missing")
    if not local:
        raise ValueError("the part before the @ is missing")
    if not (_DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)):
        raise ValueError("the part before the @ is not valid")
    if len(local.encode()) > MAX_LOCAL_OCTETS:
        raise ValueError(f"the part before the @ is longer than {MAX_LOCAL_OCTETS} octets")
    labels = domain.lower().split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("the domain is not valid")
    if labels[-1].isdecimal():
        raise ValueError("the domain is not valid: an IP address is not a mail domain")
    address = f"{local}@{domain.lower()}"
    if len(address.encode()) > MAX_ADDRESS_OCTETS:
        raise ValueError(f"the address is longer than {MAX_ADDRESS_OCTETS} octets")
    return Address(address)


@lru_cache(maxsize=1024)
def parse_mailbox(text: str) -> Mailbox:
    """Read `ann@example.net`, `<ann@example.net>`, `Ann <…>` or `"Ann, Dr." <…>`.

    Raises:
        ValueError: In words for the client.
    """
    if _NOT_PRINTABLE.search(text):
        raise ValueError("a mailbox has no control characters")
    text = text.strip()
    if not text.endswith(">"):
        return Mailbox(parse_address(text))
    name, bracket, address = text[:-1].rpartition("<")
    if not bracket:
        raise ValueError("an angle bracket is missing")
    return mailbox(address, name.strip())


def split_mailboxes(text: str) -> Iterator[str]:
    """Yield the mailboxes of a list (RFC 5322 section 3.4), still to be parsed.

    A comma separates, but for those within double quotes or angle brackets.
    """
    start, quoted, bracketed, escaped = 0, False, False, False
    for place, character in enumerate(text):
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = quoted
        elif character == '"':
            quoted = not quoted
        elif not quoted and character in "<>":
            bracketed = character == "<"
        elif character == "," and not quoted and not bracketed:
            yield from _unless_blank(text[start:place])
            start = place + 1
    yield from _unless_blank(text[start:])


def _unless_blank(text: str) -> Iterator[str]:
    if text.strip():
        yield text.strip()


def mailbox(address: str, name: str = "") -> Mailbox:
    """Return a mailbox from its two parts; the name may stand in double quotes.

    Raises:
        ValueError: In words for the client.
    """
    if _NOT_PRINTABLE.search(name):
        raise ValueError("a display name has no control characters")
    if len(name) >= 2 and name[0] == '"' == name[-1]:
        name = re.sub(r"\\(.)", r"\1", name[1:-1])
    if len(name) > 320:
        raise ValueError("the display name is longer than 320 characters")
    return Mailbox(parse_address(address), name)


def format_mailbox(box: Mailbox) -> str:
    """Return the text that `parse_mailbox` reads: Unicode, quoted where needed."""
    if not box.name:
        return box.address
    if _PLAIN_NAME.fullmatch(box.name) and box.name == box.name.strip():
        return f"{box.name} <{box.address}>"
    quoted = box.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}" <{box.address}>'
