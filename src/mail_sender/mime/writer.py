"""The structure of a mail: which parts it has, and which header fields.

Neighbours: `bodies` encodes a part, `headers` writes fields. The structure is the usual one,
each level only where it is needed:

    multipart/mixed
      multipart/alternative
        text/plain
        multipart/related; type="text/html"     (RFC 2387)
          text/html
          images with a Content-ID
      attachments
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from hashlib import blake2b

from ..domain.message import Attachment, Content, Disposition, Message
from .bodies import Body, base64_body, mail_body, text_body
from .headers import (
    address_field,
    content_id_field,
    disposition_field,
    given_field,
    media_type_or,
    text_field,
)
from .kept import goes_as_it_is, render_kept
from .whole import message_id_of, spelled_out, why_not_spelled_out

_MESSAGE_ID = re.compile(r"<[!-;=?-~]{1,900}>")
_UNKNOWN_TYPE = "application/octet-stream"
_OWN_FIELDS = frozenset(
    {"from", "to", "cc", "bcc", "date", "message-id", "mime-version"}
    | {"content-type", "content-transfer-encoding", "content-disposition", "content-id"}
)


@dataclass(frozen=True, slots=True)
class _Entity:
    """A body and the fields that describe it (RFC 2045 section 2.4)."""

    fields: str
    chunks: tuple[bytes, ...]


def render(
    message: Message,
    *,
    date: datetime,
    message_id: str,
    extra_headers: Iterable[tuple[str, str]] = (),
    utf8_headers: bool = False,
) -> bytes:
    """Return the mail as it goes over the wire, without the dot-stuffing of SMTP.

    Bcc is never written. A mail without To and Cc gets `To: undisclosed-recipients:;`. Of the
    client's header fields those are left out that stand here already; the doors refuse them
    earlier, with a reason. An empty text part is written when there is no content at all.
    Attachments are base64, except message/*, which must not be (RFC 2046 section 5.2): it
    stays as it is when it is ASCII in lines of at most 998, and otherwise travels as
    application/octet-stream under the same file name. A mail that the client wrote itself goes
    as `kept` has it.

    Args:
        message: What to write.
        date: For Date; aware. Give the same at each retry.
        message_id: With its angle brackets. The boundaries are made from it.
        extra_headers: Our own fields; they win over the client's of the same name.
        utf8_headers: Whether an address with a non-ASCII local part may stand in UTF-8
            (RFC 6532). Everything else is ASCII all the same.

    Raises:
        ValueError: An address, a field name or the Message-ID cannot be written.
    """
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"not a Message-ID: {message_id!r}")
    content = message.content
    ours = tuple(extra_headers)
    if content.raw is not None:
        if goes_as_it_is(content.raw) or why_not_spelled_out(content) is not None:
            return render_kept(
                message, content.raw, date=date, message_id=message_id, ours=ours, utf8=utf8_headers
            )
        message_id = message_id_of(content.raw) or message_id
        content = spelled_out(content)
    entity = _entity(content, blake2b(message_id.encode(), digest_size=12).hexdigest())
    head = "".join(
        [
            f"Date: {format_datetime(date)}\r\n",
            *_addresses(content, utf8=utf8_headers),
            text_field("Subject", content.subject) if _has_subject(content) else "",
            f"Message-ID: {message_id}\r\n",
            *(given_field(name, value) for name, value in _theirs(content, ours)),
            *(given_field(name, value) for name, value in ours),
            "MIME-Version: 1.0\r\n",
            entity.fields,
            "\r\n",
        ]
    )
    end = b"" if entity.chunks[-1].endswith(b"\r\n") else b"\r\n"
    return b"".join([head.encode(), *entity.chunks, end])


def least_bytes(content: Content) -> int:
    """Return a size that no rendering of this content is smaller than, at no cost."""
    if content.raw is not None:
        return len(content.raw)
    size = len(content.text or "") + len(content.html or "")
    for attachment in content.attachments:
        size += len(attachment.content) * 78 // 57
    return size


def _addresses(content: Content, *, utf8: bool) -> Iterable[str]:
    yield address_field("From", (content.sender,), utf8=utf8)
    if content.to:
        yield address_field("To", content.to, utf8=utf8)
    elif not content.cc:
        yield "To: undisclosed-recipients:;\r\n"
    if content.cc:
        yield address_field("Cc", content.cc, utf8=utf8)
    if content.reply_to:
        yield address_field("Reply-To", content.reply_to, utf8=utf8)


def _has_subject(content: Content) -> bool:
    """Return whether Subject is ours to write: the client may have set it as a header."""
    return bool(content.subject) or all(name.lower() != "subject" for name, _ in content.headers)


def _theirs(content: Content, ours: Sequence[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    """Return the client's fields that do not stand in the mail already."""
    written = _OWN_FIELDS | {name.lower() for name, _ in ours}
    if content.subject:
        written |= {"subject"}
    if content.reply_to:
        written |= {"reply-to"}
    return (field for field in content.headers if field[0].lower() not in written)


def _entity(content: Content, token: str) -> _Entity:
    """Return the whole body; `token` makes boundaries that occur nowhere in it."""
    images: list[_Entity] = []
    files: list[_Entity] = []
    for attachment in content.attachments:
        shown_in_html = content.html is not None and _is_inline(attachment)
        (images if shown_in_html else files).append(_attachment(attachment, token))
    bodies = []
    if content.text is not None or content.html is None:
        bodies.append(_text("plain", content.text or "", token))
    if content.html is not None:
        html = _text("html", content.html, token)
        bodies.append(_multipart("related", [html, *images], token, type_of_root="text/html"))
    return _multipart("mixed", [_multipart("alternative", bodies, token), *files], token)


def _is_inline(attachment: Attachment) -> bool:
    return attachment.disposition is Disposition.INLINE and bool(attachment.content_id)


def _multipart(
    subtype: str, parts: Sequence[_Entity], token: str, *, type_of_root: str = ""
) -> _Entity:
    """Return the parts as one, or the only part as it is.

    The boundary differs per level, none begins like another, and none can occur in a part:
    `=_` is in neither quoted-printable nor base64 (RFC 2045 section 6.7), and a part that is
    not encoded was searched for the token.
    """
    if len(parts) == 1:
        return parts[0]
    boundary = f"=_{subtype[0]}{token}"
    chunks: list[bytes] = []
    for part in parts:
        chunks += (f"--{boundary}\r\n{part.fields}\r\n".encode(), *part.chunks, b"\r\n")
    chunks.append(f"--{boundary}--\r\n".encode())
    root = f' type="{type_of_root}";' if type_of_root else ""  # RFC 2387 section 3.1 asks for it
    fields = f'Content-Type: multipart/{subtype};{root}\r\n boundary="{boundary}"\r\n'
    return _Entity(fields, tuple(chunks))


def _text(subtype: str, text: str, token: str) -> _Entity:
    charset = "us-ascii" if text.isascii() else "utf-8"
    body = text_body(text, boundary=token.encode())
    return _part(f"Content-Type: text/{subtype}; charset={charset}\r\n", body)


def _attachment(attachment: Attachment, token: str) -> _Entity:
    media_type, body = _type_and_body(attachment, token)
    fields = f"Content-Type: {media_type}\r\n"
    fields += disposition_field(attachment.disposition, attachment.filename)
    if attachment.content_id:
        fields += content_id_field(attachment.content_id)
    return _part(fields, body)


def _type_and_body(attachment: Attachment, token: str) -> tuple[str, Body]:
    media_type = media_type_or(_UNKNOWN_TYPE, attachment.content_type)
    family = media_type.partition("/")[0].lower()
    if family == "message":
        body = mail_body(attachment.content, boundary=token.encode())
        if body is not None:
            return media_type, body
    if family in {"message", "multipart"}:  # composite types, which base64 is forbidden for
        media_type = _UNKNOWN_TYPE
    return media_type, base64_body(attachment.content)


def _part(fields: str, body: Body) -> _Entity:
    return _Entity(f"{fields}Content-Transfer-Encoding: {body.encoding}\r\n", (body.data,))
