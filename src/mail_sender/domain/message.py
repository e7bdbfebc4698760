"""A message and its envelope, as accepted from a client.

Neighbours: `intake` builds these, `store` keeps them, `providers` translate them.
The envelope (RFC 5321 section 2.3.1) is who the mail goes to; the headers only say
who it claims to go to. They differ whenever there is a Bcc.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NewType

from .chance import chance_bytes
from .value import kept, quickly_made

Address = NewType("Address", str)
"""An addr-spec such as `ann@example.net`: domain in lower case, local part as given."""

MessageId = NewType("MessageId", str)
"""`msg_` and 26 characters of Crockford's base 32: 48 bits of time, 80 bits of chance."""

KeyId = NewType("KeyId", str)
"""The public id of an API key, such as `key_01J…`. Never the secret."""

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_BY_OCTET = (_CROCKFORD * 8).encode()  #: eight octets mean the same character


def new_ulid(now: datetime) -> str:
    """Return 26 characters, sortable by time (milliseconds), with 80 unguessable bits."""
    milliseconds = int(now.timestamp() * 1000) & (1 << 48) - 1
    return _ten_characters(milliseconds) + chance_bytes(16).translate(_BY_OCTET).decode()


@lru_cache(maxsize=4)
def _ten_characters(number: int) -> str:
    return "".join([_CROCKFORD[number >> shift & 31] for shift in range(45, -1, -5)])


def in_base_32(number: int) -> str:
    """Return 128 bits as 26 characters of Crockford's base 32."""
    return "".join([_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5)])


def new_message_id(now: datetime) -> MessageId:
    """Return a new message id, the token a client asks with."""
    return MessageId("msg_" + new_ulid(now))


class OnUnknown(StrEnum):
    """What the sender prefers when nobody knows whether a provider took the message."""

    WAIT = "wait"  #: keep it `unknown` until evidence or a person settles it
    RISK_DUPLICATE = "risk_duplicate"  #: ask the next provider: arriving twice is better than never


class Priority(StrEnum):
    """Strict lanes: while a higher one has due mail, a lower one waits."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class Mode(StrEnum):
    """What the answer to the caller says."""

    ASYNC = "async"  #: durably accepted, a worker sends it
    SYNC = "sync"  #: the answer tells whether it was sent


class Disposition(StrEnum):
    """RFC 2183 section 2: how an attachment is shown."""

    ATTACHMENT = "attachment"
    INLINE = "inline"


class RecipientKind(StrEnum):
    """The header a recipient stands in; `bcc` stands in none."""

    TO = "to"
    CC = "cc"
    BCC = "bcc"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """RFC 5322 section 3.4: an address with an optional display name (unencoded Unicode)."""

    address: Address
    name: str = ""

    @property
    def domain(self) -> str:
        """The part behind the last `@`, in lower case."""
        return self.address.rpartition("@")[2].lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file. `content` is decoded; `content_id` stands without its angle brackets."""

    filename: str
    content_type: str
    content: bytes
    content_id: str | None = None
    disposition: Disposition = Disposition.ATTACHMENT


@quickly_made
@dataclass(frozen=True, kw_only=True)
class Content:
    """What the client said, unchanged by anything that happens later.

    It is encoded once at intake: the same bytes are stored, and hashed as the fingerprint
    that an idempotency key is compared by. So nothing that we make (id, times) stands here.

    Attributes:
        subject: One line of Unicode, without CR, LF, NUL.
        headers: Extra header fields in order; values are unfolded Unicode.
        route: The route asked for; None means that the routing rules choose.
        on_unknown: None means the route's default.
        give_up_after: None means the configured default.
        timeout: How long a sync caller waits. None in async mode.
        mail_from: The envelope's sender, where the client named one: bounces go there, if the
            provider lets them. Empty: nowhere (RFC 5321 section 4.5.5). None: `sender`.
        raw: The whole mail, where the client wrote it itself (lines end CRLF; no Bcc). Then
            text, html, attachments and headers are in it, and the fields here are empty; To and
            Cc in it may name people whom it does not go to, `to` and `cc` do not.
        unsubscribe: Its recipient shall be able to say "no more" with one click.
    """

    sender: Mailbox
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    attachments: tuple[Attachment, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    send_at: datetime | None = None
    give_up_after: timedelta | None = None
    priority: Priority = Priority.NORMAL
    route: str | None = None
    on_unknown: OnUnknown | None = None
    mode: Mode = Mode.ASYNC
    timeout: timedelta | None = None
    mail_from: Address | None = None
    raw: bytes | None = None
    unsubscribe: bool = False

    @kept
    def recipients(self) -> tuple[Address, ...]:
        """Every address of the envelope once, in the order to, cc, bcc."""
        return tuple(dict.fromkeys([box.address for box in (*self.to, *self.cc, *self.bcc)]))

    @kept
    def kinds(self) -> Mapping[Address, RecipientKind]:
        """For every address of `recipients`, in their order, the first field that names it."""
        if not (self.cc or self.bcc):
            return dict.fromkeys(self.recipients, RecipientKind.TO)
        fields = (
            (RecipientKind.BCC, self.bcc), (RecipientKind.CC, self.cc), (RecipientKind.TO, self.to),
        )  # fmt: skip
        known = {box.address: kind for kind, boxes in fields for box in boxes}
        return {address: known[address] for address in self.recipients}


@quickly_made
@dataclass(frozen=True, kw_only=True)
class Message:
    """One accepted submission: what was said, and what acceptance added. Immutable.

    What changes is its state, in the store.

    Attributes:
        route: The name of the route chosen at acceptance.
        on_unknown: Resolved: the caller's choice, else the route's.
        give_up_at: No attempt begins later than this.
        is_test: Accepted with a test key: it ends in the sandbox provider.
    """

    id: MessageId
    content: Content
    created_at: datetime
    give_up_at: datetime
    route: str
    on_unknown: OnUnknown
    key_id: KeyId
    is_test: bool = False
