"""The body of SES's SendEmail (API v2), read and judged as the service model describes it.

Neighbour: `ses` answers. Pure. Everything is decoded once to be judged and then forgotten: the
inbox keeps the bytes, and reads them again when somebody looks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import msgspec

from .contents import (
    Contents,
    File,
    Header,
    addresses_in,
    contents_of_mime,
    decoded,
    header_in,
    mailboxes_in,
    written_in,
)
from .inbox import MS_ID_HEADER, MS_ID_TAG

_MAX_RECIPIENTS = 50
_MAX_HEADERS = 15
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
_HEADER_VALUE = re.compile(r"[ -~]{1,995}")


class BadSend(Exception):
    """SES would refuse the call, with this status, error type and text."""

    def __init__(
        self, message: str, *, status: int = 400, type_: str = "BadRequestException"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type_


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A mail that SES can take: what the inbox wants to know of it.

    Attributes:
        raw: The MIME of a Raw mail, else the body of the call.
    """

    mail_from: str
    recipients: tuple[str, ...]
    subject: str
    ms_id: str | None
    raw: bytes
    read: Callable[[], Contents]


def read_send(body: bytes) -> Sent:
    """Read the body of SendEmail.

    Raises:
        BadSend: SES would refuse it.
    """
    request = _decoded(body)
    content = request.content
    _judge_tags(request.tags)
    if content.template is not None:
        raise _no_template(content.template)
    if (content.simple is None) == (content.raw is None):
        raise BadSend("Content must have exactly one of Simple, Raw and Template.")
    sent = _of_raw(request, content.raw) if content.raw else _of_simple(request, body)
    if not sent.recipients:
        raise BadSend("The destination names no recipient.")
    if len(sent.recipients) > _MAX_RECIPIENTS:
        raise BadSend(f"Recipient count exceeds {_MAX_RECIPIENTS}.")
    for address in (sent.mail_from, *sent.recipients):
        _judge_address(address)
    return sent


# ---------------------------------------------------------------- the wire, as in the model


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="pascal"):
    pass


class _Text(_Wire, frozen=True):
    data: str
    charset: str = "US-ASCII"


class _Body(_Wire, frozen=True):
    text: _Text | None = None
    html: _Text | None = None


class _Pair(_Wire, frozen=True):
    name: str
    value: str


class _File(_Wire, frozen=True):
    raw_content: bytes  # base64 on the wire, as all blobs are
    file_name: str
    content_type: str | None = None
    content_disposition: str = "ATTACHMENT"
    content_id: str | None = None


class _Simple(_Wire, frozen=True):
    subject: _Text
    body: _Body
    headers: tuple[_Pair, ...] = ()
    attachments: tuple[_File, ...] = ()


class _Raw(_Wire, frozen=True):
    data: bytes


class _Template(_Wire, frozen=True):
    template_name: str | None = None


class _Content(_Wire, frozen=True):
    simple: _Simple | None = None
    raw: _Raw | None = None
    template: _Template | None = None


class _Destination(_Wire, frozen=True):
    to_addresses: tuple[str, ...] = ()
    cc_addresses: tuple[str, ...] = ()
    bcc_addresses: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        return addresses_in((*self.to_addresses, *self.cc_addresses, *self.bcc_addresses))


class _SendEmail(_Wire, frozen=True):
    content: _Content
    from_email_address: str = ""
    destination: _Destination | None = None
    reply_to_addresses: tuple[str, ...] = ()
    tags: tuple[_Pair, ...] = msgspec.field(name="EmailTags", default=())


_decode = msgspec.json.Decoder(_SendEmail).decode


def _decoded(body: bytes) -> _SendEmail:
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        raise BadSend(f"1 validation error detected: {error}") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadSend("", type_="SerializationException") from None


# ---------------------------------------------------------------- judging


def _judge_tags(tags: Sequence[_Pair]) -> None:
    for tag in tags:
        if not (_TAG.fullmatch(tag.name) and _TAG.fullmatch(tag.value)):
            raise BadSend(f"Invalid tag {tag.name}={tag.value}: only A-Z, a-z, 0-9, _ and -.")


