"""The body of a mail that somebody else wrote: its texts and its files.

Neighbours: `head` reads fields, `whole` decides what becomes of what is found. The reader is our
own since the standard library's holds every line of a mail in Python, 30 MB of them too, and
looks at each once for every level of nesting. Nothing here raises; depth and number of parts are
bounded, and a mail beyond them, or of a kind that would be broken by taking it apart, says why.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.message import Message as StdlibMessage
from email.utils import collapse_rfc2231_value

from ..domain.message import Attachment, Disposition
from .head import Head, decoded, read_head

MAX_PARTS = 500
MAX_DEPTH = 20

_NOT_REBUILT = {
    "multipart/signed": "it is signed (RFC 1847), and rebuilding it would break the signature",
    "multipart/encrypted": "it is encrypted (RFC 1847), and there is nothing to rebuild it from",
    "application/pkcs7-mime": "it is signed or encrypted (S/MIME, RFC 8551)",
    "application/x-pkcs7-mime": "it is signed or encrypted (S/MIME, RFC 8551)",
}
_NOT_IN_FILE_NAME = re.compile(r"[\x00-\x1f\x7f\u0080-\u009f\u2028\u2029/\\]+")


@dataclass(slots=True)
class Parts:
    """What a body holds.

    Attributes:
        text, html: The first of each that is shown.
        attachments: All else, in order.
        obstacle: Why it cannot be taken apart and put together again; None when it can.
        losses: What is told differently when it is put together again, in words.
    """

    text: str | None = None
    html: str | None = None
    attachments: list[Attachment] = field(default_factory=list)
    obstacle: str | None = None
    losses: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Part:
    head: Head
    body: bytes
    within: str  #: the subtype of the multipart that holds it; empty for the whole mail
    depth: int


def read_parts(raw: bytes) -> Parts:
    """Return what a whole mail holds. Never raises."""
    found = Parts()
    head = read_head(raw)
    waiting = [_Part(head, raw[head.body_at :], "", 0)]
    seen = 0
    while waiting:
        part = waiting.pop()
        seen += 1
        media_type, parameters = _content_type(part)
        if media_type in _NOT_REBUILT:
            found.obstacle = _NOT_REBUILT[media_type]
            return found
        boundary = parameters.get_boundary() if media_type.startswith("multipart/") else None
        if boundary:
            if part.depth == MAX_DEPTH or seen + len(waiting) > MAX_PARTS:
                found.obstacle = f"it has more than {MAX_PARTS} parts, or {MAX_DEPTH} within others"
                return found
            inner = _inner(part, boundary, media_type.partition("/")[2])
            waiting.extend(reversed(inner))
        else:
            _sort(found, part, media_type, parameters)
    return found


def _inner(part: _Part, boundary: str, subtype: str) -> list[_Part]:
    """Split a multipart body at its boundary (RFC 2046 section 5.1.1)."""
    mark = re.escape(boundary.rstrip().encode("utf-8", "surrogateescape"))
    lines = re.split(rb"(?:\A|\r\n)--%s(--)?[ \t]*(?=\r\n|\Z)" % mark, part.body)
    parts: list[_Part] = []
    # Text between, and what closed the one before: None, or the two dashes that end it all.
    for closing, chunk in zip(lines[1::2], lines[2::2], strict=True):
        if closing is not None or len(parts) > MAX_PARTS:
            break
        octets = chunk.removeprefix(b"\r\n")
        head = read_head(octets)
        parts.append(_Part(head, octets[head.body_at :], subtype, part.depth + 1))
    return parts


def _sort(found: Parts, part: _Part, media_type: str, parameters: StdlibMessage) -> None:
    content = _unencoded(part)
    disposition = parameters.get_content_disposition()
    name = _filename(parameters)
    is_file = disposition == "attachment" or name is not None
    if media_type == "text/plain" and found.text is None and not is_file:
        found.text = _decoded_text(content, parameters)
        return
    if media_type == "text/html" and found.html is None and not is_file:
        found.html = _decoded_text(content, parameters)
        return
    if media_type == "message/rfc822" and name is None:
        name = "message.eml"
    if not is_file and part.within == "alternative":
        found.losses.append(f"its form as {media_type} travels as a file")
    elif not is_file and media_type.startswith("text/"):
        found.losses.append("it has several texts; from the second on they travel as files")
    found.attachments.append(
        Attachment(
            filename=name or f"part-{len(found.attachments) + 1}",
            content_type=media_type,
            content=content,
            content_id=_content_id(part),
            disposition=(
                Disposition.INLINE
                if disposition == "inline" or part.within == "related"
                else Disposition.ATTACHMENT
            ),
        )
    )


def _content_type(part: _Part) -> tuple[str, StdlibMessage]:
    """Return the media type and whoever can tell the parameters (RFC 2045 section 5.2)."""
    told = StdlibMessage()
    for name in ("content-type", "content-disposition"):
        field_ = part.head.first(name)
        if field_ is not None:
            value = field_.octets.partition(b":")[2].replace(b"\r\n", b"").strip()
            told[name] = value.decode("utf-8", "replace")
    default = "message/rfc822" if part.within == "digest" else "text/plain"
    media_type = told.get_content_type() if "content-type" in told else default
    return media_type, told


def _unencoded(part: _Part) -> bytes:
    """Return the octets of a part; what cannot be decoded stays as it came."""
    field_ = part.head.first("content-transfer-encoding")
    encoding = field_.text.lower() if field_ is not None else ""
    try:
        if encoding == "base64":
            return binascii.a2b_base64(part.body)
        if encoding == "quoted-printable":
            return binascii.a2b_qp(part.body)
    except (binascii.Error, ValueError):
        return part.body
    return part.body


def _decoded_text(content: bytes, parameters: StdlibMessage) -> str:
    charset = parameters.get_content_charset("utf-8")
    try:
        text = content.decode(charset, "replace")
    except (LookupError, ValueError):
        text = content.decode("utf-8", "replace")
    return text.replace("\r\n", "\n").replace("\x00", "")


def _filename(parameters: StdlibMessage) -> str | None:
    """Return the name of a file, in its form of RFC 2231 before the plain one beside it."""
    for header, parameter in (("content-disposition", "filename"), ("content-type", "name")):
        named = [v for n, v in parameters.get_params([], header) if n.lower() == parameter]
        named.sort(key=lambda value: isinstance(value, tuple), reverse=True)
        if named:
            name = _NOT_IN_FILE_NAME.sub("_", decoded(collapse_rfc2231_value(named[0]))).strip()
            return name.encode("utf-8", "replace").decode()[:255] or None
    return None


def _content_id(part: _Part) -> str | None:
    field_ = part.head.first("content-id")
    if field_ is None:
        return None
    bare = field_.text.removeprefix("<").removesuffix(">")
    return bare if re.fullmatch(r"[!-;=?-~]{1,255}", bare) else None


def several(losses: Sequence[str]) -> tuple[str, ...]:
    """Return each loss once, in order."""
    return tuple(dict.fromkeys(losses))
