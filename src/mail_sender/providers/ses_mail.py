"""A message in the words of SES: the body of SendEmail (API v2).

Neighbours: `ses` makes the calls, `mime` writes whole mails. Pure. Field names and limits are
those of the SESv2 service model (2019-09-27), which the tests hold every body against.

SES takes a mail in two forms. *Simple* names its parts and leaves the MIME to SES; *Raw* is a
whole mail, with the envelope beside it. Simple is used where it says all that the message says
(SES then sees which parts are which, and the bodies are smaller), Raw for the rest.
"""

from __future__ import annotations

import json
import re
from datetime import datetime

import msgspec

from ..domain.message import Address, Attachment, Content, Disposition, Mailbox, Message
from ..mime import render
from .ascii_headers import ascii_form, ascii_mailbox, ascii_value
from .json_writing import base64_of

MAX_RECIPIENTS = 50
MAX_MESSAGE_BYTES = 40 * 1024 * 1024  #: of the mail with its base64
MAX_TAGS = 10  #: all that a message can have; SES names no limit below

REFUSED_EXTENSIONS = frozenset(
    # Developer guide, "Unsupported attachment types".
    """ade adp app asp bas bat cer chm cmd com cpl crt csh der exe fxp gadget hlp hta inf ins isp
    its js jse ksh lib lnk mad maf mag mam maq mar mas mat mau mav maw mda mdb mde mdt mdw mdz
    msc msh msh1 msh1xml msh2 msh2xml mshxml msi msp mst ops pcd pif plg prf prg ps1 ps1xml ps2
    ps2xml psc1 psc2 reg scf scr sct shb shs sys tmp url vb vbe vbs vps vsmacros vss vst vsw vxd
    ws wsc wsf wsh xnk""".split()  # noqa: SIM905 - ninety quoted words would not be read
)

_MAX_HEADERS = 15
_MAX_HEADER_CHARS = 996  #: name and value together
_HEADER_NAME = re.compile(r"[!-9;-~]{1,126}")
_FILE_NAME = re.compile(r"[ !#-\[\]-~]{1,255}")  # printable ASCII that needs no escape in quotes
_CONTENT_TYPE = re.compile(
    r"(?!multipart/|message/)[a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+", re.IGNORECASE
)
_CONTENT_ID = re.compile(r"[!-;=?-~]{1,78}")
_TAG = re.compile(r"[A-Za-z0-9_-]{1,256}")
_NOT_IN_TAG = re.compile(r"[^A-Za-z0-9_-]")
_OUR_TAG = re.compile(r"ms_id|tag\d+")


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="pascal", omit_defaults=True):
    pass


class _Text(_Wire, frozen=True):
    data: str
    # Not a default, which would be left out: without it SES takes 7-bit ASCII only.
    charset: str


class _Body(_Wire, frozen=True):
    text: _Text | None = None
    html: _Text | None = None


class _Pair(_Wire, frozen=True):
    name: str
    value: str


class _File(_Wire, frozen=True):
    raw_content: msgspec.Raw
    file_name: str
    content_type: str
    content_disposition: str
    content_transfer_encoding: str
    content_id: str | None = None


class _Simple(_Wire, frozen=True):
    subject: _Text
    body: _Body
    headers: list[_Pair]
    attachments: list[_File] = []


class _Raw(_Wire, frozen=True):
    data: msgspec.Raw


class _EmailContent(_Wire, frozen=True):
    simple: _Simple | None = None
    raw: _Raw | None = None


class _Destination(_Wire, frozen=True):
    to_addresses: list[str] = []
    cc_addresses: list[str] = []
    bcc_addresses: list[str] = []


class _SendEmail(_Wire, frozen=True):
    destination: _Destination
    content: _EmailContent
    email_tags: list[_Pair]
    from_email_address: str | None = None
    reply_to_addresses: list[str] = []
    configuration_set_name: str | None = None


_encode = msgspec.json.Encoder().encode


