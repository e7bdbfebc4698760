"""A whole mail as a message: what its header says, and what its body says when it must be told.

Neighbours: doors that take whole mails call `content_of_mail`; `delivery.router` has `spelled_out`
made for providers that take a mail only by its parts, and `kept` writes the mail for all others.
`Content.raw` is the truth of such a message. Its parts are read when somebody needs them, so that
a mail is neither stored twice nor taken apart for a provider that takes it as it is.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from ..domain.errors import Fault, InvalidMessage
from ..domain.message import Address, Content, Mailbox
from .head import Field, Head, mailboxes_in, read_head
from .parts import Parts, read_parts

MAX_SUBJECT_CHARS = 998
MAX_RECEIVED = 50  #: hops; RFC 5321 section 6.3 asks for at least 100 to be taken as a loop

#: Never kept: who is blind stays blind, and the path back is the last server's to write.
_DROPPED = frozenset({"bcc", "resent-bcc", "return-path", "x-ms-id"})
_TOLD_ELSEWHERE = re.compile(
    r"(?:from|to|cc|bcc|reply-to|subject|date|message-id|mime-version|content-.*|return-path|"
    r"received|x-ms-id)"
)
_LOST = re.compile(r"(?:sender|dkim-.*|domainkey-.*|resent-.*|arc-.*)")
_FIELD_NAME = re.compile(r"[!-9;-~]{1,76}")
_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")


def content_of_mail(
    raw: bytes,
    *,
    recipients: Sequence[Mailbox],
    mail_from: Address | None,
    head: Head | None = None,
    also_dropped: Callable[[Field], bool] = lambda _: False,
) -> Content:
    """Return a message of a whole mail. Tags, times and the like are its door's to add.

    Args:
        raw: Lines end CRLF; dots are not stuffed.
        recipients: The envelope: whom it goes to, whatever the header says. Those whom To or Cc
            name stand there, with the name that they have there, and all others in Bcc.
        mail_from: The envelope's sender, empty for the null path (RFC 5321 section 4.5.5). It
            stands in for a From that is missing. None: the address in From.
        head: The mail's own, where it is read already.
        also_dropped: Fields that are meant for the door only.

    Raises:
        InvalidMessage: With pointers such as `/headers/From`.
    """
    head = head or read_head(raw)
    sender = _sender(head, mail_from)
    if len(head.all("received")) > MAX_RECEIVED:
        raise InvalidMessage([Fault("/headers/Received", "too many hops: the mail goes in a loop")])
    left = {box.address.lower(): box for box in recipients}
    to = tuple(_named(left, mailboxes_in(head.all("to"))))
    cc = tuple(_named(left, mailboxes_in(head.all("cc"))))
    return Content(
        sender=sender,
        to=to,
        cc=cc,
        bcc=tuple(left.values()),
        reply_to=mailboxes_in(head.all("reply-to")),
        subject=head.text("subject")[:MAX_SUBJECT_CHARS],
        mail_from=mail_from,
        raw=_kept(raw, head, sender, also_dropped),
    )


def spelled_out(content: Content) -> Content:
    """Return the message by its parts, without the mail; as it is when it has no mail."""
    if content.raw is None:
        return content
    parts = read_parts(content.raw)
    return dataclasses.replace(
        content,
        raw=None,
        text=parts.text,
        html=parts.html,
        attachments=tuple(parts.attachments),
        headers=tuple(_told_headers(read_head(content.raw))),
    )


def why_not_spelled_out(content: Content) -> str | None:
    """Return why a mail can only go as it is; None when it can be told by its parts."""
    return read_parts(content.raw).obstacle if content.raw is not None else None


def losses(content: Content) -> tuple[str, ...]:
    """Return what a mail loses when it is told by its parts, in words for a person."""
    if content.raw is None:
        return ()
    head = read_head(content.raw)
    return tuple(dict.fromkeys([*_lost_in_head(head, content), *_lost_in_body(content.raw)]))


def message_id_of(raw: bytes) -> str | None:
    """Return the Message-ID that its author gave the mail, if it is one."""
    return message_id_in(read_head(raw))


def message_id_in(head: Head) -> str | None:
    """As `message_id_of`, for a header that is read already."""
    named = head.all("message-id")
    text = named[0].text if len(named) == 1 else ""
    return text if _MESSAGE_ID.fullmatch(text) else None


# ---------------------------------------------------------------- the header


def _sender(head: Head, mail_from: Address | None) -> Mailbox:
    """Return who the mail says it is from.

    Several From fields are how one address is shown to a filter and another to a reader.
    """
    fields = head.all("from")
    if len(fields) > 1:
        raise InvalidMessage([Fault("/headers/From", "stands there more than once")])
    boxes = mailboxes_in(fields)
    if boxes:
        return boxes[0]
    if fields:
        raise InvalidMessage([Fault("/headers/From", "is no address")])
    if not mail_from:
        raise InvalidMessage([Fault("/headers/From", "is missing")])
    return Mailbox(mail_from)


def _named(left: dict[str, Mailbox], boxes: Iterable[Mailbox]) -> Iterator[Mailbox]:
    """Take out of `left` whom a field names, under the name that it gives them."""
    for box in boxes:
        known = left.pop(box.address.lower(), None)
        if known is not None:
            yield Mailbox(known.address, box.name)


def _kept(raw: bytes, head: Head, sender: Mailbox, also_dropped: Callable[[Field], bool]) -> bytes:
    """Return the mail without what must not go on, and with the From that it goes by."""
    fields = [f for f in head.fields if f.name not in _DROPPED and not also_dropped(f)]
    lacks_from = head.first("from") is None
    is_whole = head.body_at == len(raw) or raw[head.body_at - 4 : head.body_at] == b"\r\n\r\n"
    if len(fields) == len(head.fields) and not lacks_from and is_whole:
        return raw
    lines = [field.octets for field in fields]
    if lacks_from:
        lines.insert(0, f"From: <{sender.address}>".encode())
    return b"\r\n".join([*lines, b"", raw[head.body_at :]])


def _told_headers(head: Head) -> Iterator[tuple[str, str]]:
    for field in head.fields:
        if _TOLD_ELSEWHERE.fullmatch(field.name) or _LOST.fullmatch(field.name):
            continue
        if _FIELD_NAME.fullmatch(field.name) and field.text:
            yield field.octets.partition(b":")[0].decode().strip(), field.text


def _lost_in_head(head: Head, content: Content) -> Iterator[str]:
    for field in head.fields:
        if _LOST.fullmatch(field.name):
            yield f"its header field {field.octets.partition(b':')[0].decode().strip()}"
    if head.first("message-id") is not None:
        yield "its Message-ID, in whose place the provider sets its own"
    going = {address.lower() for address in content.recipients}
    named = mailboxes_in([*head.all("to"), *head.all("cc")])
    if any(box.address.lower() not in going for box in named):
        yield "names in To and Cc to whom this mail does not go"
    if len(mailboxes_in(head.all("from"))) > 1:
        yield "all but the first of its authors in From"


def _lost_in_body(raw: bytes) -> Sequence[str]:
    parts: Parts = read_parts(raw)
    return [parts.obstacle] if parts.obstacle is not None else parts.losses
