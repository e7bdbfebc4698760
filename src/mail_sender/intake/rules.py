"""The rules of mail that every message must keep, whichever door it came through. Pure.

A door has already read its own wire format into `Content` (so every address is one). All faults
are found at once, each with a pointer into the request as `POST /v1/messages` has it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..domain.errors import Fault, InvalidMessage
from ..domain.message import Content, Mode
from ..domain.unsubscribe import HEADER_NAMES as OF_UNSUBSCRIBING

MAX_RECIPIENTS = 1000
MAX_SUBJECT_CHARS = 998  #: RFC 5322 section 2.1.1
MAX_TAGS = 10
MAX_METADATA = 20
MAX_METADATA_BYTES = 4096
MAX_HEADER_BYTES = 16 * 1024
MAX_AHEAD = timedelta(days=30)
MIN_TIMEOUT, MAX_TIMEOUT = timedelta(seconds=1), timedelta(seconds=120)

_TAG = re.compile(r"[A-Za-z0-9_-]{1,64}")
_HEADER_NAME = re.compile(r"[!-9;-~]{1,76}")  #: RFC 5322 section 2.2: printable, no colon
_OWNED = re.compile(
    r"(?:from|to|cc|bcc|sender|date|message-id|return-path|received|reply-to|subject|"
    r"mime-version|x-ms-id|dkim-.*|content-.*|resent-.*|arc-.*)",
    re.IGNORECASE,
)
_CONTENT_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(\s*;.*)?")
_BREAKS_LINES = re.compile(r"[\r\n\x00\x0b\x0c\u0085\u2028\u2029]")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What the operator set."""

    max_attachment_bytes: int = 25 * 1024 * 1024


def check(content: Content, *, limits: Limits, now: datetime, has_links: bool = False) -> None:
    """Raise `InvalidMessage` with every fault that the message has; return if it has none.

    Args:
        content: What the client said.
        limits: The operator's.
        now: For `send_at`.
        has_links: Whether a mail can get a link to unsubscribe by.
    """
    faults = [*_recipients(content), *_subject(content), *_bodies(content)]
    if content.headers:
        faults += _headers(content)
    if content.attachments:
        faults += _attachments(content, limits)
    if content.tags or content.metadata:
        faults += _labels(content)
    faults += _times(content, now)
    if content.unsubscribe:
        faults += _unsubscribing(content, has_links=has_links)
    if faults:
        raise InvalidMessage(faults)


def _recipients(content: Content) -> Iterator[Fault]:
    count = len(content.to) + len(content.cc) + len(content.bcc)
    if count == 0:
        yield Fault("/to", "at least one recipient is needed in to, cc or bcc")
    if count > MAX_RECIPIENTS:
        yield Fault("/to", f"{count} recipients; at most {MAX_RECIPIENTS} in to, cc and bcc")


def _subject(content: Content) -> Iterator[Fault]:
    if _BREAKS_LINES.search(content.subject):
        yield Fault("/subject", "a subject is one line: no CR, LF or NUL")
    elif _CONTROL.search(content.subject):
        yield Fault("/subject", "a subject has no control characters")
    if len(content.subject) > MAX_SUBJECT_CHARS:
        yield Fault("/subject", f"longer than {MAX_SUBJECT_CHARS} characters")


def _bodies(content: Content) -> Iterator[Fault]:
    if content.raw is not None:
        yield from _raw(content.raw)
        return
    if not content.text and not content.html:
        yield Fault("/text", "at least one of text and html is needed, and not empty")
    for name, body in (("text", content.text), ("html", content.html)):
        if body and "\x00" in body:
            yield Fault(f"/{name}", "NUL is not allowed in mail")


def _raw(raw: bytes) -> Iterator[Fault]:
    """A lone CR or LF is where two servers may disagree on where a mail ends."""
    if not raw.count(b"\n") == raw.count(b"\r") == raw.count(b"\r\n"):
        yield Fault("/raw", "every line ends with CR LF, and neither stands alone")
    if b"\x00" in raw:
        yield Fault("/raw", "NUL is not allowed in mail")


