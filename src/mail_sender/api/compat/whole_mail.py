"""A mail that a vendor's client wrote itself: kept as it came. Pure.

Neighbours: `mime` reads and keeps whole mails, `ses_mail` and `mailgun_mail` get them. Line ends
become CRLF, and what the call says beside the mail goes into its header; nothing else is touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...domain.message import Content, Mailbox
from ...mime import content_of_mail
from ...mime.head import Field, mailboxes_in, read_head
from ...mime.headers import address_field, given_field
from .wishes import WISHES

_LINE_END = re.compile(rb"\r\n|\r|\n")


def content_of_whole(
    mail: bytes,
    *,
    recipients: Sequence[Mailbox] | None = None,
    sender: Mailbox | None = None,
    reply_to: Sequence[Mailbox] = (),
    headers: Iterable[tuple[str, str]] = (),
) -> Content:
    """Return a message of a whole mail, with its `X-MS-…` fields as its only headers.

    Args:
        mail: RFC 5322, with any line ends.
        recipients: The envelope; None: whom To, Cc and Bcc name.
        sender: In place of From.
        reply_to: In place of Reply-To, where there are any.
        headers: Fields to be added.

    Raises:
        InvalidMessage: It says no sender, or several.
    """
    raw = _LINE_END.sub(b"\r\n", mail)
    head = read_head(raw)
    wishes = tuple((field.name, field.text) for field in head.fields if field.name in WISHES)
    if recipients is None:
        recipients = mailboxes_in([*head.all("to"), *head.all("cc"), *head.all("bcc")])
    added = [given_field(name, value) for name, value in headers]
    replaced = {"reply-to"} if reply_to else set()
    if reply_to:
        added.append(address_field("Reply-To", tuple(reply_to), utf8=True))

    def is_dropped(field: Field) -> bool:
        return field.name in WISHES or field.name in replaced

    content = content_of_mail(raw, recipients=recipients, mail_from=None, also_dropped=is_dropped)
    return replace(
        content,
        raw="".join(added).encode() + (content.raw or b""),
        sender=sender or content.sender,
        reply_to=tuple(reply_to) or content.reply_to,
        headers=wishes,
    )
