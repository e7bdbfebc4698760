"""A message in the words of Mailgun: the form of `messages`, or of `messages.mime`.

Neighbours: `mailgun` makes the calls, `multipart` writes the form, `mime` whole mails. Pure.
Field names and limits: documentation.mailgun.com, Messages API v3.

`messages` names the parts of a mail and leaves the MIME to Mailgun; it is used where it says
all that the message says. The rest goes as a whole mail, with the envelope beside it.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime

from ..domain.address import format_mailbox
from ..domain.message import Address, Attachment, Content, Disposition, Mailbox, Message
from ..mime import render
from .ascii_headers import ascii_form, ascii_mailbox, ascii_value
from .multipart import FormFile, content_type_of_form, write_form

MAX_RECIPIENTS = 1000
MAX_MESSAGE_BYTES = 25 * 1024 * 1024
MAX_TAGS = 3
MAX_OPTION_BYTES = 16 * 1024  #: of all h:, v: and o: fields together, names counted

METADATA_PREFIX = "meta_"  #: so that a client's `tags` or `ms_id` is not taken for ours

_MAX_LINE = 900  #: of a header; longer ones are folded by `mime`, not by luck
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_FILE_NAME = re.compile(r"[ !#-\[\]-~]+")  # printable ASCII that needs no escape in quotes
_CONTENT_TYPE = re.compile(
    r"(?!multipart/|message/)[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.IGNORECASE
)
_SPECIALS = re.compile(r'[()<>\[\]:;@\\,."]')  # RFC 5322 section 3.2.3

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Form:
    """What to post, and to which of the two endpoints."""

    endpoint: str
    content_type: str
    body: bytes


def rfc_message_id(message: Message, domain: str) -> str:
    """Return the Message-ID that the mail gets, without angle brackets: what events name."""
    return f"{message.id}@{domain}"


def form_of(
    message: Message, to: frozenset[Address], *, domain: str, now: datetime, boundary: str
) -> Form:
    """Return the form for a message that Mailgun can express.

    Args:
        message: Every local part in it is ASCII.
        to: Where it goes; fewer than its recipients when others were served before.
        domain: Of the account, and of the Message-ID, which Mailgun keeps.
        now: For the Date of a whole mail.
        boundary: See `multipart.write_form`.
    """
    content = message.content
    variables = _variables(message)
    message_id = f"<{rfc_message_id(message, domain)}>"
    headers = _headers(content, message_id)
    in_parts = (
        content.raw is None
        and set(content.recipients) == to
        and len({name.lower() for name, _ in headers}) == len(headers)
        and _needs_no_mime(content)
        and option_bytes([*variables, *headers]) <= MAX_OPTION_BYTES
    )
    if in_parts:
        fields = [*_parts(content), *headers, *variables]
        files = [_file(attachment) for attachment in content.attachments]
    else:
        mail = render(message, date=now, message_id=message_id)
        envelope = [("to", _ascii(a)) for a in content.recipients if a in to]
        fields = [*envelope, *variables]
        files = [FormFile("message", "message.eml", "message/rfc822", mail)]
    return Form(
        endpoint="messages" if in_parts else "messages.mime",
        content_type=content_type_of_form(boundary),
        body=write_form(fields, files, boundary=boundary),
    )


def least_option_bytes(message: Message) -> int:
    """Return the size of the options that no form can do without."""
    return option_bytes(_variables(message))


def option_bytes(fields: Fields) -> int:
    """Return how many bytes of the limit of 16 KB these fields take."""
    return sum(len(name) + len(value.encode()) for name, value in fields)


def _variables(message: Message) -> Fields:
    """Return our id, metadata and tags, all of which come back in events.

    Without o:suppress-headers they would be shown to the recipients, in X-Mailgun-Variables.
    """
    tags = message.content.tags
    metadata = message.content.metadata
    odd = {key: value for key, value in metadata if not _PLAIN_KEY.fullmatch(key)}
    return [
        *(("o:tag", tag) for tag in tags[:MAX_TAGS]),
        ("o:suppress-headers", "X-Mailgun-Variables"),
        ("v:ms_id", str(message.id)),
        *((f"v:{METADATA_PREFIX}{key}", value) for key, value in metadata if key not in odd),
        *([("v:meta", json.dumps(odd))] if odd else []),
        *([("v:tags", ",".join(tags[MAX_TAGS:]))] if len(tags) > MAX_TAGS else []),
    ]


def _parts(content: Content) -> Fields:
    return [
        ("from", _mailbox(content.sender)),
        *(("to", _mailbox(box)) for box in content.to),
        *(("cc", _mailbox(box)) for box in content.cc),
        *(("bcc", _mailbox(box)) for box in content.bcc),
        ("subject", content.subject),
        *([("text", content.text)] if content.text else []),
        *([("html", content.html)] if content.html else []),
    ]


def _headers(content: Content, message_id: str) -> Fields:
    headers = [(f"h:{name}", ascii_value(value)) for name, value in content.headers]
    if content.reply_to:
        headers.append(("h:Reply-To", ", ".join(map(ascii_mailbox, content.reply_to))))
    return [*headers, ("h:Message-Id", message_id)]


def _file(attachment: Attachment) -> FormFile:
    # The Content-ID of an inline file is its file name: there is no other field for it.
    if attachment.disposition is Disposition.INLINE:
        name = attachment.content_id or attachment.filename
        return FormFile("inline", name, attachment.content_type, attachment.content)
    return FormFile("attachment", attachment.filename, attachment.content_type, attachment.content)


def _needs_no_mime(content: Content) -> bool:
    """Whether the fields of `messages` can say all of it."""
    boxes = (content.sender, *content.to, *content.cc, *content.bcc)
    inline = [a for a in content.attachments if a.disposition is Disposition.INLINE]
    cids = {a.content_id or a.filename for a in inline}
    return (
        bool(content.to)
        and bool(content.subject)
        and bool(content.text or content.html)
        and not any(_is_misquoted(box.name) for box in boxes)
        and all(value and len(value) < _MAX_LINE for _, value in content.headers)
        and len(cids) == len(inline)
        and all(_is_plain(attachment) for attachment in content.attachments)
    )


def _is_misquoted(name: str) -> bool:
    """Whether Mailgun gets it wrong: letters beyond ASCII together with punctuation."""
    return "=?" in name or (not name.isascii() and _SPECIALS.search(name) is not None)


def _is_plain(attachment: Attachment) -> bool:
    """Whether a part of the form gives it the name, the Content-ID and the type that it has."""
    inline = attachment.disposition is Disposition.INLINE
    shown = (attachment.content_id if inline else None) or attachment.filename
    text = attachment.content_type.lower().startswith("text/")
    return bool(
        (inline or attachment.content_id is None)
        and _FILE_NAME.fullmatch(shown)
        and _CONTENT_TYPE.fullmatch(attachment.content_type)
        and not (text and not attachment.content.isascii())
    )


def _mailbox(box: Mailbox) -> str:
    return format_mailbox(Mailbox(Address(_ascii(box.address)), box.name))


def _ascii(address: Address) -> str:
    return ascii_form(address) or address
