"""Addresses as they may stand in a header or an SMTP command.

Neighbours: `headers` writes mailboxes with these, `providers.smtp` the envelope. Doors have
checked the syntax long before; here it is checked once more because a line end or an angle
bracket in an address would be a command or a header of its own.
"""

from __future__ import annotations

import re
from functools import lru_cache

import idna

from ..domain.message import Address, Content

_DOT_ATOM = re.compile(r'[^\x00-\x20\x7f-\x9f()<>\[\]:;@\\,"]+')
_QUOTED = re.compile(r'"(?:[^\x00-\x1f\x7f-\x9f"\\]|\\[\x20-\x7e])*"')
_ASCII_DOMAIN = re.compile(r"[A-Za-z0-9._-]+|\[[A-Za-z0-9.:-]+\]")
_LONGEST = 64 + 255  #: RFC 5321 section 4.5.3.1; also keeps a header line below 998


def ascii_address(address: str) -> Address | None:
    """Return the address with its domain in A-labels; None when its local part is not ASCII.

    `ann@bücher.example` is `ann@xn--bcher-kva.example` to every mail server (RFC 5891,
    mapped by UTS #46). For the part before the `@` there is no such form: it needs SMTPUTF8.

    Raises:
        ValueError: It is not one address, or its domain has no A-labels.
    """
    written = smtputf8_address(address)
    return written if written.isascii() else None


@lru_cache(maxsize=4096)
def smtputf8_address(address: str) -> Address:
    """Return the address with its domain in A-labels and its local part as it is (RFC 6531).

    Raises:
        ValueError: It is not one address, or its domain has no A-labels.
    """
    local, _, domain = address.rpartition("@")
    if not (_DOT_ATOM.fullmatch(local) or _QUOTED.fullmatch(local)):
        raise ValueError(f"not an address: {address!r}")
    if not domain.isascii():
        domain = _a_labels(domain)
    if not _ASCII_DOMAIN.fullmatch(domain) or len(local) + len(domain) > _LONGEST:
        raise ValueError(f"not an address: {address!r}")
    return Address(f"{local}@{domain}")


def needs_smtputf8(content: Content) -> bool:
    """Return whether a header names an address that has no ASCII form.

    Such a mail can only be rendered with `utf8_headers`, and only be given to a server that
    offers SMTPUTF8. Bcc stands in no header and does not count.

    Raises:
        ValueError: See `ascii_address`.
    """
    named = (content.sender, *content.to, *content.cc, *content.reply_to)
    return any(ascii_address(mailbox.address) is None for mailbox in named)


def _a_labels(domain: str) -> str:
    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(f"the domain {domain!r} has no ASCII form: {error}") from None