def _judge_address(address: str) -> None:
    local, at, domain = address.rpartition("@")
    if not (local and at and domain):
        raise BadSend(f"Missing final '@domain': {address}")
    if not address.isascii():
        # Developer guide: the local part must be 7-bit ASCII, the domain in Punycode.
        raise BadSend(f"Address contains characters that are not ASCII: {address}")


def _no_template(template: _Template) -> BadSend:
    if template.template_name is None:
        return BadSend("The sandbox renders no templates.")
    text = f"Template {template.template_name} does not exist."
    return BadSend(text, status=404, type_="NotFoundException")


# ---------------------------------------------------------------- the two forms of a mail


def _of_simple(request: _SendEmail, body: bytes) -> Sent:
    simple = request.content.simple
    assert simple is not None  # noqa: S101 - one of the two, as `read_send` made sure
    if simple.body.text is None and simple.body.html is None:
        raise BadSend("Body must have Text, Html or both.")
    if len(simple.headers) > _MAX_HEADERS:
        raise BadSend(f"Only {_MAX_HEADERS} headers are allowed.")
    for header in simple.headers:
        if not (_HEADER_NAME.fullmatch(header.name) and _HEADER_VALUE.fullmatch(header.value)):
            raise BadSend(f"Invalid header: {header.name}")
    if not request.from_email_address:
        raise BadSend("Missing required parameter: FromEmailAddress")
    return Sent(
        mail_from=_first_address(request.from_email_address),
        recipients=request.destination.all if request.destination else (),
        subject=decoded(simple.subject.data),
        ms_id=_ms_id(request.tags, simple.headers),
        raw=body,
        read=partial(_contents_of_simple, body),
    )


def _of_raw(request: _SendEmail, raw: _Raw) -> Sent:
    mime = raw.data
    named = request.destination.all if request.destination else ()
    written = (written_in(mime, name) or "" for name in ("To", "Cc", "Bcc"))
    return Sent(
        mail_from=_first_address(request.from_email_address or written_in(mime, "From") or ""),
        recipients=named or addresses_in(value for value in written if value),
        subject=header_in(mime, "Subject") or "",
        ms_id=_ms_id(request.tags, ()) or header_in(mime, MS_ID_HEADER),
        raw=mime,
        read=partial(contents_of_mime, mime, metadata=_as_dict(request.tags)),
    )


def _contents_of_simple(body: bytes) -> Contents:
    request = _decode(body)
    simple = request.content.simple
    assert simple is not None  # noqa: S101 - it was when it was put into the inbox
    to = request.destination or _Destination()
    return Contents(
        sender=mailboxes_in(request.from_email_address),
        to=mailboxes_in(*to.to_addresses),
        cc=mailboxes_in(*to.cc_addresses),
        bcc=mailboxes_in(*to.bcc_addresses),
        reply_to=mailboxes_in(*request.reply_to_addresses),
        subject=decoded(simple.subject.data),
        text=simple.body.text.data if simple.body.text else None,
        html=simple.body.html.data if simple.body.html else None,
        headers=tuple(Header(name=h.name, value=decoded(h.value)) for h in simple.headers),
        attachments=tuple(_file(file) for file in simple.attachments),
        metadata=_as_dict(request.tags),
    )


def _file(file: _File) -> File:
    return File(
        filename=file.file_name,
        content_type=file.content_type or "application/octet-stream",
        size=len(file.raw_content),
        content=file.raw_content,
        disposition=file.content_disposition.lower(),
        content_id=file.content_id,
    )


def _first_address(value: str) -> str:
    return next(iter(addresses_in((value,))), "")


def _ms_id(tags: Sequence[_Pair], headers: Sequence[_Pair]) -> str | None:
    tagged = (tag.value for tag in tags if tag.name == MS_ID_TAG)
    written = (h.value for h in headers if h.name.lower() == MS_ID_HEADER.lower())
    return next(tagged, None) or next(written, None)


def _as_dict(tags: Sequence[_Pair]) -> dict[str, str]:
    return {tag.name: tag.value for tag in tags}
