"""Header values in ASCII, for providers that take each value by itself and no whole mail.

Neighbours: HTTP provider files; `mime` writes whole mails. Nothing is folded here: a value is
one line, and the provider folds it. Controls become spaces, as in `mime`.
"""

from __future__ import annotations

from functools import lru_cache

from ..domain.address import format_mailbox
from ..domain.message import Address, Content, Mailbox
from ..domain.outcome import Blame, Diagnostic, Refused
from ..mime import ascii_address
from ..mime.headers import clean, encoded_words


def ascii_form(address: Address) -> Address | None:
    """Return the address with its domain in A-labels; None when there is no such form.

    Unlike `mime.ascii_address` it raises nothing, whatever it is given.
    """
    try:
        return ascii_address(address)
    except ValueError:
        return None


def ascii_value(value: str) -> str:
    """Return ASCII as it is, which may be structured, and anything else as encoded words."""
    value = clean(value)
    return value if value.isascii() else " ".join(encoded_words(value))


def ascii_mailbox(box: Mailbox) -> str:
    """Return `Name <a@b>` in ASCII: the name quoted or encoded, the domain in A-labels.

    Raises:
        ValueError: There is no ASCII form; `without_ascii_form` tells beforehand.
    """
    return _ascii_mailbox(box.address, box.name)


@lru_cache(maxsize=1024)
def _ascii_mailbox(given: Address, name: str) -> str:
    """Work it out; senders come again and again."""
    address = ascii_form(given)
    if address is None:
        raise ValueError(f"{given!r} has no ASCII form")
    name = clean(name)
    if name.isascii() and "=?" not in name:
        return format_mailbox(Mailbox(address, name))
    return f"{' '.join(encoded_words(name))} <{address}>"


def without_ascii_form(content: Content) -> Address | None:
    """Return the first address in the message that cannot be written in ASCII; None: all can."""
    for box in (content.sender, *content.to, *content.cc, *content.bcc, *content.reply_to):
        if ascii_form(box.address) is None:
            return box.address
    return None


def unwritable(error: ValueError) -> Refused:
    """Return the outcome for a message that could not be written; nothing was sent."""
    return Refused(
        blame=Blame.MESSAGE, diagnostic=Diagnostic(text=f"cannot be written as a mail: {error}")
    )
