"""A mail that a client wrote itself, as it goes over the wire: as it came, where that may be.

Neighbours: `writer.render` calls this for a message with a mail of its own; `whole` read it. What
no server need take is mended, and nothing else touched: octets beyond ASCII in a header become
encoded words, a missing Date or Message-ID is added (RFC 6409 section 8), a Received line says
where it came through (RFC 5321 section 4.4). A mail with lines beyond 998 octets is written anew
from its parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from email.utils import format_datetime

from ..domain.message import Content, Message
from .head import Field, Head, mailboxes_in, read_head
from .headers import address_field, given_field
from .whole import message_id_in

MAX_LINE = 998  #: RFC 5322 section 2.1.1

# With its CR, and behind a line end, so that each octet is looked at once.
_TOO_LONG = re.compile(rb"\n[^\n]{1000}")
_ADDRESSES = frozenset({"from", "to", "cc", "reply-to", "sender"})


def goes_as_it_is(raw: bytes) -> bool:
    """Return whether every server takes its lines (RFC 5321 section 4.5.3.1.6)."""
    first = raw.find(b"\n")
    return 0 <= first < MAX_LINE + 2 and _TOO_LONG.search(raw) is None


def is_eight_bit(mail: bytes) -> bool:
    """Return whether a server needs 8BITMIME (RFC 6152) for it."""
    return not mail.isascii()


def render_kept(
    message: Message,
    raw: bytes,
    *,
    date: datetime,
    message_id: str,
    ours: Sequence[tuple[str, str]],
    utf8: bool,
) -> bytes:
    """Return the mail with our fields before its own. Arguments as `writer.render`."""
    head = read_head(raw)
    content = message.content
    replaced = {name.lower() for name, _ in ours}
    lines = [
        f"Received: by mail-sender id {message.id}; {format_datetime(date)}\r\n",
        *(given_field(name, value) for name, value in ours),
    ]
    if head.first("date") is None:
        lines.append(f"Date: {format_datetime(date)}\r\n")
    has_id = message_id_in(head) is not None
    if not has_id:
        lines.append(f"Message-ID: {message_id}\r\n")
        replaced.add("message-id")
    if _is_sent_by_another(content, head):
        lines.append(address_field("From", (content.sender,), utf8=utf8))
        replaced |= {"from", "sender"}
    if all(head.first(name) is None for name in ("to", "cc")):
        lines.append("To: undisclosed-recipients:;\r\n")
    mended = "".join(lines).encode()
    own = b"".join(_mended(head, replaced, utf8=utf8))
    body = raw[head.body_at :]
    end = b"" if not body or body.endswith(b"\r\n") else b"\r\n"
    return b"".join([mended, own, b"\r\n", body, end])


def _is_sent_by_another(content: Content, head: Head) -> bool:
    """Whether the provider's account may only send as somebody else than From says."""
    named = mailboxes_in(head.all("from"))
    return not named or named[0].address != content.sender.address


def _mended(head: Head, replaced: set[str], *, utf8: bool) -> Iterator[bytes]:
    for field in head.fields:
        if field.name in replaced:
            continue
        if field.octets.isascii():
            yield field.octets + b"\r\n"
        else:
            yield _in_ascii(field, utf8=utf8).encode()


def _in_ascii(field: Field, *, utf8: bool) -> str:
    name = field.octets.partition(b":")[0].decode().strip()
    boxes = mailboxes_in([field]) if field.name in _ADDRESSES else ()
    if boxes:
        return address_field(name, boxes, utf8=utf8)
    return given_field(name, field.text)
