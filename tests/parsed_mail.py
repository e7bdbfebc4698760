"""Reading a rendered mail back with the standard library's parser, as a judge that is not ours."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern_policy
from typing import cast

from mail_sender.domain.message import Address, Attachment, Content, Disposition, Mailbox


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a mail client would show. Text has LF line ends."""

    subject: str | None
    text: str | None
    html: str | None
    attachments: tuple[Attachment, ...]


def parse(mail: bytes) -> EmailMessage:
    """Return the mail as the standard library's current parser reads it."""
    return message_from_bytes(mail, policy=modern_policy)


def read_back(mail: bytes) -> Parsed:
    """Return what the parser finds in a mail."""
    message = parse(mail)
    parsed = Parsed(message["subject"] and str(message["subject"]), None, None, ())
    for part in leaves(message):
        if part.get_content_disposition() is None and part.get_content_maintype() == "text":
            body = _text(part)
            if part.get_content_subtype() == "html":
                parsed = replace(parsed, html=body)
            else:
                parsed = replace(parsed, text=body)
        else:
            parsed = replace(parsed, attachments=(*parsed.attachments, _attachment(part)))
    return parsed


def leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """Yield the parts that hold content, in order; a mail within the mail is one of them."""
    if message.get_content_maintype() == "multipart":
        for part in message.iter_parts():
            yield from leaves(cast("EmailMessage", part))
    else:
        yield message


def mailboxes_of(message: EmailMessage, field: str) -> list[tuple[str, str]]:
    """Return (display name, address) of each mailbox in a field."""
    return [(box.display_name, box.addr_spec) for box in message[field].addresses]


def content_of(mail: bytes) -> Content:
    """Return a message content like this mail, whoever wrote it and however badly."""
    parsed = read_back(mail)
    return Content(
        sender=Mailbox(Address("shop@example.com")),
        to=(Mailbox(Address("ann@example.net")),),
        subject=parsed.subject or "",
        text=parsed.text,
        html=parsed.html,
        attachments=parsed.attachments,
    )


def _text(part: EmailMessage) -> str:
    data = cast("bytes", part.get_payload(decode=True)) or b""
    charset = part.get_content_charset("us-ascii")
    try:
        text = data.decode(charset, "replace")
    except LookupError:
        text = data.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _attachment(part: EmailMessage) -> Attachment:
    content_id = part["content-id"]
    return Attachment(
        filename=part.get_filename() or "",
        content_type=part.get_content_type(),
        content=_octets(part),
        content_id=str(content_id).strip().strip("<>") if content_id else None,
        disposition=Disposition(
            "inline" if part.get_content_disposition() == "inline" else "attachment"
        ),
    )


def _octets(part: EmailMessage) -> bytes:
    if part.get_content_maintype() == "message" and part.is_multipart():
        inner = cast("list[EmailMessage]", part.get_payload())
        return b"".join(mail.as_bytes(policy=mail.policy.clone(linesep="\r\n")) for mail in inner)
    return cast("bytes", part.get_payload(decode=True)) or b""
