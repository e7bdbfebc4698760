"""A mail as a program says it, and how it is written for the gateway.

Neighbours: `calls` sends it. The fields are those of `POST /v1/messages` (docs/openapi.json), of
which only `sender` has another name, since `from` is a word of Python. Whether an address or a tag
is good is for the gateway to say.
"""

from __future__ import annotations

import mimetypes
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self

import msgspec


class Mailbox(msgspec.Struct, frozen=True, omit_defaults=True):
    """An address with a name; a text such as `Ann <ann@example.net>` does as well."""

    address: str
    name: str = ""


Mailboxes = str | Mailbox | Sequence[str | Mailbox]


class Attachment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file.

    Attributes:
        content_id: For `cid:` links in the HTML, without < and >.
    """

    filename: str
    content: bytes
    content_type: str
    content_id: str | None = None
    disposition: Literal["attachment", "inline"] | None = None

    @classmethod
    def of(cls, path: str | Path) -> Self:
        """Return a file of this machine; its type is guessed from its name."""
        path = Path(path)
        return cls(
            filename=path.name, content=path.read_bytes(), content_type=guessed_type(path.name)
        )


def guessed_type(filename: str) -> str:
    """Return the media type of a file by its name."""
    kind, encoding = mimetypes.guess_type(filename)
    # A guess such as ("application/x-tar", "gzip") is about what is inside.
    return kind if kind and not encoding else "application/octet-stream"


class Mail(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A mail to send. What is left out is decided by the gateway's configuration.

    Attributes:
        sender: What stands in From; None: the gateway's default sender.
        to, cc, bcc: At least one recipient in all three.
        headers: Further header fields.
        tags: To find it by, and to count by.
        metadata: Comes back with the message and its events.
        send_at: With a time zone; None: now.
        give_up_after: Seconds: do not try later than this after acceptance, or `send_at`.
        on_unknown: When nobody knows whether a provider took it: wait for evidence, or ask the
            next provider and risk that it arrives twice.
        idempotency_key: Of two mails with the same key only the first is sent. None: the client
            makes one for each call, so that what *it* repeats is not sent twice; give one such as
            `order-7-confirmation` to be safe from repetitions by your program as well.
    """

    to: Mailboxes = ()
    subject: str = ""
    text: str | None = None
    html: str | None = None
    sender: str | Mailbox | None = msgspec.field(default=None, name="from")
    cc: Mailboxes = ()
    bcc: Mailboxes = ()
    reply_to: Mailboxes = ()
    attachments: Sequence[Attachment] = ()
    headers: Mapping[str, str] = {}
    tags: Sequence[str] = ()
    metadata: Mapping[str, str] = {}
    send_at: datetime | None = None
    give_up_after: float | None = None
    priority: Literal["high", "normal", "low"] | None = None
    route: str | None = None
    on_unknown: Literal["wait", "risk_duplicate"] | None = None
    idempotency_key: str | None = None


def with_key(mail: Mail) -> Mail:
    """Return the mail with an idempotency key: its own, or a new one."""
    if mail.idempotency_key is not None:
        return mail
    return msgspec.structs.replace(mail, idempotency_key=f"py-{secrets.token_hex(16)}")


def document_of(mail: Mail) -> dict[str, Any]:
    """Return the mail as the JSON object that the API takes.

    Raises:
        ValueError: A time without a time zone: nobody could tell when that is.
    """
    if mail.send_at is not None and mail.send_at.tzinfo is None:
        raise ValueError("send_at has no time zone")
    document: dict[str, Any] = msgspec.to_builtins(mail)
    return {name: value for name, value in document.items() if value not in ([], {}, ())}