def _headers(content: Content) -> Iterator[Fault]:
    size = 0
    for name, value in content.headers:
        pointer = f"/headers/{_escaped(name)}"
        size += len(name.encode()) + len(value.encode()) + 4
        if not _HEADER_NAME.fullmatch(name):
            yield Fault(pointer, "a header name is 1 to 76 printable ASCII characters, no colon")
        elif _OWNED.fullmatch(name):
            yield Fault(pointer, "this header belongs to the gateway and cannot be set here")
        if _BREAKS_LINES.search(value) or _CONTROL.search(value):
            yield Fault(pointer, "a header value is one line without control characters")
    if size > MAX_HEADER_BYTES:
        yield Fault("/headers", f"{size} bytes; at most {MAX_HEADER_BYTES}")


def _attachments(content: Content, limits: Limits) -> Iterator[Fault]:
    total = 0
    for index, file in enumerate(content.attachments):
        pointer = f"/attachments/{index}"
        total += len(file.content)
        if not file.filename or len(file.filename) > 255:
            yield Fault(f"{pointer}/filename", "1 to 255 characters")
        elif _BREAKS_LINES.search(file.filename) or _CONTROL.search(file.filename):
            yield Fault(f"{pointer}/filename", "a file name has no control characters")
        elif "/" in file.filename or "\\" in file.filename:
            yield Fault(f"{pointer}/filename", "a name without directories")
        if not _CONTENT_TYPE.fullmatch(file.content_type) or _CONTROL.search(file.content_type):
            yield Fault(f"{pointer}/content_type", "expected a media type such as application/pdf")
        if file.content_id is not None and not re.fullmatch(r"[!-;=?-~]{1,255}", file.content_id):
            yield Fault(f"{pointer}/content_id", "1 to 255 printable ASCII, without < and >")
    if total > limits.max_attachment_bytes:
        yield Fault("/attachments", f"{total} bytes in all; at most {limits.max_attachment_bytes}")


def _labels(content: Content) -> Iterator[Fault]:
    if len(content.tags) > MAX_TAGS:
        yield Fault("/tags", f"{len(content.tags)} tags; at most {MAX_TAGS}")
    for index, tag in enumerate(content.tags):
        if not _TAG.fullmatch(tag):
            yield Fault(f"/tags/{index}", "a tag is 1 to 64 of A-Z a-z 0-9 _ -")
    if len(content.metadata) > MAX_METADATA:
        yield Fault("/metadata", f"{len(content.metadata)} pairs; at most {MAX_METADATA}")
    size = sum([len(k.encode()) + len(v.encode()) for k, v in content.metadata])
    if size > MAX_METADATA_BYTES:
        yield Fault("/metadata", f"{size} bytes; at most {MAX_METADATA_BYTES}")
    for key, value in content.metadata:
        if not key or len(key) > 64 or _CONTROL.search(key) or _CONTROL.search(value):
            yield Fault(
                f"/metadata/{_escaped(key)}", "keys of 1 to 64 characters, no control characters"
            )


def _times(content: Content, now: datetime) -> Iterator[Fault]:
    if content.send_at is not None:
        if content.mode is Mode.SYNC:
            yield Fault("/send_at", "a sync request is sent now; use mode async to schedule")
        elif content.send_at > now + MAX_AHEAD:
            yield Fault("/send_at", f"at most {MAX_AHEAD.days} days ahead")
    if content.give_up_after is not None and content.give_up_after < timedelta(seconds=1):
        yield Fault("/give_up_after", "at least 1 second")
    if content.timeout is not None:
        if content.mode is not Mode.SYNC:
            yield Fault("/timeout", "only for mode sync; for async use the header Prefer: wait=N")
        elif not MIN_TIMEOUT <= content.timeout <= MAX_TIMEOUT:
            yield Fault("/timeout", "1 to 120 seconds")


def _unsubscribing(content: Content, *, has_links: bool) -> Iterator[Fault]:
    if not content.unsubscribe:
        return
    if not has_links:
        yield Fault("/unsubscribe", "this gateway has no unsubscribe.url for links in mails")
    if len(content.recipients) > 1:
        # RFC 8058 section 3.1: the link says whom it is about, and all copies of a mail are alike.
        yield Fault("/unsubscribe", "only for mail to one recipient: the link in it is personal")
    for name, _ in content.headers:
        if name.lower() in OF_UNSUBSCRIBING:
            yield Fault(f"/headers/{_escaped(name)}", "it is set by `unsubscribe`: leave one out")


def _escaped(name: str) -> str:
    """Return a reference token (RFC 6901 section 3)."""
    return name.replace("~", "~0").replace("/", "~1")
