"""The octets of a mail as they come: where they end, and what may not be in them.

Neighbours: `dialogue` feeds it. A mail under DATA ends with CRLF.CRLF (RFC 5321 section 4.1.1.4),
the first CRLF being that of its last line, or of the command. Servers that also take another end
let a second mail be smuggled in with the first; a lone CR or LF is refused here, and one that
might look like an end to somebody ends the connection too.
"""

from __future__ import annotations

import re
from enum import Enum, auto

_END = b"\r\n.\r\n"
_LOOKS_LIKE_AN_END = re.compile(rb"(?<!\r)\n\.(?:\r|\n)|\n\.(?:\r(?!\n)|\n)|\r\.(?:\r|\n)")
_OVERLAP = len(_END)


class Flaw(Enum):
    """Why a mail that came whole is not taken."""

    TOO_LARGE = auto()
    BARE_LINE_END = auto()
    LOOKS_LIKE_AN_END = auto()  #: to another server it was over before
    NO_ROOM = auto()  #: in our memory


class MailData:
    """The content of one DATA command. Octets beyond its end are left in the buffer.

    Attributes:
        flaw: The first that was found. From then on nothing is kept.
        held: Octets that are kept, for the budget.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept = bytearray(b"\r\n")  # the command's, so that an end may come at once
        self.flaw: Flaw | None = None

    @property
    def held(self) -> int:
        """Octets that are kept now."""
        return len(self._kept)

    def take(self, buffer: bytearray) -> bool:
        """Move octets from the buffer; return whether the mail is over."""
        known = len(self._kept)
        self._kept += buffer
        at = self._kept.find(_END, max(known - _OVERLAP + 1, 0))
        if at < 0:
            buffer.clear()
            self._look_at(max(known - _OVERLAP, 0), len(self._kept))
            return False
        rest = self._kept[at + len(_END) :]
        del self._kept[at + 2 :]
        buffer[:] = rest
        self._look_at(max(known - _OVERLAP, 0), len(self._kept))
        return True

    def content(self) -> bytes:
        """Return the mail with its dots unstuffed (RFC 5321 section 4.5.2)."""
        return bytes(self._kept.replace(b"\r\n.", b"\r\n")[2:])

    def refuse(self, flaw: Flaw) -> None:
        """Keep nothing any more, but for where the end may be."""
        if self.flaw is not Flaw.LOOKS_LIKE_AN_END:
            self.flaw = flaw
        del self._kept[: max(len(self._kept) - _OVERLAP, 0)]

    def _look_at(self, start: int, end: int) -> None:
        """Look for flaws in what is new; the last CR may still get its LF."""
        if self.flaw is not Flaw.LOOKS_LIKE_AN_END and _has_lone(self._kept, start, end):
            looks = _LOOKS_LIKE_AN_END.search(self._kept, start, end)
            self.refuse(Flaw.LOOKS_LIKE_AN_END if looks else Flaw.BARE_LINE_END)
        if self.flaw is not None:
            self.refuse(self.flaw)
        elif len(self._kept) - 2 > self._max_bytes:
            self.refuse(Flaw.TOO_LARGE)


def _has_lone(octets: bytearray, start: int, end: int) -> bool:
    """Return whether a CR or LF stands alone in this window.

    A last CR may get its LF yet, and a first LF was looked at together with what is before it.
    """
    if end > start and octets[end - 1] == 0x0D:
        end -= 1
    if end > start and octets[start] == 0x0A:
        start += 1
    pairs = octets.count(b"\r\n", start, end)
    return octets.count(b"\n", start, end) != pairs or octets.count(b"\r", start, end) != pairs
