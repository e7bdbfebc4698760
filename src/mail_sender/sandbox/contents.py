"""What a mail says, in one form, whichever way it came in.

Neighbours: `inbox` keeps the bytes and calls a reader of this form only when somebody looks;
`ses` and `mailgun` have readers for their own requests, the reader for MIME is here. Readers
never raise: whatever a client managed to send, the inbox can show it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message as MimeMessage
from email.utils import collapse_rfc2231_value, getaddresses

import msgspec

from ..domain.message import Mailbox as DomainMailbox
from ..domain.message import Message

MAX_PARTS = 1000  #: MIME parts shown; a mail with more is an attack or a mistake
_MAX_HEAD_BYTES = 256 * 1024  #: no header field is looked for beyond


class Mailbox(msgspec.Struct, frozen=True, kw_only=True):
    """An address with the display name it was given, decoded."""

    address: str
    name: str = ""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """A header field, decoded and unfolded."""

    name: str
    value: str


class File(msgspec.Struct, frozen=True, kw_only=True):
    """An attachment. In JSON, `content` is base64."""

    filename: str
    content_type: str
    size: int
    content: bytes
    disposition: str = "attachment"
    content_id: str | None = None


class Contents(msgspec.Struct, frozen=True, kw_only=True, rename={"sender": "from"}):
    """A mail as a person reads it.

    Attributes:
        bcc: Only where the provider's API has a field for it.
        tags, metadata: Only what travelled in the provider's own fields.
        headers: All of them for MIME, else those that the client named itself.
    """

    sender: tuple[Mailbox, ...] = ()
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    headers: tuple[Header, ...] = ()
    attachments: tuple[File, ...] = ()
    tags: tuple[str, ...] = ()
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


def contents_of_mime(
    raw: bytes, *, tags: tuple[str, ...] = (), metadata: dict[str, str] | None = None
) -> Contents:
    """Read an RFC 5322 message. What cannot be read is shown as text."""
    try:
        return _contents(message_from_bytes(raw), tags, metadata or {})
    except Exception:  # noqa: BLE001 - malformed mail makes the stdlib raise a dozen kinds
        text = raw[:_MAX_HEAD_BYTES].decode("utf-8", "replace")
        return Contents(text=text, tags=tags, metadata=metadata or {})


def contents_of_message(message: Message) -> Contents:
    """Return what a message says that was handed over in the process, without any wire."""
    content = message.content
    if content.raw is not None:
        return contents_of_mime(content.raw, tags=content.tags, metadata=dict(content.metadata))
    return Contents(
        sender=_mailboxes((content.sender,)),
        to=_mailboxes(content.to),
        cc=_mailboxes(content.cc),
        bcc=_mailboxes(content.bcc),
        reply_to=_mailboxes(content.reply_to),
        subject=content.subject,
        text=content.text,
        html=content.html,
        headers=tuple(Header(name=name, value=value) for name, value in content.headers),
        attachments=tuple(
            File(
                filename=file.filename,
                content_type=file.content_type,
                size=len(file.content),
                content=file.content,
                disposition=file.disposition,
                content_id=file.content_id,
            )
            for file in content.attachments
        ),
        tags=content.tags,
        metadata=dict(content.metadata),
    )


def header_in(raw: bytes, name: str) -> str | None:
    """Return the first field called `name` of an RFC 5322 message, decoded; None if absent."""
    found = written_in(raw, name)
    return decoded(found) if found is not None else None


def written_in(raw: bytes, name: str) -> str | None:
    """Return a field with its encoded words, unfolded: a list is split before they are read.

    Looks at the head only and parses nothing else: every mail pays for this on arrival.
    """
    if raw.startswith((b"\r\n", b"\n")):
        return None
    head = raw[:_MAX_HEAD_BYTES].partition(b"\r\n\r\n")[0].partition(b"\n\n")[0]
    pattern = rb"^%s[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)" % re.escape(name.encode())
    found = re.search(pattern, head, re.IGNORECASE | re.MULTILINE)
    return " ".join(_text(found[1]).split()) if found else None


def mailboxes_in(*values: str) -> tuple[Mailbox, ...]:
    """Read address lists (RFC 5322 section 3.4), still encoded; what is no address is dropped."""
    try:
        pairs = getaddresses(list(values))
    except (ValueError, IndexError, TypeError):
        return ()
    return tuple(
        Mailbox(address=valid_text(address), name=decoded(name))
        for name, address in pairs
        if address
    )


def addresses_in(values: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses of mailboxes or lists of them, each once, in order."""
    found: dict[str, None] = {}
    for value in values:
        if value.count("@") == 1 and "," not in value:
            # `a@b` or `Name <a@b>`, as almost always: worth not waking the real parser.
            bare = value.rpartition("<")[2].rstrip("> \t") if value.endswith(">") else value
            found[bare.strip()] = None
        else:
            found.update(dict.fromkeys(mailbox.address for mailbox in mailboxes_in(value)))
    found.pop("", None)
    return tuple(found)


