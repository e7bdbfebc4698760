"""Who a mail is for, at providers whose To, Cc and Bcc are headers and envelope in one.

Neighbours: the JSON providers. Where there is no envelope beside the headers, a mail for the
rest of its recipients (others were served before, or are suppressed) can only name the rest:
named otherwise, they would get it twice. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..domain.address import format_mailbox
from ..domain.message import Address, Content, Mailbox
from ..mime.headers import clean
from .ascii_headers import ascii_form
from .verdict import TooMuchForIt


@dataclass(frozen=True, slots=True)
class Addressed:
    """Each recipient of a call once, where it stands; addresses in ASCII."""

    to: tuple[Mailbox, ...]
    cc: tuple[Mailbox, ...]
    bcc: tuple[Mailbox, ...]

    @property
    def all(self) -> tuple[Mailbox, ...]:
        """To, Cc and Bcc, in this order."""
        return (*self.to, *self.cc, *self.bcc)


def addressed(content: Content, to: frozenset[Address], *, blind_alone: bool) -> Addressed:
    """Return where each address of `to` stands: in the first field that names it.

    Args:
        content: Every address in it has an ASCII form.
        to: For whom the call is.
        blind_alone: Whether To may be empty. If not and nobody in To is left, those in Cc, who
            see each other anyway, move up; or a single blind copy, who sees nobody else.

    Raises:
        TooMuchForIt: Several blind copies are left, and no To to hide them behind.
    """
    seen: set[str] = set()
    fields = [_once(boxes, to, seen) for boxes in (content.to, content.cc, content.bcc)]
    if fields[0] or blind_alone:
        return Addressed(*fields)
    _, cc, bcc = fields
    if cc:
        return Addressed(cc, (), bcc)
    if len(bcc) == 1:
        return Addressed(bcc, (), ())
    raise TooMuchForIt("several blind copies are left, and it needs somebody in To")


def _once(
    boxes: tuple[Mailbox, ...], to: frozenset[Address], seen: set[str]
) -> tuple[Mailbox, ...]:
    found = []
    for box in boxes:
        # Some providers refuse a mail that names an address twice, in whatever case.
        if box.address in to and box.address.lower() not in seen:
            seen.add(box.address.lower())
            found.append(plain(box))
    return tuple(found)


def plain(box: Mailbox) -> Mailbox:
    """Return the mailbox with its domain in Punycode, and a name without controls."""
    return Mailbox(ascii_form(box.address) or box.address, clean(box.name))


def joined(boxes: tuple[Mailbox, ...]) -> str:
    """Return `Ann <a@b>, "Bob, Dr." <c@d>`: names in Unicode, quoted where needed."""
    return ", ".join([format_mailbox(box) for box in boxes])


def named(boxes: tuple[Mailbox, ...]) -> list[dict[str, str]]:
    """Return `{email, name}` for each, as most JSON APIs have it; no name where there is none."""
    return [_named(box) for box in boxes]


def _named(box: Mailbox) -> dict[str, str]:
    return {"email": box.address, "name": box.name} if box.name else {"email": box.address}
