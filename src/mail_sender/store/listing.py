"""The part of a message's content that a list shows: everything but what may be large.

It is kept beside the content, so that a page of a list never reads a body.
"""

from __future__ import annotations

import string
from dataclasses import replace
from datetime import datetime, timedelta
from operator import attrgetter

import msgspec

from ..domain.message import Address, Content, Mailbox, Mode, OnUnknown, Priority
from .codec import decode_content

NOT_LISTED = frozenset({"text", "html", "attachments", "headers", "raw"})


class _Listed(msgspec.Struct, frozen=True, omit_defaults=True):
    """The fields of `Content` less `NOT_LISTED`; a test compares them."""

    sender: Mailbox
    to: tuple[Mailbox, ...] = ()
    cc: tuple[Mailbox, ...] = ()
    bcc: tuple[Mailbox, ...] = ()
    reply_to: tuple[Mailbox, ...] = ()
    subject: str = ""
    tags: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    send_at: datetime | None = None
    give_up_after: timedelta | None = None
    priority: Priority = Priority.NORMAL
    route: str | None = None
    on_unknown: OnUnknown | None = None
    mode: Mode = Mode.ASYNC
    timeout: timedelta | None = None
    mail_from: Address | None = None
    unsubscribe: bool = False


_LOWER = {ord(c): c.lower() for c in string.ascii_uppercase}

_FIELDS = _Listed.__struct_fields__
_values = attrgetter(*_FIELDS)
_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Listed)


def without_body(content: Content) -> Content:
    """Return what a list shows of it."""
    return replace(content, text=None, html=None, attachments=(), headers=(), raw=None)


def encode_listed(content: Content) -> str:
    """Return the stored form, JSON."""
    return _encoder.encode(_Listed(*_values(content))).decode()


def decode_listed(stored: str) -> Content:
    """Return the content without its body. Raises `msgspec.DecodeError` for a damaged row."""
    listed = _decoder.decode(stored)
    return Content(**{name: getattr(listed, name) for name in _FIELDS})


def listed_tags(stored: str | None) -> tuple[tuple[str, ...], dict[str, str]]:
    """Return tags and metadata of the stored form; none of a damaged or missing one."""
    try:
        listed = _decoder.decode(stored or "")
    except (msgspec.MsgspecError, ValueError):
        return (), {}
    return listed.tags, dict(listed.metadata)


def readable(content: bytes | None, listed: str | None) -> Content:
    """Return the content; where it is damaged, what lists show of it."""
    try:
        return decode_content(content or b"")
    except (msgspec.MsgspecError, ValueError):
        return readable_listed(listed)


def readable_listed(listed: str | None) -> Content:
    """Return what lists show; where even that is damaged, `unreadable_content`."""
    try:
        return decode_listed(listed or "")
    except (msgspec.MsgspecError, ValueError):
        return unreadable_content()


def unreadable_content() -> Content:
    """Return what stands for a content of which nothing can be read any more."""
    return Content(sender=Mailbox(Address("")))


def ascii_lower(text: str) -> str:
    """Return the text as filters compare it: SQL's `lower`, which changes ASCII only."""
    return text.lower() if text.isascii() else text.translate(_LOWER)