def decoded(value: str) -> str:
    """Return a header value unfolded and with its RFC 2047 words decoded."""
    value = " ".join(value.split())
    if "=?" in value:
        # A broken encoded-word is shown as it came.
        with suppress(HeaderParseError, LookupError, UnicodeError, ValueError):
            value = str(make_header(decode_header(value)))
    return valid_text(value)


def valid_text(value: str) -> str:
    """Return `value` fit for JSON: bytes smuggled in as surrogates become UTF-8, or a mark."""
    if value.isascii():
        return value
    try:
        return _text(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def _mailboxes(mailboxes: Iterable[DomainMailbox]) -> tuple[Mailbox, ...]:
    return tuple(Mailbox(address=m.address, name=m.name) for m in mailboxes)


def _contents(mime: MimeMessage, tags: tuple[str, ...], metadata: dict[str, str]) -> Contents:
    # Values from `raw_items` are as on the wire; RFC 6532 puts UTF-8 there, kept as surrogates.
    fields = [(valid_text(name), valid_text(value)) for name, value in mime.raw_items()]
    text, html, files = _split(mime)
    return Contents(
        sender=_named(fields, "from"),
        to=_named(fields, "to"),
        cc=_named(fields, "cc"),
        bcc=_named(fields, "bcc"),
        reply_to=_named(fields, "reply-to"),
        subject=next((decoded(v) for n, v in fields if n.lower() == "subject"), ""),
        text=text,
        html=html,
        headers=tuple(Header(name=name, value=decoded(value)) for name, value in fields),
        attachments=tuple(files),
        tags=tags,
        metadata=metadata,
    )


def _named(fields: list[tuple[str, str]], name: str) -> tuple[Mailbox, ...]:
    return mailboxes_in(*(value for field, value in fields if field.lower() == name))


def _split(mime: MimeMessage) -> tuple[str | None, str | None, list[File]]:
    """Return the text, the HTML and all other leaves: the first of a kind is the body."""
    text: str | None = None
    html: str | None = None
    files: list[File] = []
    for part in _leaves(mime):
        kind = part.get_content_type()
        is_file = part.get_content_disposition() == "attachment" or part.get_filename() is not None
        if kind == "text/plain" and text is None and not is_file:
            text = _body(part)
        elif kind == "text/html" and html is None and not is_file:
            html = _body(part)
        else:
            files.append(_file(part))
    return text, html, files


def _leaves(mime: MimeMessage) -> Iterator[MimeMessage]:
    """Yield what holds content, depth first; an attached message is one leaf."""
    waiting = [mime]
    for _ in range(MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting.extend(reversed([p for p in payload if isinstance(p, MimeMessage)]))
        else:
            yield part


def _bytes(part: MimeMessage) -> bytes:
    payload = part.get_payload(decode=True)
    if isinstance(payload, bytes):
        return payload
    inner = part.get_payload()  # message/rfc822 holds a list with the one message
    return (
        b"".join(p.as_bytes() for p in inner if isinstance(p, MimeMessage))
        if isinstance(inner, list)
        else b""
    )


def _body(part: MimeMessage) -> str:
    content = _bytes(part)
    try:
        return content.decode(part.get_content_charset("utf-8"), "replace")
    except (LookupError, ValueError):
        return _text(content)


def _filename(part: MimeMessage) -> str:
    """Return the name of a part, its RFC 2231 form before the plain one that goes with it."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        named = part.get_params([], header)
        found = [value for name, value in named if name.lower() == parameter]
        found.sort(key=lambda value: isinstance(value, tuple), reverse=True)
        if found:
            return decoded(collapse_rfc2231_value(found[0]))
    return ""


def _file(part: MimeMessage) -> File:
    content = _bytes(part)
    content_id = part.get("Content-ID")
    return File(
        filename=_filename(part),
        content_type=valid_text(part.get_content_type()),
        size=len(content),
        content=content,
        disposition=valid_text(part.get_content_disposition() or "inline"),
        content_id=decoded(str(content_id)).strip("<>") if content_id else None,
    )
