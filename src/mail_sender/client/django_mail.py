"""A Django e-mail as a `Mail`: everything that it says, or an error that says what cannot be said.

Neighbours: `django` sends it. Tags, metadata and so on stand in attributes of the message
(`message.tags = ["orders"]`), or in the `X-MS-` header fields of the gateway's SMTP door, for code
that can set nothing else; an attribute counts more.
"""

from __future__ import annotations

import email.message
import email.utils
import json
import mimetypes
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django.core.mail import EmailMessage

from .mail import Attachment, Mail, guessed_type

#: Attributes of a message, or header fields such as `X-MS-Give-Up-After`, and how text is read.
_CONTROLS: Mapping[str, Callable[[str], Any]] = {
    "metadata": json.loads,
    "idempotency_key": str,
    "priority": str,
    "route": str,
    "send_at": datetime.fromisoformat,
    "give_up_after": float,
    "on_unknown": str,
}


def mail_of(message: EmailMessage) -> Mail:
    """Return what Django's message says.

    Raises:
        ValueError: It says something that the gateway's API has no words for.
    """
    headers = {str(name).lower(): str(value) for name, value in message.extra_headers.items()}
    text, html = _bodies(message)
    return Mail(
        sender=headers.get("from", str(message.from_email)),
        to=_texts(message.to),
        cc=_texts(message.cc),
        bcc=_texts(message.bcc),
        reply_to=_reply_to(message, headers),
        subject=str(message.subject),
        text=text,
        html=html,
        attachments=[_attachment(each) for each in message.attachments],
        headers={
            str(name): str(value)
            for name, value in message.extra_headers.items()
            if str(name).lower() not in {"from", "reply-to", *_FIELDS}
        },
        **_controls(message, headers),
    )


def _field_of(name: str) -> str:
    return f"x-ms-{name.replace('_', '-')}"


_FIELDS = frozenset({"x-ms-tag", *(_field_of(name) for name in _CONTROLS)})


def _controls(message: EmailMessage, headers: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, read in _CONTROLS.items():
        text = headers.get(_field_of(name))
        if text is not None:
            try:
                found[name] = read(text.strip())
            except ValueError:
                raise ValueError(f"{_field_of(name)}: {text!r} cannot be read") from None
    if "x-ms-tag" in headers:
        found["tags"] = [tag.strip() for tag in headers["x-ms-tag"].split(",") if tag.strip()]
    for name in (*_CONTROLS, "tags"):
        if getattr(message, name, None) is not None:
            found[name] = getattr(message, name)
    return found


def _texts(addresses: Any) -> list[str]:  # noqa: ANN401 - lists, tuples, lazy translations
    return [str(address) for address in addresses]


def _reply_to(message: EmailMessage, headers: Mapping[str, str]) -> list[str]:
    """A header field counts more than the attribute, as in Django's own messages."""
    if "reply-to" not in headers:
        return _texts(message.reply_to)
    pairs = email.utils.getaddresses([headers["reply-to"]])
    return [email.utils.formataddr(pair) for pair in pairs]


def _bodies(message: EmailMessage) -> tuple[str | None, str | None]:
    """Return text and HTML; the gateway has no other alternatives."""
    found: dict[str, str] = {}
    body = str(message.body)
    if body or not getattr(message, "alternatives", ()):
        found[f"text/{message.content_subtype}"] = body
    for content, kind in getattr(message, "alternatives", None) or ():
        if kind in found:
            raise ValueError(f"two alternatives of {kind}")
        found[kind] = content.decode() if isinstance(content, bytes) else str(content)
    others = sorted(found.keys() - {"text/plain", "text/html"})
    if others:
        raise ValueError(f"an alternative of {', '.join(others)}: attach it instead")
    return found.get("text/plain"), found.get("text/html")


# ---------------------------------------------------------------- attachments


def _attachment(attached: Any) -> Attachment:  # noqa: ANN401 - four kinds, by Django's version
    if isinstance(attached, email.message.Message):
        return _of_part(attached)
    filename, content, kind = attached
    kind = kind or guessed_type(filename or "")
    return Attachment(
        filename=_named(filename, kind), content=_bytes_of(content), content_type=_with_charset(
            kind, content
        ),
    )  # fmt: skip


def _bytes_of(content: Any) -> bytes:  # noqa: ANN401
    if isinstance(content, EmailMessage):
        return bytes(content.message().as_bytes())
    if isinstance(content, email.message.Message):
        return content.as_bytes()
    return content if isinstance(content, bytes) else str(content).encode()


def _with_charset(kind: str, content: Any) -> str:  # noqa: ANN401
    """Say what a text was encoded in, since it was encoded here."""
    is_text = isinstance(content, str) and kind.startswith("text/") and "charset" not in kind
    return f"{kind}; charset=utf-8" if is_text else kind


def _of_part(part: email.message.Message) -> Attachment:
    """Return a MIME part that the program made itself, such as an inline image."""
    kind = part.get_content_type()
    payload = part.get_payload(decode=True)
    content_id = (part.get("Content-ID") or "").strip().strip("<>")
    is_inline = part.get_content_disposition() == "inline" or (
        bool(content_id) and part.get_content_disposition() is None
    )
    return Attachment(
        filename=_named(part.get_filename(), kind),
        content=payload if isinstance(payload, bytes) else next(_inner(part)),
        content_type=_kind_with_parameters(part),
        content_id=content_id or None,
        disposition="inline" if is_inline else None,
    )


def _inner(part: email.message.Message) -> Iterator[bytes]:
    """Yield the message inside a message/rfc822, or a multipart as it is."""
    inside = part.get_payload()
    first = inside[0] if isinstance(inside, list) and inside else None
    if part.get_content_type() == "message/rfc822" and isinstance(first, email.message.Message):
        yield first.as_bytes()
    yield part.as_bytes()


def _kind_with_parameters(part: email.message.Message) -> str:
    """Return the type with its charset; the name stands elsewhere."""
    charset = part.get_content_charset()
    kind = part.get_content_type()
    return f"{kind}; charset={charset}" if charset else kind


def _named(filename: str | None, kind: str) -> str:
    """Return a file name: the gateway sends no file without one."""
    if filename:
        return filename
    plain = kind.partition(";")[0].strip()
    known = {"message/rfc822": ".eml"}.get(plain) or mimetypes.guess_extension(plain)
    return f"attachment{known or '.bin'}"
