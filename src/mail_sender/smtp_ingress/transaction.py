"""One mail on its way in, from MAIL to its last octet (RFC 5321 section 3.3, RFC 3030).

Neighbours: `dialogue` begins it and answers, `mail_data` knows where a mail under DATA ends. Its
octets count against the budget of all connections until it is released.
"""

from __future__ import annotations

from ..domain.message import Address
from . import replies
from .commands import Path
from .limits import Budget
from .mail_data import Flaw, MailData

_REPLIES = {
    Flaw.TOO_LARGE: replies.TOO_LARGE,
    Flaw.BARE_LINE_END: replies.BARE_IN_MAIL,
    Flaw.LOOKS_LIKE_AN_END: replies.BARE_IN_MAIL,
    Flaw.NO_ROOM: replies.NO_ROOM,
}


class Transaction:
    """See the module.

    Attributes:
        recipients: In the order of RCPT, each once.
        refusal: Why this mail is not taken; nothing of it is kept from then on.
    """

    def __init__(self, mail_from: Path, *, max_bytes: int, budget: Budget) -> None:
        self.mail_from = mail_from
        self.recipients: dict[Address, None] = {}
        self.refusal: str | None = None
        self._max_bytes = max_bytes
        self._budget = budget
        self._held = 0
        self._data: MailData | None = None
        self._chunks: list[bytes] | None = None

    @property
    def has_content(self) -> bool:
        """Whether octets of the mail have come, or are about to."""
        return self._data is not None or self._chunks is not None

    @property
    def held(self) -> int:
        """Octets that are kept now."""
        return self._held

    @property
    def content(self) -> bytes:
        """The mail."""
        return self._data.content() if self._data is not None else b"".join(self._chunks or ())

    def begin_data(self) -> None:
        """DATA was said."""
        self._data = MailData(self._max_bytes)

    def take_data(self, buffer: bytearray) -> bool:
        """Move octets of the mail out of the buffer; return whether it is over."""
        data = self._data
        if data is None:
            return True
        is_over = data.take(buffer)
        if data.flaw is None and not self._hold(data.held):
            data.refuse(Flaw.NO_ROOM)
        if data.flaw is not None:
            self._hold(0)
            self.refusal = _REPLIES[data.flaw]
        return is_over

    @property
    def is_ambiguous(self) -> bool:
        """Whether another server might think that the mail has ended already."""
        return self._data is not None and self._data.flaw is Flaw.LOOKS_LIKE_AN_END

    def begin_chunk(self) -> None:
        """BDAT was said."""
        if self._chunks is None:
            self._chunks = []

    def take_chunk(self, octets: bytes) -> None:
        """Keep octets of a chunk, unless the mail is refused."""
        if self.refusal is not None or self._chunks is None:
            return
        if self._held + len(octets) > self._max_bytes:
            self.refusal = replies.TOO_LARGE
        elif not self._hold(self._held + len(octets)):
            self.refusal = replies.NO_ROOM
        else:
            self._chunks.append(octets)

    def release(self) -> None:
        """Let go of everything."""
        self._hold(0)
        self._chunks = None
        self._data = None

    def _hold(self, octets: int) -> bool:
        """Change what counts against the budget; return whether there was room."""
        if octets <= self._held:
            self._budget.give_back(self._held - octets)
        elif not self._budget.take(octets - self._held):
            return False
        self._held = octets
        return True