def body_of(
    message: Message,
    to: frozenset[Address],
    *,
    configuration_set: str | None,
    now: datetime,
    hostname: str,
) -> bytes:
    """Return the JSON body of SendEmail for a message that SES can express.

    Args:
        message: Every local part in it is ASCII.
        to: Where it goes; fewer than its recipients when others were served before.
        configuration_set: What makes SES publish events for it.
        now: For the Date of a Raw mail. SES puts its own there, and its own Message-ID.
        hostname: For the Message-ID of a Raw mail.
    """
    content = message.content
    carried, left_over = _split_metadata(content)
    headers = [("X-MS-ID", str(message.id))]
    if left_over:
        headers.append(("X-Metadata", json.dumps(left_over)))
    tags = _tags(message, carried)
    in_parts = content.raw is None and _is_whole(content, to)
    simple = _simple(content, headers) if in_parts else None
    if simple is not None:
        request = _SendEmail(
            from_email_address=ascii_mailbox(content.sender),
            destination=_Destination(
                to_addresses=_mailboxes(content.to),
                cc_addresses=_mailboxes(content.cc),
                bcc_addresses=_mailboxes(content.bcc),
            ),
            reply_to_addresses=_mailboxes(content.reply_to),
            content=_EmailContent(simple=simple),
            email_tags=tags,
            configuration_set_name=configuration_set,
        )
    else:
        # FromEmailAddress and ReplyToAddresses would replace the headers; they are left to them.
        mail = render(
            message, date=now, message_id=f"<{message.id}@{hostname}>", extra_headers=headers
        )
        envelope: list[str] = [ascii_form(a) or a for a in content.recipients if a in to]
        request = _SendEmail(
            destination=_Destination(to_addresses=envelope),
            content=_EmailContent(raw=_Raw(data=base64_of(mail))),
            email_tags=tags,
            configuration_set_name=configuration_set,
        )
    return _encode(request)


def _is_whole(content: Content, to: frozenset[Address]) -> bool:
    """Whether the call is for everybody in the headers, each named once.

    Whether SES sends twice to who stands in two fields is not documented; the envelope of a Raw
    mail leaves no doubt.
    """
    named = len(content.to) + len(content.cc) + len(content.bcc)
    return named == len(content.recipients) == len(to)


def _simple(content: Content, ours: list[tuple[str, str]]) -> _Simple | None:
    """Return the Simple form; None when it would lose something."""
    headers = _headers([*content.headers, *ours])
    body = _Body(
        text=_Text(data=content.text, charset="UTF-8") if content.text else None,
        html=_Text(data=content.html, charset="UTF-8") if content.html else None,
    )
    if headers is None or not content.subject or not (body.text or body.html):
        return None
    files = content.attachments
    if files and not all(_is_plain(file) for file in files):
        return None
    return _Simple(
        subject=_Text(data=content.subject, charset="UTF-8"),
        body=body,
        headers=headers,
        attachments=[_file(file) for file in files],
    )


def _headers(headers: list[tuple[str, str]]) -> list[_Pair] | None:
    """Return the headers within the model's limits; None when they are beyond."""
    if len(headers) > _MAX_HEADERS or len({name.lower() for name, _ in headers}) < len(headers):
        return None
    pairs = [_Pair(name=name, value=ascii_value(value)) for name, value in headers]
    for pair in pairs:
        if not (pair.value and _HEADER_NAME.fullmatch(pair.name)):
            return None
        if len(pair.name) + len(pair.value) > _MAX_HEADER_CHARS:
            return None
    return pairs


def _is_plain(attachment: Attachment) -> bool:
    """Whether its name and type are nothing that SES might write differently from us."""
    content_id = attachment.content_id
    return bool(
        _FILE_NAME.fullmatch(attachment.filename)
        and _CONTENT_TYPE.fullmatch(attachment.content_type)
        and len(attachment.content_type) <= 78
        and (content_id is None or _CONTENT_ID.fullmatch(content_id))
    )


def _file(attachment: Attachment) -> _File:
    inline = attachment.disposition is Disposition.INLINE
    return _File(
        raw_content=base64_of(attachment.content),
        file_name=attachment.filename,
        content_type=attachment.content_type,
        content_disposition="INLINE" if inline else "ATTACHMENT",
        content_id=attachment.content_id,
        content_transfer_encoding="BASE64",  # left out, SES takes the file for 7-bit text
    )


def _split_metadata(content: Content) -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return what fits into tags, and the rest, which a header carries, visible to readers."""
    fits, left_over = [], {}
    for name, value in content.metadata:
        if _TAG.fullmatch(name) and _TAG.fullmatch(value) and not _OUR_TAG.fullmatch(name):
            fits.append((name, value))
        else:
            left_over[name] = value
    return fits, left_over


def _tags(message: Message, metadata: list[tuple[str, str]]) -> list[_Pair]:
    pairs = [_Pair(name="ms_id", value=message.id)]
    for number, tag in enumerate(message.content.tags, start=1):
        pairs.append(_Pair(name=f"tag{number}", value=_NOT_IN_TAG.sub("_", tag) or "_"))
    for name, value in metadata:
        pairs.append(_Pair(name=name, value=value))
    return pairs


def _mailboxes(boxes: tuple[Mailbox, ...]) -> list[str]:
    return [ascii_mailbox(box) for box in boxes]
